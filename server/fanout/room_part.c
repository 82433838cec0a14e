#include "room_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

enum {
	BITS_MIN = 1,
};

/* Three quarters. */
static uint32_t load_max(uint8_t bits)
{
	return (UINT32_C(3) << bits) / 4;
}

static uint32_t mask_of(const struct room_part *part)
{
	return room_part_places(part) - 1;
}

static uint32_t count_of(const struct room_part *part)
{
	return atomic_load_explicit(&part->count, memory_order_relaxed);
}

int room_part_create(uint8_t worker, uint32_t count, struct room_part **ret_part)
{
	uint8_t bits = BITS_MIN;
	while (load_max(bits) < count) {
		bits++;
	}
	size_t places = (size_t)1 << bits;
	struct room_part *part =
		calloc(1, offsetof(struct room_part, places) + places * sizeof(part->places[0]));
	if (!part) {
		return -ENOMEM;
	}
	part->capacity_bits = bits;
	part->worker = worker;
	*ret_part = part;
	return 0;
}

bool room_part_is_full(const struct room_part *part)
{
	return count_of(part) + 1 > load_max(part->capacity_bits);
}

bool room_part_is_roomy(const struct room_part *part)
{
	return part->capacity_bits > BITS_MIN && count_of(part) * 6 < room_part_places(part);
}

static void put(struct room_part *part, struct user_entry *entry)
{
	uint32_t at = user_entry_hash(entry) & mask_of(part);
	while (part->places[at]) {
		at = (at + 1) & mask_of(part);
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
	const uint32_t mask = mask_of(part);
	for (uint32_t at = (gap + 1) & mask; part->places[at]; at = (at + 1) & mask) {
		uint32_t home = user_entry_hash(part->places[at]) & mask;
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			part->places[gap] = part->places[at];
			gap = at;
		}
	}
	part->places[gap] = NULL;
}

void room_part_remove(struct room_part *part, const struct user_entry *entry)
{
	uint32_t at = user_entry_hash(entry) & mask_of(part);
	while (part->places[at] != entry) {
		ASSERT(part->places[at]);
		at = (at + 1) & mask_of(part);
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
	uint32_t at = user_entry_hash(entry) & mask_of(part);
	for (; part->places[at]; at = (at + 1) & mask_of(part)) {
		if (is_same_user(part->places[at], entry)) {
			return true;
		}
	}
	return false;
}
