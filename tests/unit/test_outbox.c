#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../server/conn/outbox.h"
#include "split.h"

enum {
	LIMIT = 200000,
	FRAME = 10000,    /* bytes of a frame, header included */
	STREAM = 8 << 20, /* bytes of the longest test */
};

/* A connection as far as an outbox knows it, and what its peer should get. */
struct rig {
	struct loop loop;
	struct budget budget;
	struct outbox *outbox;
	struct conn conn;
	int peer_fd;
	uint8_t *sent;
	size_t sent_len;
	uint8_t *got;
	size_t got_len;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int fds[2];
	int tiny = 4096;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny));
	rig->loop = (struct loop){.now_tick = 1000};
	rig->budget.limit = SIZE_MAX;
	rig->conn = (struct conn){.fd = fds[0], .index = 7, .state = CONN_LIVE};
	rig->peer_fd = fds[1];
	rig->sent = malloc(STREAM);
	rig->got = malloc(STREAM);
	assert_int_equal(outbox_create(&rig->loop, LIMIT, &rig->outbox), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	if (rig->outbox->conn) {
		outbox_close(rig->outbox);
	}
	outbox_drop_queue(rig->outbox, &rig->conn);
	assert_int_equal(budget_used(&rig->budget), 0);
	assert_int_equal(rig->outbox->lagging_count, 0);
	outbox_destroy(&rig->outbox);
	outbox_destroy(&rig->outbox);
	close(rig->conn.fd);
	close(rig->peer_fd);
	free(rig->sent);
	free(rig->got);
	free(rig);
	return 0;
}

/* The peer takes up to `most` bytes; they are the next ones that were sent. */
static size_t take(struct rig *rig, size_t most)
{
	ssize_t len = recv(rig->peer_fd, rig->got + rig->got_len, most, 0);
	if (len <= 0) {
		return 0;
	}
	assert_true(rig->got_len + (size_t)len <= rig->sent_len);
	assert_memory_equal(rig->got + rig->got_len, rig->sent + rig->got_len, (size_t)len);
	rig->got_len += (size_t)len;
	return (size_t)len;
}

/* Gathers one frame of `len` bytes, header included, filled with numbers. */
static void reserve_frame(struct rig *rig, size_t len, uint8_t fill)
{
	size_t payload = len < 128 ? len - 2 : len < 65540 ? len - 4 : len - 10;
	uint8_t *room = outbox_reserve(rig->outbox, len);
	assert_non_null(room);
	size_t header = frame_header_write(room, FRAME_BINARY, payload, NULL);
	assert_int_equal(header + payload, len);
	for (size_t i = header; i < len; i++) {
		room[i] = (uint8_t)(fill + i * 7);
	}
	memcpy(rig->sent + rig->sent_len, room, len);
	rig->sent_len += len;
}

static void fill_socket(struct rig *rig)
{
	for (int i = 0; !rig->conn.tx; i++) {
		assert_true(i < 1000);
		reserve_frame(rig, FRAME, (uint8_t)i);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	}
}

static void test_taken_at_once_costs_nothing(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < 1000; i++) {
		outbox_open(rig->outbox, &rig->conn);
		reserve_frame(rig, 100, (uint8_t)i);
		reserve_frame(rig, 2, (uint8_t)i);
		/* Scratch that lies side by side is one piece, and so one plain send. */
		assert_int_equal(rig->outbox->pieces, 1);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
		outbox_close(rig->outbox);
		assert_null(rig->conn.tx);
		assert_int_equal(budget_used(&rig->budget), 0);
		assert_int_equal(take(rig, STREAM), 102);
	}
	assert_int_equal(rig->outbox->bytes_out, rig->sent_len);
}

