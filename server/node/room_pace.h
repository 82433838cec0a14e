/* How often others are told of a room's members: at once when the first one comes or the last one
 * goes, and when somebody begins or ceases to watch, unless that happens all the time; else once a
 * second at most for each room.
 *
 * A room stays here for a second after it was told of, longer while it changes. */
#ifndef TIDEGATE_ROOM_PACE_H
#define TIDEGATE_ROOM_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/slice.h"

/* What is told of a room. */
struct room_figures {
	uint32_t users;
	bool is_watched; /* some sessions are told who comes and goes */
};

struct room_pace_ops {
	/* How a room is now. */
	struct room_figures (*look)(void *context, struct slice name, uint64_t key);
	/* To be told to others. */
	void (*tell)(void *context, uint64_t key, struct room_figures figures);
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct room_pace;

/* Errors: -ENOMEM. */
int room_pace_create(const struct room_pace_ops *ops, void *context, struct room_pace **ret_pace);

/* Frees it, and nulls the giver's pointer. *pace may be NULL. */
void room_pace_destroy(struct room_pace **pace);

/* A room has changed. `key` is rooms_hash64 of its name. */
void room_pace_on_change(struct room_pace *pace, struct slice name, uint64_t key, uint64_t now_ms);

/* Tells all that has changed, whether or not it is due: another process is to go on. */
void room_pace_tell_all(struct room_pace *pace);

/* Tells what is due. Once a turn. Returns in how many ms to come back; -1: nothing waits. */
int room_pace_turn(struct room_pace *pace, uint64_t now_ms);

#endif
