/* All sessions of the user table, one after the other, and single ones by their hashes: for who
 * keeps a list of its own of them, as a node of a cluster does. */
#ifndef TIDEGATE_USER_WALK_H
#define TIDEGATE_USER_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/user_name.h"
#include "rcu_walk.h"
#include "user_table.h"

/* A session that was met: a copy, since it may be gone by now. Plain data. */
struct user_seen {
	handle_t handle;
	uint64_t key;    /* user_table_hash64 of the user */
	uint64_t epoch;  /* of its acceptance */
	uint32_t device; /* user_table_device_hash of the device */
	bool speaks_v1;
	uint8_t name_len;
	uint8_t device_len;
	/* Of the user, and behind it of the device. */
	char names[USER_NAME_MAX + DEVICE_NAME_MAX];
};

/* Goes on with a walk, past at most `users` users: hands their sessions to `take`, which must not
 * change the table. Whoever stays is met once, whoever comes and goes, but for two users in 2^32,
 * whose hash is the same; who has gone and come back may be met twice; of a session that is
 * replaced on the way either one is met. A call holds RCU: with a thousand users a turn nobody
 * waits for it. Thread: registered. Returns 1 when there are more, 0 at the end. Errors: -ENOMEM:
 * the walk stands where it stood. */
int user_walk_on(struct user_table *table, struct rcu_walk *walk, uint32_t users,
	void (*take)(void *context, const struct user_seen *session), void *context);

/* Finds the session of a user's device that was accepted at `epoch`, if it is in the table.
 * Thread: registered. */
bool user_walk_find(struct user_table *table, uint64_t key, uint32_t device, uint64_t epoch,
	struct user_seen *ret_session);

#endif
