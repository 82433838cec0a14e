/* What a worker's fan-out is made of: for fanout.c and fanout_pass.c. */
#ifndef TIDEGATE_FANOUT_INNER_H
#define TIDEGATE_FANOUT_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "../conn/conns.h"
#include "batch_log.h"
#include "gathering.h"
#include "posting.h"
#include "pressure.h"
#include "recipients.h"

/* Owner:  one worker.
 * Shared: never, but through the node. */
struct fanout {
	struct fanout_node *node;
	struct conns *conns;
	uint8_t worker;
	struct pressure pressure;
	struct gathering gathering;
	struct posting posting;
	struct batch_log log;
	bool in_pass;
	uint64_t pass_end;  /* everybody visited is at least here */
	uint32_t cursor;    /* receivers below it are still to be visited */
	uint64_t delivered; /* stats->deliveries when the pass began */
	/* A pass that visits only those whom something may be for, and where it is as long as it
	 * walks over them. */
	bool is_partial;
	bool is_walking;
	struct batch *walked;
	uint64_t walked_number;
	uint32_t walked_message;
	struct recipients walk;
	uint32_t receiver_count;
	uint32_t receiver_capacity;
	uint32_t *receivers; /* indexes of connections */
};

#endif
