#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../tools/client/send_queue.h"
#include "split.h"

static const uint8_t mask[4] = {1, 2, 3, 4};

static int put(struct send_queue *queue, const char *text)
{
	return send_queue_put_message(
		queue, FRAME_TEXT, NULL, 0, (const uint8_t *)text, strlen(text), mask);
}

/* Takes `len` bytes, which must be there, as long as *ret_bytes has place. */
static void take(struct send_queue *queue, uint8_t *ret_bytes, size_t len)
{
	while (len > 0) {
		const uint8_t *data;
		size_t there = send_queue_peek(queue, &data);
		assert_true(there > 0);
		there = there < len ? there : len;
		memcpy(ret_bytes, data, there);
		send_queue_advance(queue, there);
		ret_bytes += there;
		len -= there;
	}
}

/* Names what comes, a frame after the other: the first letter of a text's payload, or P, p, C for
 * Pong, Ping and Close. */
static void name_frames(struct send_queue *queue, char *ret_names)
{
	uint8_t bytes[FRAME_HEADER_MAX + 200];

	while (!send_queue_is_empty(queue)) {
		take(queue, bytes, 6);
		const size_t len = bytes[1] & 0x7f;
		assert_true(len < 126);
		take(queue, bytes + 6, len);
		frame_mask(bytes + 6, len, bytes + 2, 0);
		switch (bytes[0] & 0x0f) {
		case FRAME_PONG:
			*ret_names++ = 'P';
			break;
		case FRAME_PING:
			*ret_names++ = 'p';
			break;
		case FRAME_CLOSE:
			*ret_names++ = 'C';
			break;
		default:
			*ret_names++ = (char)bytes[6];
		}
	}
	*ret_names = '\0';
}

static void frames_go_in_order(void **state)
{
	struct send_queue queue = {.limit = 1000};
	char names[16];

	assert_int_equal(put(&queue, "a"), 0);
	assert_int_equal(put(&queue, "bb"), 0);
	assert_int_equal(put(&queue, "ccc"), 0);
	name_frames(&queue, names);
	assert_string_equal(names, "abc");
	send_queue_finish(&queue);
}

static void urgent_frames_go_in_at_the_next_boundary(void **state)
{
	/* However much of the first frame (9 bytes) has gone. */
	for (size_t gone = 0; gone <= 9; gone++) {
		struct send_queue queue = {.limit = 1000};
		uint8_t bytes[32];
		char names[16];

		assert_int_equal(put(&queue, "aaa"), 0);
		assert_int_equal(put(&queue, "bbb"), 0);
		take(&queue, bytes, gone);
		send_queue_put_urgent(&queue, URGENT_PING, NULL, 0, mask);
		send_queue_put_urgent(&queue, URGENT_PONG, (const uint8_t *)"x", 1, mask);
		if (gone % 9 != 0) {
			take(&queue, bytes, 9 - gone);
		}
		name_frames(&queue, names);
		assert_string_equal(names, gone == 0 ? "Ppab" : "Ppb");
		send_queue_finish(&queue);
	}
}

static void an_urgent_frame_under_way_is_finished(void **state)
{
	struct send_queue queue = {.limit = 1000};
	uint8_t bytes[32];
	char names[16];

	send_queue_put_urgent(&queue, URGENT_PONG, (const uint8_t *)"1", 1, mask);
	assert_int_equal(put(&queue, "a"), 0);
	take(&queue, bytes, 3);
	send_queue_put_urgent(&queue, URGENT_PONG, (const uint8_t *)"2", 1, mask);
	send_queue_put_urgent(&queue, URGENT_PONG, (const uint8_t *)"3", 1, mask);
	take(&queue, bytes + 3, 4);
	frame_mask(bytes + 6, 1, bytes + 2, 0);
	assert_int_equal(bytes[6], '1');
	take(&queue, bytes, 7);
	frame_mask(bytes + 6, 1, bytes + 2, 0);
	assert_int_equal(bytes[6], '3');
	name_frames(&queue, names);
	assert_string_equal(names, "a");
	send_queue_finish(&queue);
}

static void a_request_is_one_unit(void **state)
{
	struct send_queue queue = {.limit = 1000};
	uint8_t bytes[32];
	char names[16];

	assert_int_equal(send_queue_put_request(&queue, (const uint8_t *)"GET /", 5), 0);
	take(&queue, bytes, 2);
	send_queue_put_urgent(&queue, URGENT_PING, NULL, 0, mask);
	take(&queue, bytes + 2, 3);
	assert_memory_equal(bytes, "GET /", 5);
	name_frames(&queue, names);
	assert_string_equal(names, "p");
	send_queue_finish(&queue);
}

static void a_close_is_the_last(void **state)
{
	struct send_queue queue = {.limit = 1000};
	char names[16];

	assert_int_equal(put(&queue, "a"), 0);
	send_queue_put_urgent(&queue, URGENT_PING, NULL, 0, mask);
	send_queue_put_urgent(&queue, URGENT_PONG, NULL, 0, mask);
	assert_int_equal(
		send_queue_put_close(&queue, (const uint8_t *)"\3\350", 2, mask, false), 0);
	assert_int_equal(send_queue_unsent_len(&queue), 7);
	assert_int_equal(send_queue_put_close(&queue, (const uint8_t *)"\3\351", 2, mask, true), 0);
	send_queue_put_urgent(&queue, URGENT_PING, NULL, 0, mask);
	name_frames(&queue, names);
	assert_string_equal(names, "PaC");
	send_queue_finish(&queue);
}

