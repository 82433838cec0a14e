#include <errno.h>
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
	SHARED_LEN = 5004, /* of a frame of 5,000 bytes */
};

static struct budget budget = {.limit = SIZE_MAX};

/* A buf with one frame. */
static struct buf *make_buf(void)
{
	struct buf *buf;
	assert_int_equal(
		buf_create(&budget, BUDGET_BATCHES, sizeof(struct buf), SHARED_LEN, &buf), 0);
	frame_header_write(buf->data, FRAME_TEXT, SHARED_LEN - 4, NULL);
	memset(buf->data + 4, 's', SHARED_LEN - 4);
	buf->len = SHARED_LEN;
	return buf;
}

/* All kinds of pieces: what is left of a frame, a Pong, a shared frame and one more of its own, of
 * which `sent` bytes have left. */
static struct tx_queue *make_queue(struct buf *buf, size_t sent)
{
	static const uint8_t frame[] = "\x81\x08"
				       "one more";
	struct tx_queue *queue;
	assert_int_equal(tx_queue_create(&queue), 0);
	tx_queue_walk(queue, (const uint8_t *)"\x82", 1);
	assert_int_equal(tx_queue_copy(queue, (const uint8_t *)"\x05hello", 6), 0);
	assert_int_equal(tx_queue_put_urgent(queue, (const uint8_t *)"\x8a\x02me", 4), 0);
	assert_int_equal(tx_queue_share(queue, buf, buf->data, SHARED_LEN), 0);
	assert_int_equal(tx_queue_copy(queue, frame, sizeof(frame) - 1), 0);
	queue->own = 10;
	queue->lag = TX_LAG_GIVEN_UP;
	queue->lagging_since = 7;
	queue->progress_tick = 9;
	tx_queue_consume(queue, sent);
	return queue;
}

