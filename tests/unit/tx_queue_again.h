/* A queue as another process has it: packed, and unpacked with bufs of its own. */
#ifndef TIDEGATE_TESTS_TX_QUEUE_AGAIN_H
#define TIDEGATE_TESTS_TX_QUEUE_AGAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/conn/tx_queue_pack.h"

/* Makes the bufs again of which the giver has given numbers. */
static inline struct shared_bufs *shared_bufs_again(
	struct shared_bufs *given, struct budget *budget)
{
	struct shared_bufs *taken;
	struct buf *buf;
	uint32_t number;
	assert_int_equal(shared_bufs_create(&taken), 0);
	while ((buf = shared_bufs_next(given, &number))) {
		assert_int_equal(shared_bufs_put(taken, budget, BUDGET_BATCHES, number,
					 (struct slice){(const char *)buf->data, buf->capacity}),
			0);
	}
	return taken;
}

/* Gives back the queue that it was made of. */
static inline struct tx_queue *tx_queue_again(struct tx_queue *queue, struct budget *budget)
{
	struct pack pack = PACK_EMPTY;
	struct shared_bufs *given;
	struct tx_queue *again;
	assert_int_equal(shared_bufs_create(&given), 0);
	assert_int_equal(tx_queue_pack(queue, given, &pack), 0);
	assert_false(pack.failed);
	struct shared_bufs *taken = shared_bufs_again(given, budget);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(tx_queue_unpack(&unpack, taken, &again), 0);
	assert_true(unpack_is_over(&unpack));
	assert_int_equal(again->bytes, queue->bytes);
	assert_int_equal(again->own, queue->own);
	assert_int_equal(again->shared_bytes, queue->shared_bytes);
	assert_int_equal(again->lag, queue->lag);
	assert_int_equal(again->lagging_since, queue->lagging_since);
	assert_int_equal(again->progress_tick, queue->progress_tick);
	assert_int_equal(again->urgent != NULL, queue->urgent != NULL);
	assert_false(again->measured);
	pack_finish(&pack);
	shared_bufs_destroy(&given);
	shared_bufs_destroy(&taken);
	tx_queue_destroy(&queue);
	return again;
}

#endif
