/* Thousands of lines lost in every way and got back, over real sockets: nothing of them stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>

#include "../../tools/client/tidegate-client.h"
#include "open_descriptors.h"
#include "scripted_gateway.h"

enum {
	LINES = 10000,
	SETTLED = 100,          /* lines after which everything has the size it needs */
	TOLERANCE = LINES * 2,  /* bytes: two of each line would be found */
	LEFT_UNDER_WAY = 65536, /* bytes: what the gateway's thread holds of a line that stands */
};

struct account {
	size_t heap_len; /* bytes allocated, of all threads; 0 where a sanitizer keeps the heap */
	unsigned descriptors;
};

struct run {
	unsigned lines;
	unsigned messages;
	bool was_refused; /* a hello was not taken */
	struct account settled;
	struct account end;
};

static struct account take_account(void)
{
	return (struct account){mallinfo2().uordblks, open_descriptors()};
}

/* Each line ends in another way than the one before; the client has something to send, to read and
 * to forget at that moment. */
static void lose_lines(struct gateway *gateway)
{
	struct handshake_request request;

	for (unsigned line = 1; line < LINES; line++) {
		GATEWAY_STEP(gateway, gateway_open(gateway));
		GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
		GATEWAY_STEP(gateway, gateway_text(gateway, "hi -- FROM alice"));
		switch (line % 5) {
		case 0:
			gateway_reset(gateway);
			break;
		case 1:
			gateway_drop(gateway);
			break;
		case 2:
			GATEWAY_STEP(gateway, gateway_close(gateway, 1012, "retry_ms=0"));
			GATEWAY_STEP(gateway, gateway_reads_close(gateway, 1012));
			break;
		case 3:
			/* In the middle of a message and of a frame. */
			GATEWAY_STEP(gateway, gateway_send(gateway, "\x01\x02hi\x80\x05he", 8));
			gateway_reset(gateway);
			break;
		default:
			/* The next opening comes to nothing. */
			gateway_drop(gateway);
			GATEWAY_STEP(gateway, gateway_accept(gateway));
			GATEWAY_STEP(gateway, gateway_take_request(gateway, &request));
			GATEWAY_STEP(gateway, gateway_send(gateway, "HTTP/1.1 101 ", 13));
			gateway_reset(gateway);
			break;
		}
		if (gateway->failed) {
			return;
		}
	}
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void on_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	struct run *run = data;

	if (change->to != TG_STATE_CONNECTED) {
		return;
	}
	run->lines++;
	if (run->lines == SETTLED) {
		run->settled = take_account();
	}
	run->was_refused |= tg_client_send_text(client, "hello", 5) != TG_OK;
	if (run->lines == LINES) {
		run->end = take_account();
		tg_client_logout(client);
	}
}

static void on_message(struct tg_client *client, const struct tg_message *message, void *data)
{
	struct run *run = data;
	run->messages++;
}

static void ten_thousand_lines_leave_nothing_behind(void **state)
{
	const struct account before = take_account();
	struct gateway gateway;
	struct tg_client *client;
	struct run run = {0};
	struct tg_stats stats;

	gateway_start(&gateway, lose_lines, NULL);
	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, gateway.url), TG_OK);
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	assert_int_equal(tg_client_set_reconnect_attempts(client, TG_ATTEMPTS_INFINITE), TG_OK);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 0, 0), TG_OK);
	assert_int_equal(tg_client_set_min_uptime_ms(client, 0), TG_OK);
	tg_client_set_user_data(client, &run);
	tg_client_on_state(client, on_state);
	tg_client_on_message(client, on_message);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);

	assert_false(run.was_refused);
	assert_int_equal(run.lines, LINES);
	tg_client_stats(client, &stats, sizeof(stats));
	assert_int_equal(stats.lines, LINES);
	/* A reset may take from the client what it has not read yet, an end of file may not. */
	assert_in_range(run.messages, LINES * 3 / 5 - 1, LINES - 1);
	assert_in_range(run.end.heap_len, 0, run.settled.heap_len + LEFT_UNDER_WAY + TOLERANCE);
	/* The gateway's own may or may not be open at that moment. */
	assert_in_range(
		run.end.descriptors, run.settled.descriptors - 1, run.settled.descriptors + 1);

	tg_client_destroy(client);
	const struct account after = take_account();
	assert_in_range(after.heap_len, 0, before.heap_len + TOLERANCE);
	assert_int_equal(after.descriptors, before.descriptors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_lines_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