static void test_room(void **state)
{
	struct rig *rig = *state;
	static const uint8_t lent[2 * OUTBOX_PIECES];
	outbox_open(rig->outbox, &rig->conn);
	assert_true(outbox_has_room(rig->outbox, OUTBOX_PIECES, OUTBOX_SCRATCH));
	assert_non_null(outbox_reserve(rig->outbox, OUTBOX_SCRATCH));
	assert_null(outbox_reserve(rig->outbox, 1));
	assert_false(outbox_has_room(rig->outbox, 1, 1));
	assert_true(outbox_has_room(rig->outbox, OUTBOX_PIECES - 1, 0));
	outbox_discard(rig->outbox);
	for (int i = 0; i < OUTBOX_PIECES; i++) {
		assert_true(outbox_lend(rig->outbox, lent + 2 * i, 1));
	}
	assert_false(outbox_lend(rig->outbox, lent, 1));
	assert_false(outbox_has_room(rig->outbox, 1, 0));
	/* What lies behind the last piece makes it longer. */
	assert_true(outbox_lend(rig->outbox, lent + 2 * OUTBOX_PIECES - 1, 1));
	assert_int_equal(rig->outbox->bytes, OUTBOX_PIECES + 1);
}

static void test_spills_in_order(void **state)
{
	struct rig *rig = *state;
	struct buf *buf;
	uint32_t random = 1;
	uint8_t *lent = malloc(1 << 20);
	assert_int_equal(
		buf_create(&rig->budget, BUDGET_BATCHES, sizeof(struct buf), 20000, &buf), 0);
	for (size_t i = 0; i < 20000; i++) {
		buf->data[i] = (uint8_t)(i * 31);
	}
	memset(lent, 'l', 1 << 20);
	for (int round = 0; round < 2000 && rig->sent_len < STREAM - 200000; round++) {
		outbox_open(rig->outbox, &rig->conn);
		for (int piece = 0; piece < 8; piece++) {
			size_t len = 300 + split_random(&random) % 9000;
			if (piece % 4 == 0) {
				size_t payload = len - 4;
				uint8_t *at = split_random(&random) % 2 ? lent : lent + 50000;
				frame_header_write(at, FRAME_TEXT, payload, NULL);
				assert_true(outbox_lend(rig->outbox, at, len));
				memcpy(rig->sent + rig->sent_len, at, len);
				rig->sent_len += len;
			} else if (piece % 4 == 2 && buf_is_exclusive(buf)) {
				frame_header_write(buf->data, FRAME_TEXT, len - 4, NULL);
				assert_true(outbox_share(rig->outbox, buf, buf->data, len));
				memcpy(rig->sent + rig->sent_len, buf->data, len);
				rig->sent_len += len;
			} else if (rig->outbox->scratch_used < OUTBOX_SCRATCH - 10000) {
				reserve_frame(rig, len, (uint8_t)round);
			}
			if (piece % 4 == 0 || piece % 4 == 2) {
				assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
			}
		}
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
		/* Lent bytes may change once they are flushed. */
		memset(lent, 'm', 1 << 20);
		size_t queued = rig->conn.tx ? rig->conn.tx->bytes : 0;
		while (queued > LIMIT / 2 || (queued > 0 && split_random(&random) % 3)) {
			take(rig, 1 + split_random(&random) % 20000);
			assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
			queued = rig->conn.tx ? rig->conn.tx->bytes : 0;
		}
		outbox_close(rig->outbox);
	}
	outbox_open(rig->outbox, &rig->conn);
	while (take(rig, STREAM) > 0) {
		assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_null(rig->conn.tx);
	assert_int_equal(rig->got_len, rig->sent_len);
	assert_int_equal(rig->outbox->bytes_out, rig->sent_len);
	assert_true(buf_is_exclusive(buf));
	buf_unref(&buf);
	free(lent);
}

static void test_limit_keeps_the_rest_of_the_frame_under_way(void **state)
{
	struct rig *rig = *state;
	outbox_open(rig->outbox, &rig->conn);
	fill_socket(rig);
	size_t limit_reached = rig->sent_len;
	for (int i = 0;; i++) {
		assert_true(i < 100);
		reserve_frame(rig, FRAME, (uint8_t)i);
		enum close_reason reason = outbox_flush(rig->outbox);
		if (reason != CLOSE_REASON_NONE) {
			assert_int_equal(reason, CLOSE_REASON_SLOW_READER);
			break;
		}
		limit_reached = rig->sent_len;
	}
	/* Before appending: what made it too much is not queued. */
	assert_true(rig->conn.tx->bytes <= LIMIT);
	assert_true(rig->conn.tx->bytes > LIMIT - FRAME);
	tx_queue_cut(rig->conn.tx);
	size_t begun = rig->outbox->bytes_out;
	assert_int_equal(rig->conn.tx->bytes, (FRAME - begun % FRAME) % FRAME);
	rig->sent_len = limit_reached;
	while (take(rig, STREAM) > 0) {
		assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->got_len, (begun + FRAME - 1) / FRAME * FRAME);
}

/* Whose queue is never empty, since others say so much, but who takes what it is sent: its own
 * answers do not add up over the hours, to end it once a burst of others has come. */
static void test_own_answers_are_those_that_are_queued(void **state)
{
	struct rig *rig = *state;
	struct buf *buf;
	size_t own = 0;
	assert_int_equal(
		buf_create(&rig->budget, BUDGET_BATCHES, sizeof(*buf), 2 * LIMIT, &buf), 0);
	frame_header_write(buf->data, FRAME_BINARY, 2 * LIMIT - 10, NULL);
	memset(buf->data + 10, 'o', 2 * LIMIT - 10);
	outbox_open(rig->outbox, &rig->conn);
	fill_socket(rig);
	while (own <= 2 * LIMIT) {
		reserve_frame(rig, FRAME, 5);
		own += FRAME;
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
		while (rig->conn.tx->bytes > FRAME) {
			take(rig, FRAME / 4);
			assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
			assert_non_null(rig->conn.tx);
		}
	}
	assert_true(outbox_share(rig->outbox, buf, buf->data, 2 * LIMIT));
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	assert_true(rig->conn.tx->bytes > 2 * LIMIT);
	reserve_frame(rig, FRAME, 6);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	outbox_drop_queue(rig->outbox, &rig->conn);
	buf_unref(&buf);
}

/* More than the limit in one visit, to a socket that was empty. */
static void test_limit_at_the_first_stall(void **state)
{
	struct rig *rig = *state;
	size_t len = 3 * LIMIT;
	outbox_open(rig->outbox, &rig->conn);
	frame_header_write(rig->sent, FRAME_BINARY, len - 10, NULL);
	memset(rig->sent + 10, 'z', len - 10);
	rig->sent_len = len;
	assert_true(outbox_lend(rig->outbox, rig->sent, len));
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_SLOW_READER);
	assert_int_equal(rig->conn.tx->bytes, len - rig->outbox->bytes_out);
	/* The Close follows it all the same: without it the peer would never learn why. */
	outbox_finalize(rig->outbox, &rig->conn);
	assert_int_equal(rig->conn.tx->bytes, len - rig->outbox->bytes_out);
	reserve_frame(rig, 20, 0);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	while (take(rig, STREAM) > 0) {
		assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->got_len, len + 20);
}

