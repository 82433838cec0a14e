/* The rooms that one session is in. Most are in none, which costs nothing; the first one is 16
 * bytes, each more 12. */
#ifndef TIDEGATE_MEMBERSHIPS_H
#define TIDEGATE_MEMBERSHIPS_H

#include <stdbool.h>
#include <stdint.h>

#include "../conn/conn.h"
#include "rooms.h"

enum {
	MEMBERSHIPS_MOST = 1023,
	MEMBERSHIPS_NONE = UINT16_MAX, /* no place in the list */
};

/* How much of a room's talk a member gets. */
struct membership {
	uint32_t since : 31;  /* what was said by this number, and before, is not for him */
	uint32_t is_told : 1; /* who comes and goes */
};

/* Owner:  a connection.
 * Shared: never.
 * Freed:  with the last membership. */
struct memberships {
	uint16_t count;
	uint16_t capacity; /* one less than a power of two, so that the pointers are aligned */
	struct membership marks[]; /* `capacity` of them, and then as many rooms */
};

static inline struct room **memberships_rooms(const struct memberships *list)
{
	return (struct room **)(list->marks + list->capacity);
}

/* How many rooms a session is in. */
static inline uint16_t memberships_count(struct conn *conn)
{
	const struct memberships *list = *conn_rooms(conn);
	return list ? list->count : 0;
}

static inline struct room *memberships_room(struct conn *conn, uint16_t at)
{
	return memberships_rooms(*conn_rooms(conn))[at];
}

/* Where a room stands in the list, by its name and hash, or MEMBERSHIPS_NONE. */
uint16_t memberships_find(struct conn *conn, struct slice name, uint32_t hash);

/* Whether what was said by that number is for this session, in the room of that hash and serial
 * number; with `is_telling`, whether it has asked to be told who comes and goes. */
bool memberships_hears(
	struct conn *conn, uint32_t hash, uint32_t serial, uint32_t number, bool is_telling);

/* The session lags from now on, or no more: all its rooms know; those that it comes to, or goes
 * from, too. */
void memberships_note_lag(struct conn *conn, bool lags);

/* What the list holds is charged to the rooms. Errors: -ENOMEM; then it is as before. */
int memberships_add(
	struct rooms *rooms, struct conn *conn, struct room *room, struct membership mark);

/* Others change their places. */
void memberships_remove(struct rooms *rooms, struct conn *conn, uint16_t at);

#endif
