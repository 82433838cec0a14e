/* What a queue is made of: for tx_queue.c, and for tx_queue_pack.c. */
#ifndef TIDEGATE_TX_QUEUE_INNER_H
#define TIDEGATE_TX_QUEUE_INNER_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct tx_queue;

enum {
	TX_URGENT_MAX = 127, /* bytes of a control frame of ours */
};

/* Owner: its queue. */
struct tx_chunk {
	struct tx_chunk *next;
	struct buf *shared;   /* NULL when the bytes are our own copy */
	const uint8_t *begin; /* not yet sent */
	const uint8_t *end;
	size_t footprint; /* bytes of memory */
	size_t capacity;  /* of `copy` */
	uint8_t copy[];
};

static inline size_t tx_chunk_len(const struct tx_chunk *chunk)
{
	return (size_t)(chunk->end - chunk->begin);
}

/* Bytes from the front to the end of the frame under way: 0 at a boundary. More than are queued,
 * where its end is not, as never in a queue that was filled by ourselves. */
size_t tx_queue_remainder(const struct tx_queue *queue);

#endif
