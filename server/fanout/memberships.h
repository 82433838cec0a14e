/* The rooms that one session is in: a word for each. Most are in none and some in one, whose word
 * stands where the pointer to a list would: neither takes more than that. A list of several has 8
 * bytes in front. */
#ifndef TIDEGATE_MEMBERSHIPS_H
#define TIDEGATE_MEMBERSHIPS_H

#include <stdbool.h>
#include <stdint.h>

#include "../conn/conn.h"
#include "rooms.h"

/* One membership:
 *
 *   44 bits  where the room is, in units of 16 bytes, as it is aligned
 *   18       from when on its talk is heard, in steps (see room_say), of which these are the last
 * bits 1       is told who comes and goes 1       set: it is no pointer to a list
 */
typedef uint64_t membership_t;

enum {
	MEMBERSHIPS_MOST = 1023,
	MEMBERSHIPS_NONE = UINT16_MAX, /* no place in the list */
};

/* Of more than one.
 * Owner:  a connection.
 * Shared: never.
 * Freed:  when there is only one again. */
struct memberships {
	uint16_t count;
	uint16_t capacity;
	membership_t all[];
};

static inline struct room *membership_room(membership_t membership)
{
	return (struct room *)(uintptr_t)(membership >> 20 << 4);
}

/* All of a session's, in a row. */
static inline membership_t *memberships_all(struct conn *conn, uint16_t *ret_count)
{
	uint64_t *place = conn_rooms(conn);
	if (*place == 0 || *place & 1) {
		*ret_count = *place & 1;
		return place;
	}
	struct memberships *list = (struct memberships *)(uintptr_t)*place;
	*ret_count = list->count;
	return list->all;
}

/* How many rooms a session is in. */
static inline uint16_t memberships_count(struct conn *conn)
{
	uint16_t count;
	memberships_all(conn, &count);
	return count;
}

static inline struct room *memberships_room(struct conn *conn, uint16_t at)
{
	uint16_t count;
	return membership_room(memberships_all(conn, &count)[at]);
}

/* Whether it has asked to be told who comes to that room and goes. */
bool memberships_is_told(struct conn *conn, uint16_t at);
void memberships_set_told(struct conn *conn, uint16_t at, bool is_told);

/* Where a room stands in the list, by its name, or MEMBERSHIPS_NONE. */
uint16_t memberships_find(const struct rooms *rooms, struct conn *conn, struct slice name);

/* Whether what was said by that number is for this session, in the room of that hash and serial
 * number; with `is_telling`, whether it has asked to be told who comes and goes. To be asked for
 * all that is said there, or the first of what goes on with it in a batch, since numbers go round:
 * what is heard now is heard a round later too. */
bool memberships_hears(
	struct conn *conn, uint32_t hash, uint32_t serial, uint32_t number, bool is_telling);

/* The session lags from now on, or no more: all its rooms know; those that it comes to, or goes
 * from, too. */
void memberships_note_lag(struct conn *conn, bool lags);

/* `since` is that of the room_change. What the list holds is charged to the rooms. Errors: -ENOMEM;
 * then it is as before. */
int memberships_add(
	struct rooms *rooms, struct conn *conn, struct room *room, uint32_t since, bool is_told);

/* Others change their places. */
void memberships_remove(struct rooms *rooms, struct conn *conn, uint16_t at);

#endif
