/* Telling those in a room who have asked for it who comes and goes: packet 122. PROTOCOL section 6.
 *
 * Numbers are of users on all nodes: those of this one, and what the others have told of theirs. In
 * a room of many only the number is told, and at most once a second; and a second after two threads
 * have told something at the same time, since theirs may arrive in either order. Other nodes are
 * told of single changes; numbers they find out by themselves.
 *
 * What there is no memory for is not told. */
#ifndef TIDEGATE_TELLING_H
#define TIDEGATE_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/loop.h"
#include "posting.h"
#include "rooms.h"

/* What one thread tells, and the rooms whose number it has yet to tell.
 * Owner:  one thread, as is `posting`.
 * Shared: never. */
struct telling {
	struct posting *posting;
	struct telling_due *due;
	uint32_t due_count;
	uint32_t due_capacity;
	uint32_t due_tick; /* of the last look at them */
};

/* Who has come or gone, and what is told of it. */
struct telling_of {
	struct batch_user user; /* without a name: only the number is told */
	uint32_t device;        /* user_entry_device_hash of his session */
	uint8_t change;         /* enum members_change */
	/* Users elsewhere whom the directory does not know of yet; below zero: it counts some that
	 * are gone. */
	int32_t beside;
};

void telling_finish(struct telling *telling);

/* Users in a room of this node, on all nodes. Thread: registered. */
uint32_t telling_users(const struct fanout_node *node, const struct room *room);

/* Tells it, or notes that the number is to be told. Returns the bytes that each of them gets now;
 * 0: none. */
size_t telling_who_came(struct telling *telling, const struct telling_of *its, struct room *room,
	uint32_t now_tick);

/* He was the last one of a room on this node, which is gone: those elsewhere who have asked for it
 * are told. */
void telling_who_left_none(struct telling *telling, const struct telling_of *its, struct slice room,
	uint32_t room_hash);

/* Somebody has come or gone elsewhere: the number is told, if it is not the one that was told last.
 */
void telling_check(struct telling *telling, struct room *room, uint32_t now_tick);

/* The number is told, not before a tick; unless another thread, or this one before, has taken that
 * on already. */
void telling_put_off(struct telling *telling, struct room *room, uint32_t until_tick);

enum {
	/* Between two numbers of a large room: a second and the tick under way. */
	TELLING_TICKS = 1000 / LOOP_TICK_MS + 1,
};

/* Whether there are numbers to be told, now or later. */
static inline bool telling_has_due(const struct telling *telling)
{
	return telling->due_count > 0;
}

/* Tells the numbers that are due. Once a turn. */
void telling_numbers(struct telling *telling, uint32_t now_tick);

/* Tells all numbers, whether or not they are due: nobody will be there to do so later. What two
 * threads have told at the same time may have to be told once more; then some are due again, but
 * not behind a second call. */
void telling_numbers_now(struct telling *telling, uint32_t now_tick);

#endif
