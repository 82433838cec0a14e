/* The members of a room that one worker serves: a set of sessions, by user, as an open table in one
 * piece. For rooms.c and who hands out.
 *
 * 8 bytes a place, three quarters of which are taken at most. */
#ifndef TIDEGATE_ROOM_PART_H
#define TIDEGATE_ROOM_PART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build_config.h"

/* As in user_node.h. */
#if !HAVE_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>

#include "../user/user_table.h"

/* Owner:  its worker, which alone changes it, under the room's lock.
 * Shared: other workers read `next`, `count` and `worker` under RCU, and the rest under the lock;
 * its own worker reads all of it without. Freed:  a grace period after a larger or smaller one has
 * taken its place, or with the room. */
struct room_part {
	struct room_part *_Atomic next; /* another worker's */
	_Atomic uint32_t count;
	uint8_t size; /* of the place in memory, see room_part_places */
	uint8_t worker;
	uint16_t version;            /* another one when sessions have changed places */
	struct user_entry *places[]; /* NULL: free */
};

enum {
	ROOM_PART_SMALLEST = 32, /* bytes; then 48, 64, 80, 96, 112, 128, 160, 192, 224, 256 ... */
};

/* Where the places were, on its way out: there are two at least. */
static inline struct rcu_head *room_part_rcu(struct room_part *part)
{
	_Static_assert(sizeof(struct rcu_head) <= 2 * sizeof(part->places[0]), "fits there");
	return (struct rcu_head *)part->places;
}

/* Bytes of a part of that size: an allocator's own, of which there are four from one power of two
 * to the next, so that nothing is lost to rounding. */
static inline size_t room_part_bytes(uint8_t size)
{
	const uint32_t from_64 = size - 2U;
	return size < 2 ? ROOM_PART_SMALLEST + 16U * size
			: (size_t)(64 + 16 * (from_64 % 4)) << from_64 / 4;
}

static inline uint32_t room_part_places(const struct room_part *part)
{
	return (uint32_t)((room_part_bytes(part->size) - offsetof(struct room_part, places)) /
			  sizeof(part->places[0]));
}

/* An empty one with room for `count` sessions. Errors: -ENOMEM. */
int room_part_create(uint8_t worker, uint32_t count, struct room_part **ret_part);

/* Whether one session more, or the present ones, want another size; then room_part_create makes it
 * and room_part_move fills it. */
bool room_part_is_full(const struct room_part *part);
bool room_part_is_roomy(const struct room_part *part);
void room_part_move(struct room_part *to, const struct room_part *from);

/* There must be a free place. */
void room_part_add(struct room_part *part, struct user_entry *entry);

/* The session must be in it. */
void room_part_remove(struct room_part *part, const struct user_entry *entry);

/* Whether some session of the user of `entry` is in it. */
bool room_part_has_user(const struct room_part *part, const struct user_entry *entry);

#endif
