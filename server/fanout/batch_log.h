/* The batches that a worker hands out, oldest first, until all its receivers have had them. */
#ifndef TIDEGATE_BATCH_LOG_H
#define TIDEGATE_BATCH_LOG_H

#include <stdint.h>

#include "batch.h"
#include "fanout_node.h"

/* Owner:  one worker. Zeroed but for the first two: empty.
 * Shared: never; batches have a link for each worker. */
struct batch_log {
	struct fanout_node *node;
	uint8_t worker;
	struct batch *oldest, *newest; /* NULL: there are none */
	uint64_t oldest_number;
	uint64_t next_number; /* of the batch that comes next */
	uint32_t messages;    /* in all of them */
	uint32_t for_all;     /* of the batches, those with anything for everybody */
};

/* Takes over a batch. */
void batch_log_append(struct batch_log *log, struct batch *batch);

/* Lets go those whose numbers are below `end`. */
void batch_log_trim(struct batch_log *log, uint64_t end);

/* The batch of that number, which is in the log; NULL for next_number. */
static inline struct batch *batch_log_at(const struct batch_log *log, uint64_t number)
{
	struct batch *batch = log->oldest;
	for (uint64_t n = log->oldest_number; n < number; n++) {
		batch = batch_after(batch, log->worker);
	}
	return batch;
}

#endif
