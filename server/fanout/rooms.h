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
#include "room.h"
#include "room_part.h"

struct rooms;
struct room;

enum {
	ROOMS_KEY_BYTES = 16,
};

/* `expected` rooms are provided for at once; more need rooms_housekeep. The budget is charged for
 * each room that there is. No limit. `hash_key`: ROOMS_KEY_BYTES that the nodes of a cluster have
 * in common; NULL: random ones. Errors: -ENOMEM. */
int rooms_create(
	size_t expected, struct budget *budget, const uint8_t *hash_key, struct rooms **ret_rooms);

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

/* The whole of it, whose high half rooms_hash is: what nodes of a cluster know a room by.
 * Thread: any. */
uint64_t rooms_hash64(const struct rooms *rooms, struct slice name);

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

/* The same for one that was in the room before, in another process: no limit holds for it.
 * Thread: as above. Errors: -ENOMEM. */
int room_return(struct rooms *rooms, struct slice name, uint8_t worker, struct user_entry *entry,
	struct room **ret_room, struct room_change *ret_change);

/* A member is none any more, and the room may be gone. Thread: as above. */
struct room_change room_leave(
	struct rooms *rooms, struct room *room, uint8_t worker, const struct user_entry *entry);

/* A room by its name, or NULL; it stays until rooms_find_end. Thread: registered. */
struct room *rooms_find_begin(struct rooms *rooms, struct slice name, uint32_t hash);
void rooms_find_end(struct rooms *rooms);

/* Likewise a room by its hash alone, which others may have too: where it does not matter if it is
 * another one. */
struct room *rooms_find_by_hash_begin(struct rooms *rooms, uint32_t hash);

/* The part of a worker in the room of that name, if it has members there: it stays as long as the
 * worker does not change it itself. `hash` is room_hash(). Thread: that worker, registered. */
const struct room_part *rooms_part_of(
	struct rooms *rooms, struct slice name, uint32_t hash, uint8_t worker);

#endif
