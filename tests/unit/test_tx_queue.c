#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../server/conn/tx_queue.h"
#include "split.h"
#include "tx_queue_again.h"

enum {
	IOV_MAX_USED = 7,
	MODEL_MAX = 1 << 20,
};

static struct budget budget = {.limit = SIZE_MAX};

static struct tx_queue *make_queue(void)
{
	struct tx_queue *queue;
	assert_int_equal(tx_queue_create(&queue), 0);
	return queue;
}

static void end_queue(struct tx_queue *queue)
{
	tx_queue_destroy(&queue);
	assert_null(queue);
	tx_queue_destroy(&queue);
	assert_int_equal(budget_used(&budget), 0); /* of bufs */
}

/* A frame of ours, filled with bytes that look like headers of large frames. */
static size_t make_frame(uint8_t *ret_frame, size_t payload_len)
{
	size_t header_len = frame_header_write(ret_frame, FRAME_BINARY, payload_len, NULL);
	memset(ret_frame + header_len, 0x7f, payload_len);
	return header_len + payload_len;
}

static size_t queued(const struct tx_queue *queue)
{
	struct iovec iov[1024];
	size_t len = 0;
	int count = tx_queue_peek(queue, iov, 1024);
	for (int i = 0; i < count; i++) {
		assert_true(iov[i].iov_len > 0);
		len += iov[i].iov_len;
	}
	assert_int_equal(len, queue->bytes);
	return len;
}

/* Two frames, the first sent up to each byte: what is cut off is the second, never less. */
static void test_cut_at_every_byte(void **state)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536};
	static uint8_t frames[2 * 65600];
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t first = make_frame(frames, sizes[i]);
		size_t all = first + make_frame(frames + first, 300);
		for (size_t sent = 0; sent <= all; sent += sent < 40 || sent + 400 > all ? 1 : 97) {
			struct tx_queue *queue = make_queue();
			/* Sent before the queue began, and in two pieces. */
			tx_queue_walk(queue, frames, sent / 3);
			tx_queue_walk(queue, frames + sent / 3, sent - sent / 3);
			assert_int_equal(tx_queue_copy(queue, frames + sent, all - sent), 0);
			tx_queue_cut(queue);
			size_t expected = sent == 0 || sent == first || sent == all ? 0
					  : sent < first                            ? first - sent
										    : all - sent;
			assert_int_equal(queued(queue), expected);
			end_queue(queue);
			/* Sent from the queue, and cut there. */
			queue = make_queue();
			assert_int_equal(tx_queue_copy(queue, frames, first), 0);
			assert_int_equal(tx_queue_copy(queue, frames + first, all - first), 0);
			tx_queue_consume(queue, sent);
			tx_queue_cut(queue);
			assert_int_equal(queued(queue), expected);
			assert_int_equal(queue->sent, sent);
			end_queue(queue);
		}
	}
}

static void test_opaque_bytes_are_one_unit(void **state)
{
	static const uint8_t answer[200] = "HTTP/1.1 101 Switching Protocols";
	uint8_t frame[32];
	size_t len = make_frame(frame, 3);
	for (size_t sent = 0; sent <= sizeof(answer) + len; sent++) {
		struct tx_queue *queue = make_queue();
		tx_queue_walk_opaque(queue, sizeof(answer));
		assert_int_equal(tx_queue_copy(queue, answer, sizeof(answer)), 0);
		assert_int_equal(tx_queue_copy(queue, frame, len), 0);
		tx_queue_consume(queue, sent);
		assert_int_equal(tx_queue_put_urgent(queue, (const uint8_t *)"\x8a\0", 2), 0);
		tx_queue_cut(queue);
		size_t expected = sent < sizeof(answer)    ? sizeof(answer) - sent
				  : sent == sizeof(answer) ? 0
							   : sizeof(answer) + len - sent;
		assert_int_equal(queued(queue), expected);
		end_queue(queue);
	}
}

static void test_small_copies_share_a_chunk(void **state)
{
	struct tx_queue *queue = make_queue();
	uint8_t frame[32];
	size_t len = make_frame(frame, 8);
	assert_int_equal(tx_queue_copy(queue, frame, len), 0);
	size_t used = queue->footprint;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(tx_queue_copy(queue, frame, len), 0);
	}
	assert_int_equal(queue->footprint, used);
	struct iovec iov[4];
	assert_int_equal(tx_queue_peek(queue, iov, 4), 1);
	end_queue(queue);
}

