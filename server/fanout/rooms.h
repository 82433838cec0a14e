/* Who is in which room, for all workers: a lock-free hash table under RCU (liburcu's lfht) of
 * rooms, each with a part for every worker that has members of it.
 *
 * A membership is a session's; counts and lists are of users, the first session in to the last one
 * out. Who speaks and who hands out only read; who comes and goes takes one of some locks, by the
 * room's name. A room exists while it has members.
 *
 * What rooms hold is a kind of the node's budget, with a limit beyond which nobody may join. What
 * waits for a grace period has been given back by then: it is gone in milliseconds. */
#ifndef TIDEGATE_ROOMS_H
#define TIDEGATE_ROOMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/budget.h"
#include "room_part.h"

struct rooms;
struct room;

/* `expected` rooms are provided for at once; more need rooms_housekeep. The budget is charged for
 * each room that there is. No limit. Errors: -ENOMEM. */
int rooms_create(size_t expected, struct budget *budget, struct rooms **ret_rooms);

/* Frees the table and nulls the giver's pointer; all rooms must be empty. Waits for those on their
 * way out. *rooms may be NULL. Thread: registered. */
void rooms_destroy(struct rooms **rooms);

/* Lets the table grow with the rooms. From time to time. Thread: registered, one at a time. */
void rooms_housekeep(struct rooms *rooms);

/* How many bytes rooms and memberships may hold. May change while running. Thread: any. */
void rooms_set_limit(struct rooms *rooms, size_t bytes);

/* Whether there may be one membership more: neither they nor all that the budget counts are over
 * their limits. A limit that holds to within what is under way. Thread: any. */
bool rooms_may_grow(const struct rooms *rooms);

/* Charges what others hold for the sake of rooms, or gives it back. Thread: any. */
void rooms_charge(struct rooms *rooms, ptrdiff_t bytes);

/* Rooms that there are. Thread: any. */
size_t rooms_count(const struct rooms *rooms);

/* A keyed hash of a room's name. Thread: any. */
uint32_t rooms_hash(const struct rooms *rooms, struct slice name);

/* What a coming or going has changed. */
struct room_change {
	uint32_t users;    /* in the room now */
	uint32_t since;    /* what is said from this step on is for the session */
	bool is_of_a_user; /* the first session of its user, or the last */
};

/* A session becomes a member; the room is made if there is none. It must not be one yet, and must
 * leave before it logs out. Thread: the worker of the entry, registered. Errors: -ENOMEM; -ENOBUFS
 * when rooms may not grow. */
int room_enter(struct rooms *rooms, struct slice name, uint8_t worker, struct user_entry *entry,
	struct room **ret_room, struct room_change *ret_change);

/* A member asks to be told who comes and goes, or does so no more. Returns the users in the room:
 * whoever changes that number from then on sees by room_told that somebody wants to hear of it.
 * Thread: any. */
uint32_t room_set_told(struct room *room, bool is_told);

/* A member is none any more, and the room may be gone. Thread: as above. */
struct room_change room_leave(
	struct rooms *rooms, struct room *room, uint8_t worker, const struct user_entry *entry);

/* --- of a room that the caller's worker has a member of, or under RCU --- */

struct slice room_name(const struct room *room);
uint32_t room_hash(const struct room *room);

/* With the hash, tells a room from all others, those that had its name before included: what is
 * under way to one of them is not for this one. */
uint32_t room_serial(const struct room *room);

uint32_t room_users(const struct room *room);
uint32_t room_sessions(const struct room *room);

/* Sessions that have asked to be told who comes and goes. */
uint32_t room_told(const struct room *room);

/* One session in it begins to lag, or lags no more. Thread: any. */
void room_note_lag(struct room *room, bool lags);

/* Whether some session in it lags; and more than half of them. */
bool room_lags(const struct room *room);
bool room_most_lag(const struct room *room);

/* Notes that the number of users is to be told. Returns whether that was not so before: then it is
 * the caller's to do. */
bool room_claim_count(struct room *room);

/* The caller tells it now, unless that was done less than `every_ticks` ago. Returns whether it
 * may.
 */
bool room_tell_count(struct room *room, uint32_t now_tick, uint32_t every_ticks);

/* A worker tells something of who is there. Returns whether another one has done so less than
 * `ticks` ago: receivers may get what the two tell in either order. */
bool room_note_telling(struct room *room, uint8_t worker, uint32_t now_tick, uint32_t ticks);

enum {
	ROOM_STEP =
		64, /* numbers of what is said, so that who comes need not keep all their bits */
};

/* The number of something that is said now; they go up by one. Who comes to the room begins a step:
 * the next number is a multiple of ROOM_STEP. Thread: any. */
uint32_t room_say(struct room *room);

/* Marks those workers in a set of 256 that have members. Thread: registered. */
void room_mark_workers(struct room *room, uint64_t workers[4]);

/* A room by its name, or NULL; it stays until rooms_find_end. Thread: registered. */
struct room *rooms_find_begin(struct rooms *rooms, struct slice name, uint32_t hash);
void rooms_find_end(struct rooms *rooms);

/* The part of a worker in the room of that name, if it has members there: it stays as long as the
 * worker does not change it itself. `hash` is room_hash(). Thread: that worker, registered. */
const struct room_part *rooms_part_of(
	struct rooms *rooms, struct slice name, uint32_t hash, uint8_t worker);

/* The names of users in a room behind `after`, in the order of their bytes, at most `most`. They
 * are handed to `take` one by one, and may be used until it returns. Thread: as room_leave. Returns
 * whether there are no more behind them. */
bool room_list(struct rooms *rooms, struct room *room, struct slice after, uint32_t most,
	void (*take)(void *context, struct slice user), void *context);

/* --- all of them --- */

#define ROOMS_WALK_POSITION_MAX (UINT64_C(1) << 32)

/* How far a walk over all rooms has come. All zero: to its beginning. Plain data, which may go
 * round the world in between; any numbers are fine. */
struct rooms_walk {
	uint64_t position; /* 0; else one more than a hash, all rooms of which were passed */
	uint32_t skip;     /* rooms behind it that were passed too */
};

/* Goes on with a walk: hands at most `most` rooms to `take`, which may say that it has had enough:
 * then that room comes first the next time. Who stays is met once, whoever comes and goes, but for
 * two rooms in 2^32, whose hash is the same. Thread: registered. Returns 1 when there are more, 0
 * at the end. Errors: -ENOMEM. */
int rooms_walk(struct rooms *rooms, struct rooms_walk *walk, uint32_t most,
	bool (*take)(void *context, struct room *room), void *context);

#endif
