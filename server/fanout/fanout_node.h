/* What the fan-outs of all workers share. */
#ifndef TIDEGATE_FANOUT_NODE_H
#define TIDEGATE_FANOUT_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/budget.h"
#include "../base/mailbox.h"
#include "../user/user_table.h"
#include "elsewhere.h"
#include "rooms.h"

/* What one worker tells the others about its receivers. */
struct fanout_gauge {
	_Alignas(64) _Atomic uint32_t receivers;
	_Atomic uint32_t lagging; /* of them, those with much queued */
	atomic_bool holds_back;   /* has paused feeders: wants its bell when the pressure falls */
};

enum {
	FANOUT_LAG_PLACES = 1024,
};

/* Owner:  the gateway.
 * Shared: all workers. */
struct fanout_node {
	uint32_t worker_count;
	struct mailbox **mailboxes;  /* of the workers, by id */
	struct fanout_gauge *gauges; /* of the workers, by id */
	struct budget *budget;
	struct user_table *users;
	struct rooms *rooms;
	_Atomic size_t backlog;       /* bytes of batches some worker has not handed out yet */
	_Atomic size_t backlog_limit; /* the high watermark; half of it is the low one */
	uint32_t mail_kind;           /* of the items it posts */
	struct elsewhere *elsewhere;  /* what other nodes want; NULL without a cluster */
	/* Sessions that lag, by the hash of their user: whoever shares a place with one is taken
	 * for one. Rooms count theirs themselves. */
	_Atomic uint32_t lagging_users[FANOUT_LAG_PLACES];
};

static inline void fanout_node_note_lag(struct fanout_node *node, uint32_t user_hash, bool lags)
{
	atomic_fetch_add_explicit(&node->lagging_users[user_hash % FANOUT_LAG_PLACES],
		lags ? 1 : UINT32_MAX, memory_order_relaxed);
}

static inline bool fanout_node_user_lags(const struct fanout_node *node, uint32_t user_hash)
{
	return atomic_load_explicit(&node->lagging_users[user_hash % FANOUT_LAG_PLACES],
		       memory_order_relaxed) > 0;
}

#endif
