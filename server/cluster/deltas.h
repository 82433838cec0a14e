/* What has changed on this node, for all others: gathered in a turn, sent at its end. */
#ifndef TIDEGATE_DELTAS_H
#define TIDEGATE_DELTAS_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_directory.h"
#include "sender.h"

/* Owner: the cluster. */
struct deltas {
	struct sender *sender;
	uint8_t *buffer; /* of the sender's capacity */
	struct codec_writer writer;
	bool is_begun;
	uint64_t sent; /* deltas */
};

/* Errors: -ENOMEM. */
int deltas_init(struct deltas *deltas, struct sender *sender);

/* Fine with a zeroed one. */
void deltas_finish(struct deltas *deltas);

/* Adds one. What is full goes at once. */
void deltas_put(struct deltas *deltas, const struct codec_delta *delta);

/* Sends what has been gathered. */
void deltas_flush(struct deltas *deltas);

/* Forgets it: nobody is to hear of it. */
void deltas_drop(struct deltas *deltas);

#endif