static void test_an_http_answer_is_cut_at_its_end(void **state)
{
	struct rig *rig = *state;
	uint8_t *answer = rig->sent;
	outbox_open(rig->outbox, &rig->conn);
	/* Longer than the socket takes; its bytes are no frames. */
	memset(answer, 0xff, OUTBOX_SCRATCH);
	uint8_t *room = outbox_reserve(rig->outbox, 60000);
	memcpy(room, answer, 60000);
	rig->outbox->opaque = 60000;
	rig->sent_len = 60000;
	reserve_frame(rig, 500, 1);
	reserve_frame(rig, 500, 2);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	assert_int_equal(rig->outbox->opaque, 0);
	assert_non_null(rig->conn.tx);
	assert_in_range(rig->outbox->bytes_out, 1, 59999);
	tx_queue_cut(rig->conn.tx);
	assert_int_equal(rig->conn.tx->bytes, 60000 - rig->outbox->bytes_out);
}

static void test_lag_is_counted_and_ends(void **state)
{
	struct rig *rig = *state;
	outbox_open(rig->outbox, &rig->conn);
	fill_socket(rig);
	assert_int_equal(rig->outbox->lagging_count, 0);
	while (rig->conn.tx->bytes <= LIMIT / 4) {
		reserve_frame(rig, FRAME, 3);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->outbox->lagging_count, 1);
	/* Below a quarter is not yet below an eighth. */
	while (rig->conn.tx->bytes > LIMIT / 5) {
		take(rig, 1000);
		assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->outbox->lagging_count, 1);
	outbox_give_up_on(rig->outbox, &rig->conn);
	assert_int_equal(rig->outbox->lagging_count, 1);
	rig->loop.now_tick += 9;
	outbox_give_up_on(rig->outbox, &rig->conn);
	assert_int_equal(rig->outbox->lagging_count, 0);
	while (rig->conn.tx->bytes <= LIMIT / 2) {
		reserve_frame(rig, FRAME, 3);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->outbox->lagging_count, 0); /* given up is given up */
	while (rig->conn.tx && rig->conn.tx->bytes >= LIMIT / 8) {
		take(rig, 1000);
		assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->conn.tx->lag, TX_LAG_NONE);
	while (rig->conn.tx->bytes <= LIMIT / 2) {
		reserve_frame(rig, FRAME, 3);
		assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	}
	assert_int_equal(rig->outbox->lagging_count, 1);
	/* One that is cut off is nobody to wait for. */
	outbox_finalize(rig->outbox, &rig->conn);
	assert_int_equal(rig->outbox->lagging_count, 0);
	outbox_drop_queue(rig->outbox, &rig->conn);
	outbox_drop_queue(rig->outbox, &rig->conn);
}