static size_t flatten(const struct tx_queue *queue, uint8_t *ret_bytes)
{
	struct iovec iov[16];
	size_t len = 0;
	const int count = tx_queue_peek(queue, iov, 16);
	for (int i = 0; i < count; i++) {
		memcpy(ret_bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	assert_int_equal(len, queue->bytes);
	return len;
}

/* Both say the same from here on, whatever is done with them. */
static void expect_the_same(struct tx_queue *a, struct tx_queue *b)
{
	static uint8_t bytes_a[8192];
	static uint8_t bytes_b[8192];
	const size_t len = flatten(a, bytes_a);
	assert_int_equal(flatten(b, bytes_b), len);
	assert_memory_equal(bytes_a, bytes_b, len);
}

static void test_sent_up_to_each_byte(void **state)
{
	struct buf *buf = make_buf();
	const size_t all = 6 + 4 + SHARED_LEN + 10;
	for (size_t sent = 0; sent <= all; sent += sent < 40 || sent + 40 > all ? 1 : 97) {
		for (int what = 0; what < 3; what++) {
			struct tx_queue *a = make_queue(buf, sent);
			struct tx_queue *b = tx_queue_again(make_queue(buf, sent), &budget);
			expect_the_same(a, b);
			if (what == 1) {
				tx_queue_cut(a);
				tx_queue_cut(b);
			} else if (what == 2) {
				const uint8_t *pong = (const uint8_t *)"\x8a\x05later";
				assert_int_equal(tx_queue_put_urgent(a, pong, 7), 0);
				assert_int_equal(tx_queue_put_urgent(b, pong, 7), 0);
			}
			expect_the_same(a, b);
			tx_queue_destroy(&a);
			tx_queue_destroy(&b);
		}
	}
	assert_true(buf_is_exclusive(buf));
	buf_unref(&buf);
	assert_int_equal(budget_used(&budget), 0);
}

/* A line that its transport alone stalls. */
static void test_an_empty_queue(void **state)
{
	struct tx_queue *queue;
	assert_int_equal(tx_queue_create(&queue), 0);
	queue = tx_queue_again(queue, &budget);
	assert_int_equal(queue->bytes, 0);
	assert_null(queue->first);
	tx_queue_destroy(&queue);
}

/* Many queues over one buf: it travels once. */
static void test_a_buf_travels_once(void **state)
{
	struct buf *buf = make_buf();
	struct shared_bufs *given;
	struct pack pack = PACK_EMPTY;
	assert_int_equal(shared_bufs_create(&given), 0);
	for (int i = 0; i < 100; i++) {
		struct tx_queue *queue = make_queue(buf, 0);
		assert_int_equal(tx_queue_pack(queue, given, &pack), 0);
		tx_queue_destroy(&queue);
	}
	assert_int_equal(shared_bufs_count(given), 1);
	assert_true(pack.len < 100 * 100);
	struct shared_bufs *taken = shared_bufs_again(given, &budget);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	struct tx_queue *queues[100];
	for (int i = 0; i < 100; i++) {
		assert_int_equal(tx_queue_unpack(&unpack, taken, &queues[i]), 0);
	}
	assert_true(unpack_is_over(&unpack));
	assert_int_equal(shared_bufs_get(taken, 0)->refs, 101);
	for (int i = 0; i < 100; i++) {
		tx_queue_destroy(&queues[i]);
	}
	pack_finish(&pack);
	shared_bufs_destroy(&given);
	shared_bufs_destroy(&taken);
	buf_unref(&buf);
	assert_int_equal(budget_used(&budget), 0);
}

/* --- nonsense ----------------------------------------------------------------------------------
 */

/* A pack, and the bufs that go with it. */
struct packed {
	struct pack pack;
	struct shared_bufs *taken;
};

static struct packed make_packed(void)
{
	struct packed packed = {.pack = PACK_EMPTY};
	struct shared_bufs *given;
	struct buf *buf = make_buf();
	struct tx_queue *queue = make_queue(buf, 0);
	assert_int_equal(shared_bufs_create(&given), 0);
	assert_int_equal(tx_queue_pack(queue, given, &packed.pack), 0);
	packed.taken = shared_bufs_again(given, &budget);
	shared_bufs_destroy(&given);
	tx_queue_destroy(&queue);
	buf_unref(&buf);
	return packed;
}

static void end_packed(struct packed *packed)
{
	pack_finish(&packed->pack);
	shared_bufs_destroy(&packed->taken);
	assert_int_equal(budget_used(&budget), 0);
}

/* What is made of bytes of that very size; whatever it is can be cut behind the frame under way,
 * sent and freed. */
static int unpack_copy_of(
	const struct packed *packed, const uint8_t *bytes, size_t len, bool does_cut)
{
	uint8_t *copy = split_copy(bytes, len);
	struct unpack unpack = unpack_of(copy, len);
	struct tx_queue *queue;
	int err = tx_queue_unpack(&unpack, packed->taken, &queue);
	free(copy);
	if (!err) {
		if (does_cut) {
			tx_queue_cut(queue);
		}
		tx_queue_consume(queue, queue->bytes);
		tx_queue_destroy(&queue);
	}
	return err;
}

static void test_a_part_of_it(void **state)
{
	struct packed packed = make_packed();
	for (size_t len = 0; len < packed.pack.len; len++) {
		assert_int_equal(unpack_copy_of(&packed, packed.pack.bytes, len, true), -EINVAL);
	}
	assert_int_equal(unpack_copy_of(&packed, packed.pack.bytes, packed.pack.len, true), 0);
	end_packed(&packed);
}

/* Where the first byte of each field stands. */
enum field {
	FIELD_LEFT = 0,
	FIELD_HEADER_LEN = 8,
	FIELD_HEADER = 9,
	FIELD_LAG = 18,
	FIELD_COUNT = 27,
	FIELD_FIRST_PIECE = 31,
	FIELD_FIRST_LEN = 32,
};

static void expect_wrong(struct packed *packed, size_t at, uint8_t value)
{
	const uint8_t before = packed->pack.bytes[at];
	packed->pack.bytes[at] = value;
	assert_int_equal(
		unpack_copy_of(packed, packed->pack.bytes, packed->pack.len, true), -EINVAL);
	packed->pack.bytes[at] = before;
}

static void test_what_makes_no_sense(void **state)
{
	struct packed packed = make_packed();
	expect_wrong(&packed, FIELD_LEFT + 7, 1);      /* in a payload and in a header */
	expect_wrong(&packed, FIELD_LEFT, 0x80);       /* more than was ever queued */
	expect_wrong(&packed, FIELD_HEADER_LEN, 10);   /* no header of ours is so long */
	expect_wrong(&packed, FIELD_LAG, 3);           /* no such state */
	expect_wrong(&packed, FIELD_COUNT, 1);         /* more pieces than come */
	expect_wrong(&packed, FIELD_FIRST_PIECE, 3);   /* no such kind */
	expect_wrong(&packed, FIELD_FIRST_PIECE, 2);   /* a Pong in the middle of a frame */
	expect_wrong(&packed, FIELD_FIRST_LEN + 3, 0); /* an empty piece */
	end_packed(&packed);
}

static void test_random_changes(void **state)
{
	struct packed packed = make_packed();
	uint32_t random = 99;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[512];
		assert_true(packed.pack.len <= sizeof(bytes));
		memcpy(bytes, packed.pack.bytes, packed.pack.len);
		for (uint32_t changes = 1 + split_random(&random) % 3; changes > 0; changes--) {
			bytes[split_random(&random) % packed.pack.len] ^=
				(uint8_t)(1 << split_random(&random) % 8);
		}
		const int err = unpack_copy_of(&packed, bytes, packed.pack.len, i % 2 > 0);
		assert_true(err == 0 || err == -EINVAL);
	}
	end_packed(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_up_to_each_byte),
		cmocka_unit_test(test_an_empty_queue),
		cmocka_unit_test(test_a_buf_travels_once),
		cmocka_unit_test(test_a_part_of_it),
		cmocka_unit_test(test_what_makes_no_sense),
		cmocka_unit_test(test_random_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
