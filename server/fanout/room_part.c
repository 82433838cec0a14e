#include "room_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

/* Sessions that fit into so many places: three quarters. */
static uint32_t load_max(uint32_t places)
{
	return (uint32_t)(UINT64_C(3) * places / 4);
}

/* Where a search for a session begins. */
static uint32_t home_of(const struct user_entry *entry, uint32_t places)
{
	return (uint32_t)((uint64_t)user_entry_hash(entry) * places >> 32);
}

static uint32_t next_of(uint32_t at, uint32_t places)
{
	return at + 1 < places ? at + 1 : 0;
}

/* Steps from one place on to another. */
static uint32_t steps(uint32_t from, uint32_t to, uint32_t places)
{
	return to >= from ? to - from : to + places - from;
}

static uint32_t count_of(const struct room_part *part)
{
	return atomic_load_explicit(&part->count, memory_order_relaxed);
}

int room_part_create(uint8_t worker, uint32_t count, struct room_part **ret_part)
{
	struct room_part wanted = {.size = 0};
	while (load_max(room_part_places(&wanted)) < count) {
		wanted.size++;
	}
	struct room_part *part = calloc(1, room_part_bytes(wanted.size));
	if (!part) {
		return -ENOMEM;
	}
	part->size = wanted.size;
	part->worker = worker;
	*ret_part = part;
	return 0;
}

bool room_part_is_full(const struct room_part *part)
{
	return count_of(part) + 1 > load_max(room_part_places(part));
}

bool room_part_is_roomy(const struct room_part *part)
{
	return part->size > 0 && count_of(part) * 6 < room_part_places(part);
}

static void put(struct room_part *part, struct user_entry *entry)
{
	const uint32_t places = room_part_places(part);
	uint32_t at = home_of(entry, places);
	while (part->places[at]) {
		at = next_of(at, places);
	}
	part->places[at] = entry;
}

void room_part_move(struct room_part *to, const struct room_part *from)
{
	for (uint32_t i = 0; i < room_part_places(from); i++) {
		if (from->places[i]) {
			put(to, from->places[i]);
		}
	}
	to->version = (uint16_t)(from->version + 1);
	atomic_store_explicit(&to->count, count_of(from), memory_order_relaxed);
}

void room_part_add(struct room_part *part, struct user_entry *entry)
{
	put(part, entry);
	atomic_store_explicit(&part->count, count_of(part) + 1, memory_order_release);
}

/* Closes the gap, so that a search may stop at the first free place: Knuth, The Art of Computer
 * Programming, volume 3, section 6.4, algorithm R. */
static void close_gap(struct room_part *part, uint32_t gap)
{
	const uint32_t places = room_part_places(part);
	for (uint32_t at = next_of(gap, places); part->places[at]; at = next_of(at, places)) {
		uint32_t home = home_of(part->places[at], places);
		if (steps(home, at, places) >= steps(gap, at, places)) {
			part->places[gap] = part->places[at];
			gap = at;
		}
	}
	part->places[gap] = NULL;
}

void room_part_remove(struct room_part *part, const struct user_entry *entry)
{
	const uint32_t places = room_part_places(part);
	uint32_t at = home_of(entry, places);
	while (part->places[at] != entry) {
		ASSERT(part->places[at]);
		at = next_of(at, places);
	}
	close_gap(part, at);
	part->version++;
	atomic_store_explicit(&part->count, count_of(part) - 1, memory_order_release);
}

static bool is_same_user(const struct user_entry *a, const struct user_entry *b)
{
	size_t a_len;
	size_t b_len;
	const char *a_name = user_entry_name(a, &a_len);
	const char *b_name = user_entry_name(b, &b_len);
	return user_entry_hash(a) == user_entry_hash(b) && a_len == b_len &&
	       memcmp(a_name, b_name, a_len) == 0;
}

bool room_part_has_user(const struct room_part *part, const struct user_entry *entry)
{
	const uint32_t places = room_part_places(part);
	for (uint32_t at = home_of(entry, places); part->places[at]; at = next_of(at, places)) {
		if (is_same_user(part->places[at], entry)) {
			return true;
		}
	}
	return false;
}
