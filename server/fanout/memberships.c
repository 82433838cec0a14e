#include "memberships.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(uint16_t capacity)
{
	return sizeof(struct memberships) +
	       capacity * (sizeof(struct membership) + sizeof(struct room *));
}

uint16_t memberships_find(struct conn *conn, struct slice name, uint32_t hash)
{
	const struct memberships *list = *conn_rooms(conn);
	for (uint16_t i = 0; list && i < list->count; i++) {
		const struct room *room = memberships_rooms(list)[i];
		if (room_hash(room) == hash && slice_equals(room_name(room), name)) {
			return i;
		}
	}
	return MEMBERSHIPS_NONE;
}

static uint16_t find_exactly(const struct memberships *list, uint32_t hash, uint32_t serial)
{
	for (uint16_t i = 0; list && i < list->count; i++) {
		const struct room *room = memberships_rooms(list)[i];
		if (room_hash(room) == hash && room_serial(room) == serial) {
			return i;
		}
	}
	return MEMBERSHIPS_NONE;
}

bool memberships_hears(
	struct conn *conn, uint32_t hash, uint32_t serial, uint32_t number, bool is_telling)
{
	const uint32_t half = UINT32_C(1) << 30;
	const struct memberships *list = *conn_rooms(conn);
	uint16_t at = find_exactly(list, hash, serial);
	if (at == MEMBERSHIPS_NONE) {
		return false;
	}
	const struct membership mark = list->marks[at];
	/* Numbers go round: what is later is less than half of the way ahead. */
	bool is_later = ((number - mark.since - 1) & (2 * half - 1)) < half;
	return is_later && (!is_telling || mark.is_told);
}

void memberships_note_lag(struct conn *conn, bool lags)
{
	const struct memberships *list = *conn_rooms(conn);
	for (uint16_t i = 0; list && i < list->count; i++) {
		room_note_lag(memberships_rooms(list)[i], lags);
	}
}

static struct memberships *grow(const struct memberships *old)
{
	uint16_t capacity = old ? (uint16_t)(old->capacity * 2 + 1) : 1;
	struct memberships *list = malloc(size_of(capacity));
	if (!list) {
		return NULL;
	}
	list->count = 0;
	list->capacity = capacity;
	if (old) {
		list->count = old->count;
		memcpy(list->marks, old->marks, old->count * sizeof(old->marks[0]));
		memcpy(memberships_rooms(list), memberships_rooms(old),
			old->count * sizeof(struct room *));
	}
	return list;
}

/* Puts a list in the place of the one that is there; either may be NULL. */
static void replace(struct rooms *rooms, struct memberships **place, struct memberships *list)
{
	rooms_charge(
		rooms, (ptrdiff_t)malloc_usable_size(list) - (ptrdiff_t)malloc_usable_size(*place));
	free(*place);
	*place = list;
}

int memberships_add(
	struct rooms *rooms, struct conn *conn, struct room *room, struct membership mark)
{
	struct memberships **place = conn_rooms(conn);
	if (!*place || (*place)->count == (*place)->capacity) {
		struct memberships *grown = grow(*place);
		if (!grown) {
			return -ENOMEM;
		}
		replace(rooms, place, grown);
	}
	struct memberships *list = *place;
	list->marks[list->count] = mark;
	memberships_rooms(list)[list->count++] = room;
	if (conn->flags & CONN_LAGS) {
		room_note_lag(room, true);
	}
	return 0;
}

void memberships_remove(struct rooms *rooms, struct conn *conn, uint16_t at)
{
	struct memberships **place = conn_rooms(conn);
	struct memberships *list = *place;
	uint16_t last = --list->count;
	if (conn->flags & CONN_LAGS) {
		room_note_lag(memberships_rooms(list)[at], false);
	}
	list->marks[at] = list->marks[last];
	memberships_rooms(list)[at] = memberships_rooms(list)[last];
	if (last == 0) {
		replace(rooms, place, NULL);
	}
}
