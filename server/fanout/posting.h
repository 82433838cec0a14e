/* What one thread gives to the fan-out: the batch that is being filled, where batches come from,
 * and their way to the workers. A worker's fan-out has one, and so has who brings in what other
 * nodes say. */
#ifndef TIDEGATE_POSTING_H
#define TIDEGATE_POSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/handle.h"
#include "../base/mailbox.h"
#include "batch.h"
#include "fanout_node.h"

enum {
	POSTING_NO_WORKER = HANDLE_WORKER_RESERVED,
};

/* Owner:  one thread.
 * Shared: never; its batches are. */
struct posting {
	struct fanout_node *node;
	/* Whose thread it is, who takes his own part of a batch when it is published;
	 * POSTING_NO_WORKER: no worker's, and all get theirs by mail. */
	uint8_t worker;
	/* What is posted here is not for other nodes, whatever they want. */
	bool is_local;
	/* A batch is on its way; the poster's reference holds it until this returns. NULL: nobody
	 * wants to hear of it. */
	void (*published)(void *context, struct batch *batch);
	void *context;
	struct batch_pool pool;
	struct batch *filling; /* of this turn; NULL until something is posted */
};

/* One that has posted nothing yet. */
static inline void posting_init(struct posting *posting, struct fanout_node *node, uint8_t worker,
	void (*published)(void *context, struct batch *batch), void *context)
{
	*posting = (struct posting){
		.node = node,
		.worker = worker,
		.published = published,
		.context = context,
		.pool.node = node,
	};
}

/* The batch of this turn, with room for a frame of `frame_len` bytes more; one without is published
 * first. Errors: -ENOMEM. */
int posting_take(struct posting *posting, size_t frame_len, struct batch **ret_batch);

/* Sends the batch of this turn on its way, which there is. */
void posting_send(struct posting *posting);

/* The same if there is one: to the workers it is for, and to the registrar what other nodes want.
 * Most turns have none. */
static inline void posting_publish(struct posting *posting)
{
	if (posting->filling) {
		posting_send(posting);
	}
}

/* Other nodes want what is posted here, as far as they do; NULL: they get nothing of it. */
static inline struct elsewhere *posting_elsewhere(const struct posting *posting)
{
	return posting->is_local ? NULL : posting->node->elsewhere;
}

/* Publishes what there is and gives back the pool. */
void posting_finish(struct posting *posting);

/* --- the registrar's side ------------------------------------------------------------------------
 */

/* The batch of a mail of kind elsewhere->batch_kind. */
struct batch *posting_arrived(const struct fanout_node *node, struct mail *mail);

/* It has been seen to; nulls the giver's pointer. Thread: any. */
void posting_seen_to(struct fanout_node *node, struct batch **batch);

#endif