static void test_shared_bytes_hold_a_reference_until_sent(void **state)
{
	struct tx_queue *queue = make_queue();
	struct buf *buf;
	assert_int_equal(buf_create(&budget, BUDGET_BATCHES, sizeof(struct buf), 100, &buf), 0);
	make_frame(buf->data, 98);
	assert_int_equal(tx_queue_share(queue, buf, buf->data, 100), 0);
	struct iovec iov;
	assert_int_equal(tx_queue_peek(queue, &iov, 1), 1);
	assert_ptr_equal(iov.iov_base, buf->data);
	tx_queue_consume(queue, 60);
	assert_false(buf_is_exclusive(buf));
	tx_queue_cut(queue);
	assert_int_equal(queue->bytes, 40);
	tx_queue_consume(queue, 40);
	assert_true(buf_is_exclusive(buf));
	assert_int_equal(queue->bytes, 0);
	buf_unref(&buf);
	end_queue(queue);
}

/* --- against a model ---------------------------------------------------------------------------
 */

/* The same, naively: all bytes in a row, and where frames begin. */
struct model {
	uint8_t *bytes; /* unsent ones */
	size_t len;
	size_t *ends; /* ends of frames, counted from the front */
	size_t end_count;
	bool is_begun;    /* whether the first of them is partly sent */
	size_t urgent_at; /* which of them is the urgent one; SIZE_MAX: none */
	struct buf *buf;
};

static void model_insert(struct model *model, size_t index, const uint8_t *frame, size_t len)
{
	size_t at = index ? model->ends[index - 1] : 0;
	memmove(model->bytes + at + len, model->bytes + at, model->len - at);
	memcpy(model->bytes + at, frame, len);
	model->len += len;
	memmove(model->ends + index + 1, model->ends + index,
		(model->end_count - index) * sizeof(size_t));
	model->ends[index] = at;
	model->end_count++;
	for (size_t i = index; i < model->end_count; i++) {
		model->ends[i] += len;
	}
}

static void model_remove(struct model *model, size_t index)
{
	size_t at = index ? model->ends[index - 1] : 0;
	size_t len = model->ends[index] - at;
	memmove(model->bytes + at, model->bytes + at + len, model->len - at - len);
	model->len -= len;
	memmove(model->ends + index, model->ends + index + 1,
		(model->end_count - index - 1) * sizeof(size_t));
	model->end_count--;
	for (size_t i = index; i < model->end_count; i++) {
		model->ends[i] -= len;
	}
}

static void model_put_urgent(struct model *model, const uint8_t *frame, size_t len)
{
	if (model->urgent_at != SIZE_MAX) {
		model_remove(model, model->urgent_at);
	} else {
		model->urgent_at = model->is_begun ? 1 : 0;
	}
	model_insert(model, model->urgent_at, frame, len);
}

static void model_consume(struct model *model, size_t len)
{
	size_t done = 0;
	while (done < model->end_count && model->ends[done] <= len) {
		done++;
	}
	bool is_begun = done < model->end_count && len > (done ? model->ends[done - 1] : 0);
	if (model->urgent_at != SIZE_MAX) {
		/* Gone, or begun: not to be replaced any more. */
		bool is_waiting =
			model->urgent_at > done || (model->urgent_at == done && !is_begun);
		model->urgent_at = is_waiting ? model->urgent_at - done : SIZE_MAX;
	}
	if (len > 0) {
		model->is_begun = done == 0 ? model->is_begun || is_begun : is_begun;
	}
	memmove(model->bytes, model->bytes + len, model->len - len);
	model->len -= len;
	model->end_count -= done;
	memmove(model->ends, model->ends + done, model->end_count * sizeof(size_t));
	for (size_t i = 0; i < model->end_count; i++) {
		model->ends[i] -= len;
	}
}

static void model_cut(struct model *model)
{
	model->end_count = model->is_begun ? 1 : 0;
	model->len = model->is_begun ? model->ends[0] : 0;
	model->urgent_at = SIZE_MAX;
}

