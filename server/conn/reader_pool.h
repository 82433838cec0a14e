/* Readers of frames, lent to connections while a frame or a message is in flight: one takes over
 * 4 KB, so an idle connection has none. */
#ifndef TIDEGATE_READER_POOL_H
#define TIDEGATE_READER_POOL_H

#include <stdint.h>

#include "../../proto/message.h"
#include "../base/budget.h"

enum {
	READER_POOL_SPARES = 64, /* kept to be lent again */
};

/* Owner:  one worker.
 * Shared: never. Does not move: its readers look at its rules. */
struct reader_pool {
	struct message_rules rules;
	uint32_t spare_count;
	uint32_t charged_count; /* spares as charged to the budget */
	struct message_reader *spares[READER_POOL_SPARES];
};

/* Frees the spares; what is lent is its borrowers'. */
void reader_pool_empty(struct reader_pool *pool);

/* Charges the budget with the spares that are there now. */
void reader_pool_charge(struct reader_pool *pool, struct budget *budget);

/* Lends one that is at the beginning of a message. Errors: -ENOMEM. */
int reader_pool_lend(struct reader_pool *pool, struct message_reader **ret_reader);

/* Takes back one that is idle and nulls the giver's pointer. */
void reader_pool_return(struct reader_pool *pool, struct message_reader **reader);

#endif