static void test_progress_is_what_the_peer_takes(void **state)
{
	struct rig *rig = *state;
	outbox_open(rig->outbox, &rig->conn);
	assert_int_equal(outbox_last_progress(rig->outbox, &rig->conn), 1000);
	fill_socket(rig);
	rig->loop.now_tick = 1004;
	assert_int_equal(outbox_last_progress(rig->outbox, &rig->conn), 1004);
	rig->loop.now_tick = 1008;
	assert_int_equal(outbox_last_progress(rig->outbox, &rig->conn), 1004);
	/* What we queue is no progress, nor is an attempt to write. */
	reserve_frame(rig, 5 * FRAME, 1);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	assert_int_equal(outbox_last_progress(rig->outbox, &rig->conn), 1004);
	assert_true(take(rig, 5000) > 0);
	assert_int_equal(outbox_last_progress(rig->outbox, &rig->conn), 1008);
	rig->loop.now_tick = 1012;
	assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_NONE);
	outbox_last_progress(rig->outbox, &rig->conn);
	rig->loop.now_tick = 1016;
	assert_in_range(outbox_last_progress(rig->outbox, &rig->conn), 1008, 1012);
}

static void test_peer_gone(void **state)
{
	struct rig *rig = *state;
	outbox_open(rig->outbox, &rig->conn);
	fill_socket(rig);
	shutdown(rig->peer_fd, SHUT_RDWR);
	assert_int_equal(outbox_resume(rig->outbox), CLOSE_REASON_PEER_RESET);
	outbox_drop_queue(rig->outbox, &rig->conn);
	reserve_frame(rig, 100, 0);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_PEER_RESET);
	assert_null(rig->conn.tx);
}

static void test_final_from_the_start(void **state)
{
	struct rig *rig = *state;
	rig->conn.state = CONN_CLOSING;
	outbox_open(rig->outbox, &rig->conn);
	reserve_frame(rig, 60000, 1);
	assert_int_equal(outbox_flush(rig->outbox), CLOSE_REASON_NONE);
	assert_non_null(rig->conn.tx);
	assert_true(rig->conn.tx->is_final);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_taken_at_once_costs_nothing),
		CASE(test_room),
		CASE(test_spills_in_order),
		CASE(test_limit_keeps_the_rest_of_the_frame_under_way),
		CASE(test_own_answers_are_those_that_are_queued),
		CASE(test_limit_at_the_first_stall),
		CASE(test_an_http_answer_is_cut_at_its_end),
		CASE(test_lag_is_counted_and_ends),
		CASE(test_progress_is_what_the_peer_takes),
		CASE(test_peer_gone),
		CASE(test_final_from_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