static void compare(const struct tx_queue *queue, const struct model *model)
{
	struct iovec iov[4096];
	size_t at = 0;
	int count = tx_queue_peek(queue, iov, 4096);
	assert_true(count < 4096);
	assert_int_equal(queue->bytes, model->len);
	for (int i = 0; i < count; i++) {
		assert_true(at + iov[i].iov_len <= model->len);
		assert_memory_equal(iov[i].iov_base, model->bytes + at, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	assert_int_equal(at, model->len);
}

static void fill(uint32_t *random, uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		data[i] = (uint8_t)split_random(random);
	}
}

static void append(struct tx_queue *queue, struct model *model, uint32_t *random)
{
	static const size_t sizes[] = {0, 1, 2, 100, 125, 126, 2000, 5000, 65535, 65536};
	size_t payload = sizes[split_random(random) % 10];
	bool is_shared = split_random(random) % 3 == 0;
	struct buf *buf;
	assert_int_equal(
		buf_create(&budget, BUDGET_BATCHES, sizeof(struct buf), 65536 + 10, &buf), 0);
	size_t header = frame_header_write(buf->data, FRAME_TEXT, payload, NULL);
	fill(random, buf->data + header, payload < 300 ? payload : 300);
	size_t len = header + payload;
	memset(buf->data + header + (payload < 300 ? payload : 300), 0x7e,
		payload < 300 ? 0 : payload - 300);
	assert_int_equal(is_shared ? tx_queue_share(queue, buf, buf->data, len)
				   : tx_queue_copy(queue, buf->data, len),
		0);
	model_insert(model, model->end_count, buf->data, len);
	buf_unref(&buf);
}

static void consume(struct tx_queue *queue, struct model *model, uint32_t *random)
{
	/* What a socket takes: part of what it is offered. */
	struct iovec iov[IOV_MAX_USED];
	int count = tx_queue_peek(queue, iov, IOV_MAX_USED);
	size_t offered = 0;
	for (int i = 0; i < count; i++) {
		offered += iov[i].iov_len;
	}
	size_t most = split_random(random) % 3 ? 12 : offered;
	size_t len = split_random(random) % ((most < offered ? most : offered) + 1);
	tx_queue_consume(queue, len);
	model_consume(model, len);
}

static void run_against_a_model(bool moves)
{
	for (uint32_t seed = 1; seed <= 60; seed++) {
		uint32_t random = seed * 7919;
		struct tx_queue *queue = make_queue();
		struct model model = {.bytes = malloc(MODEL_MAX),
			.ends = malloc(sizeof(size_t) * 4096),
			.urgent_at = SIZE_MAX};
		for (int step = 0; step < 500; step++) {
			uint8_t pong[127];
			size_t payload = split_random(&random) % 126;
			switch (split_random(&random) % 16) {
			case 0:
			case 1:
			case 2:
			case 3:
				if (model.len < MODEL_MAX - 200000) {
					append(queue, &model, &random);
				}
				break;
			case 4:
			case 5:
				frame_header_write(pong, FRAME_PONG, payload, NULL);
				fill(&random, pong + 2, payload);
				assert_int_equal(tx_queue_put_urgent(queue, pong, 2 + payload), 0);
				model_put_urgent(&model, pong, 2 + payload);
				break;
			case 6:
				if (step % 5 == 0) {
					tx_queue_cut(queue);
					model_cut(&model);
				}
				break;
			default:
				consume(queue, &model, &random);
				break;
			}
			if (moves && step % 3 == 0) {
				queue = tx_queue_again(queue, &budget);
			}
			compare(queue, &model);
		}
		free(model.bytes);
		free(model.ends);
		end_queue(queue);
	}
}

static void test_against_a_model(void **state)
{
	run_against_a_model(false);
}

/* The same, now and then by another queue, as another process has it. */
static void test_moved_ones_against_a_model(void **state)
{
	run_against_a_model(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_opaque_bytes_are_one_unit),
		cmocka_unit_test(test_small_copies_share_a_chunk),
		cmocka_unit_test(test_shared_bytes_hold_a_reference_until_sent),
		cmocka_unit_test(test_against_a_model),
		cmocka_unit_test(test_moved_ones_against_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
