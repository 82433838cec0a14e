/* Who is in a room, and which rooms there are, a page at a time. */
#ifndef TIDEGATE_ROOMS_LIST_H
#define TIDEGATE_ROOMS_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "../user/rcu_walk.h"
#include "rooms.h"

/* The names of users in a room behind `after`, in the order of their bytes, at most `most`. They
 * are handed to `take` one by one, and may be used until it returns. Thread: as room_leave. Returns
 * whether there are no more behind them. */
bool room_list(struct rooms *rooms, struct room *room, struct slice after, uint32_t most,
	void (*take)(void *context, struct slice user), void *context);

/* Goes on with a walk: hands at most `most` rooms to `take`, which may say that it has had enough:
 * then that room comes first the next time. Who stays is met once, whoever comes and goes, but for
 * two rooms in 2^32, whose hash is the same. Thread: registered. Returns 1 when there are more, 0
 * at the end. Errors: -ENOMEM. */
int rooms_walk(struct rooms *rooms, struct rcu_walk *walk, uint32_t most,
	bool (*take)(void *context, struct room *room), void *context);

#endif
