/* What the fan-outs of all workers share. */
#ifndef TIDEGATE_FANOUT_NODE_H
#define TIDEGATE_FANOUT_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/mailbox.h"

/* What one worker tells the others about its receivers. */
struct fanout_gauge {
	_Alignas(64) _Atomic uint32_t receivers;
	_Atomic uint32_t stalled;     /* of them, those whose sockets are full */
	_Atomic uint32_t lagging;     /* of these, those with much queued */
	_Atomic size_t largest_queue; /* bytes, plus one; 0: not looked for, as below the limit */
	atomic_bool holds_back; /* has paused feeders: wants its bell when the pressure falls */
};

/* Owner:  the gateway.
 * Shared: all workers. */
struct fanout_node {
	uint32_t worker_count;
	struct mailbox **mailboxes;  /* of the workers, by id */
	struct fanout_gauge *gauges; /* of the workers, by id */
	struct memory_budget *budget;
	struct memory_budget pooled;  /* what workers keep for their next turns: a few batches each,
				       * which nobody waits for and no limit counts */
	_Atomic size_t backlog;       /* bytes of batches some worker has not handed out yet */
	_Atomic size_t backlog_limit; /* the high watermark; half of it is the low one */
	uint32_t mail_kind;           /* of the items it posts */
};

#endif