static void a_close_drops_what_has_not_begun(void **state)
{
	for (size_t gone = 0; gone <= 9; gone++) {
		struct send_queue queue = {.limit = 1000};
		uint8_t bytes[32];
		char names[16];

		assert_int_equal(put(&queue, "aaa"), 0);
		assert_int_equal(put(&queue, "bbb"), 0);
		take(&queue, bytes, gone);
		assert_int_equal(
			send_queue_put_close(&queue, (const uint8_t *)"\3\352", 2, mask, true), 0);
		assert_int_equal(send_queue_unsent_len(&queue), 18 - gone);
		if (gone % 9 != 0) {
			take(&queue, bytes, 9 - gone);
		}
		name_frames(&queue, names);
		assert_string_equal(names, "C");
		send_queue_finish(&queue);
	}
}

static void the_limit_holds(void **state)
{
	struct send_queue queue = {.limit = 21};
	uint8_t bytes[32];

	assert_false(send_queue_take_writable(&queue));
	assert_int_equal(put(&queue, "a"), 0);
	assert_int_equal(put(&queue, "b"), 0);
	assert_int_equal(put(&queue, "c"), 0);
	assert_int_equal(put(&queue, ""), -EAGAIN);
	assert_false(send_queue_take_writable(&queue));
	take(&queue, bytes, 10);
	assert_false(send_queue_take_writable(&queue));
	take(&queue, bytes, 1);
	assert_true(send_queue_take_writable(&queue));
	assert_false(send_queue_take_writable(&queue));
	assert_int_equal(put(&queue, "d"), 0);
	send_queue_finish(&queue);
}

/* Every length that has another header, and packets in two parts. */
static void headers_fit_their_payload(void **state)
{
	static const size_t lens[] = {0, 1, 119, 120, 125, 126, 127, 65529, 65535, 65536};
	uint8_t *text = malloc(70000);
	uint8_t *bytes = malloc(70000);

	assert_non_null(text);
	assert_non_null(bytes);
	for (size_t i = 0; i < 70000; i++) {
		text[i] = (uint8_t)(i * 7);
	}
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct send_queue queue = {.limit = 200000};
		const size_t len = 6 + lens[i];
		const size_t header_len = frame_header_len(len) + 4;

		assert_int_equal(send_queue_put_message(&queue, FRAME_BINARY,
					 (const uint8_t *)"prefix", 6, text, lens[i], mask),
			0);
		take(&queue, bytes, header_len + len);
		assert_true(send_queue_is_empty(&queue));
		assert_int_equal(bytes[0], 0x82);
		frame_mask(bytes + header_len, len, mask, 0);
		assert_memory_equal(bytes + header_len, "prefix", 6);
		assert_memory_equal(bytes + header_len + 6, text, lens[i]);
		send_queue_finish(&queue);
	}
	free(text);
	free(bytes);
}

/* Thousands of frames through a queue that is emptied in pieces of any size: moved, grown, shrunk.
 */
static void nothing_is_lost_on_the_way(void **state)
{
	struct send_queue queue = {.limit = 65536};
	uint32_t random = 7;
	uint32_t sent = 0;
	uint32_t got = 0;
	uint8_t frame[300];
	size_t have = 0;

	while (got < 20000) {
		while (sent < 20000 && split_random(&random) % 3) {
			uint8_t payload[200] = {0};
			const size_t len = 4 + split_random(&random) % 121;
			memcpy(payload, &sent, 4);
			if (send_queue_put_message(
				    &queue, FRAME_BINARY, NULL, 0, payload, len, mask) < 0) {
				break;
			}
			sent++;
		}
		for (unsigned n = split_random(&random) % 8; n > 0; n--) {
			const uint8_t *data;
			size_t there = send_queue_peek(&queue, &data);
			if (there == 0) {
				break;
			}
			const size_t want = have < 6 ? 6 - have : 6 + (frame[1] & 0x7f) - have;
			size_t step = 1 + split_random(&random) % want;
			step = step < there ? step : there;
			memcpy(frame + have, data, step);
			send_queue_advance(&queue, step);
			have += step;
			if (have >= 6 && have == 6u + (frame[1] & 0x7f)) {
				uint32_t number;
				frame_mask(frame + 6, 4, frame + 2, 0);
				memcpy(&number, frame + 6, 4);
				assert_int_equal(number, got);
				got++;
				have = 0;
			}
		}
	}
	send_queue_finish(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_in_order),
		cmocka_unit_test(urgent_frames_go_in_at_the_next_boundary),
		cmocka_unit_test(an_urgent_frame_under_way_is_finished),
		cmocka_unit_test(a_request_is_one_unit),
		cmocka_unit_test(a_close_is_the_last),
		cmocka_unit_test(a_close_drops_what_has_not_begun),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(headers_fit_their_payload),
		cmocka_unit_test(nothing_is_lost_on_the_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
