#include "memberships.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

#define IS_ONE  ((membership_t)1)
#define IS_TOLD ((membership_t)2)

enum {
	SINCE_SHIFT = 2,
	ROOM_SHIFT = 20,
	ROOM_ALIGNED = 16,
	/* Steps until they go round. A membership follows what is said at a distance that is more
	 * than all that may be under way, so that this is never a round ahead of it. */
	ROUND = 1 << (ROOM_SHIFT - SINCE_SHIFT),
	BEHIND = ROUND / 4,
	AHEAD = ROUND / 2 + ROUND / 4, /* from there on it was said before */
	LIST_MIN = 32,                 /* bytes */
};

static membership_t make(const struct room *room, uint32_t since, bool is_told)
{
	const uint64_t at = (uintptr_t)room;
	ASSERT(at % ROOM_ALIGNED == 0 && at >> (64 - ROOM_SHIFT + 4) == 0);
	return at / ROOM_ALIGNED << ROOM_SHIFT | (uint64_t)(since % ROUND) << SINCE_SHIFT |
	       (is_told ? IS_TOLD : 0) | IS_ONE;
}

static uint32_t since_of(membership_t membership)
{
	return (uint32_t)(membership >> SINCE_SHIFT) % ROUND;
}

/* --- what they say -----------------------------------------------------------------------------
 */

bool memberships_is_told(struct conn *conn, uint16_t at)
{
	uint16_t count;
	return memberships_all(conn, &count)[at] & IS_TOLD;
}

void memberships_set_told(struct conn *conn, uint16_t at, bool is_told)
{
	uint16_t count;
	membership_t *membership = &memberships_all(conn, &count)[at];
	*membership = (*membership & ~IS_TOLD) | (is_told ? IS_TOLD : 0);
}

uint16_t memberships_find(const struct rooms *rooms, struct conn *conn, struct slice name)
{
	uint16_t count;
	const membership_t *all = memberships_all(conn, &count);
	if (count <= 1) {
		/* As most are in one room, and speak there: the hash would cost more than the look.
		 */
		return count == 1 && slice_equals(room_name(membership_room(all[0])), name)
			       ? 0
			       : MEMBERSHIPS_NONE;
	}
	const uint32_t hash = rooms_hash(rooms, name);
	for (uint16_t i = 0; i < count; i++) {
		const struct room *room = membership_room(all[i]);
		if (room_hash(room) == hash && slice_equals(room_name(room), name)) {
			return i;
		}
	}
	return MEMBERSHIPS_NONE;
}

static membership_t *find_exactly(struct conn *conn, uint32_t hash, uint32_t serial)
{
	uint16_t count;
	membership_t *all = memberships_all(conn, &count);
	for (uint16_t i = 0; i < count; i++) {
		const struct room *room = membership_room(all[i]);
		if (room_hash(room) == hash && room_serial(room) == serial) {
			return &all[i];
		}
	}
	return NULL;
}

bool memberships_hears(
	struct conn *conn, uint32_t hash, uint32_t serial, uint32_t number, bool is_telling)
{
	membership_t *membership = find_exactly(conn, hash, serial);
	if (!membership) {
		return false;
	}
	const bool is_told = *membership & IS_TOLD;
	const uint32_t ahead = (number / ROOM_STEP - since_of(*membership)) % ROUND;
	if (ahead >= AHEAD) {
		return false;
	}
	if (ahead > BEHIND) {
		*membership =
			make(membership_room(*membership), number / ROOM_STEP - BEHIND, is_told);
	}
	return !is_telling || is_told;
}

void memberships_note_lag(struct conn *conn, bool lags)
{
	uint16_t count;
	const membership_t *all = memberships_all(conn, &count);
	for (uint16_t i = 0; i < count; i++) {
		room_note_lag(membership_room(all[i]), lags);
	}
}

/* --- coming and going --------------------------------------------------------------------------
 */

static size_t bytes_of(uint16_t capacity)
{
	return sizeof(struct memberships) + capacity * sizeof(membership_t);
}

/* An allocator's next size: four from one power of two to the next. */
static size_t bytes_after(size_t bytes)
{
	return bytes < 128 ? bytes + 16 : bytes + ((size_t)16 << (63 - 6 - __builtin_clzll(bytes)));
}

/* A list of `count` that has room for one more. NULL without memory. */
static struct memberships *make_list(const membership_t *all, uint16_t count)
{
	size_t bytes = LIST_MIN;
	while (bytes < bytes_of((uint16_t)(count + 1))) {
		bytes = bytes_after(bytes);
	}
	struct memberships *list = malloc(bytes);
	if (list) {
		list->count = count;
		list->capacity = (uint16_t)((bytes - bytes_of(0)) / sizeof(membership_t));
		memcpy(list->all, all, count * sizeof(*all));
	}
	return list;
}

/* NULL while there is no more than one. */
static struct memberships *list_of(uint64_t place)
{
	return place & IS_ONE ? NULL : (struct memberships *)(uintptr_t)place;
}

/* The old list, if it was one, gives way to what comes in its place. */
static void replace(struct rooms *rooms, uint64_t *place, uint64_t next)
{
	struct memberships *old = list_of(*place);
	rooms_charge(rooms,
		(ptrdiff_t)malloc_usable_size(list_of(next)) - (ptrdiff_t)malloc_usable_size(old));
	free(old);
	*place = next;
}

/* Makes sure that there is a list with room for one more. */
static int make_place(struct rooms *rooms, struct conn *conn)
{
	uint64_t *place = conn_rooms(conn);
	const struct memberships *list = list_of(*place);
	if (list && list->count < list->capacity) {
		return 0;
	}
	uint16_t count;
	const membership_t *all = memberships_all(conn, &count);
	const struct memberships *grown = make_list(all, count);
	if (!grown) {
		return -ENOMEM;
	}
	replace(rooms, place, (uintptr_t)grown);
	return 0;
}

int memberships_add(
	struct rooms *rooms, struct conn *conn, struct room *room, uint32_t since, bool is_told)
{
	uint64_t *place = conn_rooms(conn);
	const membership_t membership = make(room, since, is_told);
	if (*place == 0) {
		*place = membership;
	} else {
		int err = make_place(rooms, conn);
		if (err) {
			return err;
		}
		struct memberships *list = list_of(*place);
		list->all[list->count++] = membership;
	}
	if (conn->flags & CONN_LAGS) {
		room_note_lag(room, true);
	}
	return 0;
}

void memberships_remove(struct rooms *rooms, struct conn *conn, uint16_t at)
{
	uint64_t *place = conn_rooms(conn);
	struct memberships *list = list_of(*place);
	if (conn->flags & CONN_LAGS) {
		room_note_lag(memberships_room(conn, at), false);
	}
	if (!list) {
		*place = 0;
		return;
	}
	list->all[at] = list->all[--list->count];
	if (list->count == 1) {
		replace(rooms, place, list->all[0]);
	}
}
