/* A session comes to a room and goes: by itself, or by a backend's hand. PROTOCOL section 6. */
#ifndef TIDEGATE_JOIN_H
#define TIDEGATE_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/say_packets.h"
#include "sessions.h"

/* All of it inside a visit, for sessions that speak tidegate.v1. Those in the room who have asked
 * for it are told. Room names must be valid. `*ret_users` is how many are in the room then.
 * Thread: the owner of the connection. */

/* Where the room stands among the session's memberships, or MEMBERSHIPS_NONE. */
uint16_t join_membership(const struct sessions *sessions, struct conn *conn, struct slice room);

/* The session joins, or is in already: then only `is_told` may change, whether it is told who comes
 * and goes. Returns PACKET_DONE, PACKET_TOO_MANY_ROOMS, or PACKET_BUSY where rooms may not grow:
 * that is counted and logged. */
enum packet_result join_enter(struct sessions *sessions, struct conn *conn, struct slice room,
	bool is_told, uint32_t *ret_users);

/* Returns PACKET_DONE or PACKET_NOT_A_MEMBER. */
enum packet_result join_leave(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users);

/* The session leaves all its rooms, before it logs out. */
void join_leave_all(struct sessions *sessions, struct conn *conn);

/* As join_enter and join_leave, but the session is told as well that it has come, or was taken out.
 * One that is in already is told nothing. */
enum packet_result join_put_in(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users);
enum packet_result join_take_out(
	struct sessions *sessions, struct conn *conn, struct slice room, uint32_t *ret_users);

/* --- outside of a visit; nobody is told --- */

/* The session was in that room in another process and is again; no limit holds. `told_number`: of
 * one that is told, the number of users that it was told last. Errors: -ENOMEM. */
int join_return(struct sessions *sessions, struct conn *conn, struct slice room, bool is_told,
	uint32_t told_number);

/* It is in no room any more, since another process has it from now on. */
void join_forget_all(struct sessions *sessions, struct conn *conn);

#endif
