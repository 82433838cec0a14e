/* The public face of the client over real sockets: running, foreign loops, callbacks that destroy
 * and log out, transports of one's own. */
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_seen.h"
#include "open_descriptors.h"
#include "scripted_gateway.h"

/* --- sessions -------------------------------------------------------------------------------- */

static void say_hello(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
	GATEWAY_STEP(gateway, gateway_text(gateway, "hi -- FROM alice"));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void a_session_over_tcp_and_unix(void **state)
{
	for (unsigned local = 0; local < 2; local++) {
		const unsigned before = open_descriptors();
		struct seen seen = {.greeting = "hello", .logout_after = 1};
		struct gateway gateway;
		struct tg_stats stats;

		(local ? gateway_start_unix : gateway_start)(&gateway, say_hello, NULL);
		struct tg_client *client = make_client(gateway.url, &seen);
		assert_int_equal(tg_client_run(client), TG_OK);
		assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
		gateway_stop(&gateway);
		assert_string_equal(gateway.user, "bob");
		assert_string_equal(seen.last, "hi -- FROM alice");
		for (unsigned one = TG_STATE_CONNECTING; one <= TG_STATE_CLOSED; one++) {
			assert_int_equal(seen.states[one], one != TG_STATE_RECONNECTING);
		}
		tg_client_stats(client, &stats, sizeof(stats));
		assert_int_equal(stats.dials, 1);
		assert_int_equal(stats.lines, 1);
		assert_int_equal(stats.messages_received, 1);
		assert_int_equal(stats.messages_sent, 1);
		assert_true(stats.bytes_sent > 100);
		assert_true(stats.bytes_received > 100);
		tg_client_destroy(client);
		assert_int_equal(open_descriptors(), before);
	}
}

static void say_hello_twice(struct gateway *gateway)
{
	say_hello(gateway);
	say_hello(gateway);
}

static void a_client_can_log_in_again(void **state)
{
	struct seen seen = {.greeting = "hello", .logout_after = 1};
	struct gateway gateway;

	gateway_start(&gateway, say_hello_twice, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(tg_client_run(client), TG_OK); /* it is closed, and stays so */
	seen.logout_after = 2;
	assert_int_equal(tg_client_connect(client), TG_OK);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.states[TG_STATE_CONNECTED], 2);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

static void the_line_comes_back_however_it_was_lost(void **state)
{
	struct seen seen = {.greeting = "x", .logout_at_line = 4};
	struct gateway gateway;

	gateway_start(&gateway, gateway_be_unsteady, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.states[TG_STATE_CONNECTED], 4);
	assert_int_equal(seen.errors, 4);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

/* The tutorial's server that never answers: pings, silence, the i/o timeout. */
static void be_silent(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_reads_to_end(gateway);
}

static void a_silent_server_is_given_up(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, be_silent, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_heartbeat_ms(client, 40);
	tg_client_set_probe_timeout_ms(client, 40);
	tg_client_set_reconnect_attempts(client, 0);
	assert_int_equal(tg_client_run(client), TG_ERR_IO_TIMEOUT);
	assert_true(seen.pings > 0);
	assert_int_equal(seen.pongs, 0);
	assert_string_equal(tg_client_detail(client), "i/o timeout");
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

static void answer_pings(struct gateway *gateway)
{
	struct message message;
	enum message_kind kind;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	while ((kind = gateway_read(gateway, &message)) == MESSAGE_PING) {
		GATEWAY_STEP(
			gateway, gateway_frame(gateway, FRAME_PONG, message.data, message.len));
	}
	GATEWAY_STEP(gateway, kind == MESSAGE_CLOSE);
	GATEWAY_STEP(gateway, gateway_close(gateway, 1000, ""));
}

static void log_out_after_pongs(struct tg_client *client, const struct tg_event *event, void *data)
{
	on_event(client, event, data);
	if (event->kind == TG_EVENT_PONG && ((struct seen *)data)->pongs == 5) {
		tg_client_logout(client);
	}
}

/* Nothing is called but tg_client_process(), when the one descriptor says so. */
static void one_descriptor_drives_it_all(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;

	gateway_start(&gateway, answer_pings, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_heartbeat_ms(client, 100);
	tg_client_set_read_deadline_ms(client, 10000);
	tg_client_on_event(client, log_out_after_pongs);
	assert_int_equal(tg_client_timeout_ms(client), -1);
	assert_int_equal(tg_client_connect(client), TG_OK);
	struct pollfd waiting = {.fd = tg_client_fd(client), .events = tg_client_events(client)};
	while (tg_client_state(client) != TG_STATE_CLOSED) {
		assert_int_equal(poll(&waiting, 1, 10000), 1);
		assert_int_equal(tg_client_fd(client), waiting.fd);
		assert_int_equal(tg_client_process(client), TG_OK);
	}
	assert_int_equal(seen.pongs, 5);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void hang_up_at_once(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_drop(gateway);
	sem_post(gateway->data);
}

/* Neither does it cost the process its life (SIGPIPE) nor is it told by the send. */
static void writing_to_a_closed_end_is_a_lost_line(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;
	sem_t is_closed;

	assert_int_equal(sem_init(&is_closed, 0, 0), 0);
	gateway_start(&gateway, hang_up_at_once, &is_closed);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_reconnect_attempts(client, 0);
	tg_client_connect(client);
	while (tg_client_state(client) == TG_STATE_CONNECTING) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
	while (sem_wait(&is_closed) < 0) {
	}
	for (unsigned i = 0; i < 10 && tg_client_state(client) == TG_STATE_CONNECTED; i++) {
		assert_int_equal(tg_client_send_text(client, "x", 1), TG_OK);
	}
	assert_int_equal(tg_client_run(client), TG_ERR_LOST);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	sem_destroy(&is_closed);
}

static void refuse(struct gateway *gateway)
{
	struct handshake_request request;
	char answer[HANDSHAKE_ANSWER_MAX];

	GATEWAY_STEP(gateway, gateway_accept(gateway));
	GATEWAY_STEP(gateway, gateway_take_request(gateway, &request));
	GATEWAY_STEP(gateway, gateway_send(gateway, answer, handshake_refusal(408, 0, answer)));
}

static void kick(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_close(gateway, 4001, "kicked"));
	GATEWAY_STEP(gateway, gateway_reads_close(gateway, 4001));
}

/* What the client has not read must not take its Close away from the gateway. */
static void send_rubbish_and_more(struct gateway *gateway)
{
	static const uint8_t more[60000];

	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_send(gateway, "\xff\xff", 2));
	gateway_send(gateway, more, sizeof(more));
	GATEWAY_STEP(gateway, gateway_reads_close(gateway, 1002));
}

static void ends_are_told_apart(void **state)
{
	static const struct {
		void (*script)(struct gateway *);
		enum tg_status status;
		const char *detail;
	} rows[] = {
		{refuse, TG_ERR_REFUSED, "HTTP 408"},
		{kick, TG_ERR_KICKED, "Close 4001 kicked"},
		{send_rubbish_and_more, TG_ERR_PROTOCOL, "protocol error"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = {0};
		struct gateway gateway;

		gateway_start(&gateway, rows[i].script, NULL);
		struct tg_client *client = make_client(gateway.url, &seen);
		assert_int_equal(tg_client_run(client), rows[i].status);
		assert_int_equal(seen.status, rows[i].status);
		assert_int_equal(seen.errors, 1);
		assert_string_equal(tg_client_detail(client), rows[i].detail);
		gateway_stop(&gateway);
		tg_client_destroy(client);
	}
}

static void destroy_when_closed(
	struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CLOSED) {
		tg_client_destroy(client);
	}
}

static void a_close_under_way_survives_the_client(void **state)
{
	struct gateway gateway;
	struct seen seen = {0};

	gateway_start(&gateway, send_rubbish_and_more, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_on_state(client, destroy_when_closed);
	assert_int_equal(tg_client_run(client), TG_ERR_DESTROYED);
	gateway_stop(&gateway);
}

static void nobody_is_there(void **state)
{
	static const struct {
		const char *url;
		enum tg_status status;
		const char *detail;
	} rows[] = {
		{"unix:/nonexistent/socket", TG_ERR_UNREACHABLE,
			"/nonexistent/socket: No such file or directory"},
		{"ws://127.0.0.1:1", TG_ERR_UNREACHABLE, "127.0.0.1:1: Connection refused"},
		{"ws://[::1]:1", TG_ERR_UNREACHABLE, "[::1]:1: "},
		{"ws://name.invalid", TG_ERR_RESOLVE, "name.invalid: "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = {0};
		struct tg_client *client = make_client(rows[i].url, &seen);
		assert_int_equal(tg_client_run(client), rows[i].status);
		assert_ptr_equal(
			strstr(tg_client_detail(client), rows[i].detail), tg_client_detail(client));
		assert_int_equal(seen.states[TG_STATE_CLOSED], 1);
		tg_client_destroy(client);
	}
}

/* A listener whose queue is full drops what knocks, as a black hole does. */
static void a_black_hole_is_given_up_in_time(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	struct seen seen = {0};
	int knocks[8];
	char url[64];

	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(listen(listener, 0), 0);
	for (size_t i = 0; i < 8; i++) {
		knocks[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(knocks[i], (struct sockaddr *)&address, len);
	}
	snprintf(url, sizeof(url), "ws://127.0.0.1:%u", ntohs(address.sin_port));
	struct tg_client *client = make_client(url, &seen);
	tg_client_set_connect_timeout_ms(client, 50);
	assert_int_equal(tg_client_run(client), TG_ERR_CONNECT_TIMEOUT);
	assert_int_equal(seen.errors, 1);
	tg_client_destroy(client);
	for (size_t i = 0; i < 8; i++) {
		close(knocks[i]);
	}
	close(listener);
}

/* `localhost` may have an address of IPv6 first, where nobody listens. */
static void a_name_leads_to_the_address_that_answers(void **state)
{
	struct seen seen = {.greeting = "hello", .logout_after = 1};
	struct gateway gateway;
	char url[64];

	gateway_start(&gateway, say_hello, NULL);
	snprintf(url, sizeof(url), "ws://localhost:%s", strrchr(gateway.url, ':') + 1);
	struct tg_client *client = make_client(url, &seen);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.errors, 0);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

static void want_a_token(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_close(gateway, 3000, ""));
	gateway_reads_to_end(gateway);
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

/* Ten attempts would be over in a minute; a program has none but itself to start it again. */
static void count_retries(struct tg_client *client, const struct tg_event *event, void *data)
{
	unsigned *retries = data;
	if (event->kind == TG_EVENT_RETRY && ++*retries == 100) {
		tg_client_logout(client);
	}
}

static void be_gone(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	shutdown(gateway->listen_fd, SHUT_RDWR);
	gateway_reset(gateway);
}

static void a_lost_line_is_wanted_back_without_end(void **state)
{
	struct gateway gateway;
	struct tg_client *client;
	unsigned retries = 0;

	gateway_start(&gateway, be_gone, NULL);
	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_set_url(client, gateway.url), TG_OK);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 0, 0), TG_OK);
	tg_client_set_user_data(client, &retries);
	tg_client_on_event(client, count_retries);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(retries, 100);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

static void a_new_token_is_used_at_once(void **state)
{
	struct seen seen = {.logout_at_line = 2};
	struct gateway gateway;

	gateway_start(&gateway, want_a_token, NULL);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_token(client, "stale");
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.auths, 1);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

/* --- back-pressure --------------------------------------------------------------------------- */

enum {
	FLOOD_COUNT = 20000,
	FLOOD_LEN = 1000,
};

static void read_all_in_order(struct gateway *gateway)
{
	const int small = 4096;
	struct message message;

	/* Inherited by the connection, so that the client meets the end of the kernel's patience.
	 */
	setsockopt(gateway->listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	GATEWAY_STEP(gateway, gateway_open(gateway));
	sem_wait(gateway->data); /* until the client is held back */
	for (unsigned i = 0; i < FLOOD_COUNT && !gateway->failed; i++) {
		char number[16];
		snprintf(number, sizeof(number), "%08u", i);
		GATEWAY_STEP(gateway, gateway_read(gateway, &message) == MESSAGE_TEXT &&
					      message.len == FLOOD_LEN &&
					      memcmp(message.data, number, 8) == 0);
	}
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void a_flood_is_held_back_and_nothing_is_lost(void **state)
{
	struct seen seen = {0};
	struct gateway gateway;
	char text[FLOOD_LEN + 1];
	unsigned next = 0;
	unsigned blocked = 0;
	sem_t is_blocked;

	assert_int_equal(sem_init(&is_blocked, 0, 0), 0);
	gateway_start(&gateway, read_all_in_order, &is_blocked);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_send_queue_limit(client, 100000);
	assert_int_equal(tg_client_connect(client), TG_OK);
	while (tg_client_state(client) != TG_STATE_CONNECTED) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
	memset(text, 'x', sizeof(text));
	while (next < FLOOD_COUNT) {
		snprintf(text, sizeof(text), "%08u", next);
		text[8] = 'x';
		const enum tg_status status = tg_client_send_text(client, text, FLOOD_LEN);
		if (status == TG_OK) {
			next++;
			continue;
		}
		assert_int_equal(status, TG_ERR_WOULD_BLOCK);
		assert_true(tg_client_queued_len(client) <= 100000);
		if (blocked++ == 0) {
			sem_post(&is_blocked);
		}
		const unsigned writables = seen.writables;
		while (seen.writables == writables) {
			assert_int_equal(tg_client_wait(client, -1), TG_OK);
		}
	}
	assert_true(blocked > 0);
	assert_int_equal(seen.writables, blocked);
	while (tg_client_queued_len(client) > 0) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
	tg_client_logout(client);
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	sem_destroy(&is_blocked);
}

/* --- a gateway that does not listen ---------------------------------------------------------- */

static void be_deaf(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	sem_wait(gateway->data);
}

static void note_unsent(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CLOSED) {
		*(size_t *)data = change->unsent_len;
	}
}

/* Its Close stands behind what nobody takes. */
static void log_out_from_a_deaf_gateway(bool destroys, bool floods)
{
	const unsigned before = open_descriptors();
	struct gateway gateway;
	struct seen seen = {0};
	size_t unsent_len = 0;
	sem_t is_over;

	assert_int_equal(sem_init(&is_over, 0, 0), 0);
	gateway_start(&gateway, be_deaf, &is_over);
	struct tg_client *client = make_client(gateway.url, &seen);
	tg_client_set_close_timeout_ms(client, 20);
	assert_int_equal(tg_client_connect(client), TG_OK);
	while (tg_client_state(client) != TG_STATE_CONNECTED) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
	while (floods && tg_client_send_text(client, "unheard", 7) == TG_OK) {
	}
	tg_client_set_user_data(client, &unsent_len);
	tg_client_on_state(client, note_unsent);
	assert_int_equal(tg_client_logout(client), TG_OK);
	assert_int_equal(tg_client_state(client), TG_STATE_CLOSING);
	if (!destroys) {
		/* The user data are no longer those of the other callbacks. */
		tg_client_on_event(client, NULL);
		assert_int_equal(tg_client_run(client), TG_OK);
		assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
		assert_true(floods ? unsent_len > 0 : unsent_len == 0);
		assert_int_equal(tg_client_timeout_ms(client), -1);
	}
	tg_client_destroy(client);
	sem_post(&is_over);
	gateway_stop(&gateway);
	sem_destroy(&is_over);
	assert_int_equal(open_descriptors(), before);
}

static void a_deaf_gateway_holds_nobody_up(void **state)
{
	log_out_from_a_deaf_gateway(false, false);
	log_out_from_a_deaf_gateway(false, true);
	log_out_from_a_deaf_gateway(true, false);
	log_out_from_a_deaf_gateway(true, true);
}

/* --- callbacks that end it all --------------------------------------------------------------- */

enum inside {
	IN_CONNECTING,
	IN_CONNECTED,
	IN_MESSAGE,
	IN_RECONNECTING,
	IN_ERROR,
	IN_EVENT,
	IN_AUTH,
	IN_WRITABLE,
	IN_CLOSING,
	IN_CLOSED,
	INSIDE_COUNT,
};

struct ender {
	enum inside inside;
	bool destroys; /* else it logs out */
	bool is_done;
};

static void end_it(struct tg_client *client, struct ender *ender, enum inside inside)
{
	assert_false(ender->is_done && ender->destroys); /* nobody is told of a destroyed client */
	if (inside == ender->inside && !ender->is_done) {
		ender->is_done = true;
		assert_int_equal(tg_client_run(client), TG_ERR_STATE);
		assert_int_equal(tg_client_wait(client, 0), TG_ERR_STATE);
		if (ender->destroys) {
			tg_client_destroy(client);
		} else {
			assert_int_equal(tg_client_logout(client), TG_OK);
		}
	}
}

static void ender_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	static const enum inside places[] = {
		[TG_STATE_INIT] = INSIDE_COUNT,
		[TG_STATE_CONNECTING] = IN_CONNECTING,
		[TG_STATE_CONNECTED] = IN_CONNECTED,
		[TG_STATE_RECONNECTING] = IN_RECONNECTING,
		[TG_STATE_CLOSING] = IN_CLOSING,
		[TG_STATE_CLOSED] = IN_CLOSED,
	};
	struct ender *ender = data;

	end_it(client, ender, places[change->to]);
	if (change->to != TG_STATE_CONNECTED) {
		return;
	}
	if (ender->inside == IN_CLOSING) {
		assert_int_equal(tg_client_logout(client), TG_OK);
	} else if (ender->inside == IN_WRITABLE) {
		while (tg_client_send_text(client, "flood", 5) == TG_OK) {
		}
	}
}

static void ender_writable(struct tg_client *client, void *data)
{
	end_it(client, data, IN_WRITABLE);
}

static void ender_message(struct tg_client *client, const struct tg_message *message, void *data)
{
	end_it(client, data, IN_MESSAGE);
	/* Borrowed until the callback returns, whatever was done in it. */
	assert_memory_equal(message->data, "first", 5);
}

static void ender_error(struct tg_client *client, const struct tg_error *error, void *data)
{
	end_it(client, data, IN_ERROR);
	assert_true(strlen(error->detail) > 0);
}

static void ender_event(struct tg_client *client, const struct tg_event *event, void *data)
{
	if (event->kind == TG_EVENT_CLOSE) {
		end_it(client, data, IN_EVENT);
	}
}

static bool ender_auth(struct tg_client *client, void *data)
{
	end_it(client, data, IN_AUTH);
	return true;
}

static void live_through_everything(struct gateway *gateway)
{
	/* The client may leave at any step. */
	if (gateway_open(gateway)) {
		gateway_text(gateway, "first");
		gateway_text(gateway, "first");
		gateway_close(gateway, 3000, "");
		gateway_reads_to_end(gateway);
		if (gateway_open(gateway)) {
			gateway_close(gateway, 4001, "kicked");
			gateway_reads_to_end(gateway);
		}
	}
}

static void take_everything(struct gateway *gateway)
{
	if (gateway_open(gateway)) {
		gateway_reads_to_end(gateway);
	}
}

static void end_inside(enum inside inside, bool destroys, uint32_t close_timeout_ms)
{
	const unsigned before = open_descriptors();
	struct ender ender = {.inside = inside, .destroys = destroys};
	struct gateway gateway;
	struct tg_client *client;

	gateway_start(
		&gateway, inside == IN_WRITABLE ? take_everything : live_through_everything, NULL);
	assert_int_equal(tg_client_create(&client), TG_OK);
	tg_client_set_url(client, gateway.url);
	tg_client_set_close_timeout_ms(client, close_timeout_ms);
	tg_client_set_user_data(client, &ender);
	tg_client_on_state(client, ender_state);
	tg_client_on_message(client, ender_message);
	tg_client_on_error(client, ender_error);
	tg_client_on_event(client, ender_event);
	tg_client_on_auth(client, ender_auth);
	tg_client_on_writable(client, ender_writable);
	const enum tg_status status = tg_client_run(client);
	assert_true(ender.is_done);
	if (destroys) {
		assert_int_equal(status, TG_ERR_DESTROYED);
	} else {
		assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
		assert_int_equal(status, inside == IN_CONNECTING ? TG_ERR_ABORTED
					 : inside == IN_CLOSED   ? TG_ERR_KICKED
								 : TG_OK);
		tg_client_destroy(client);
	}
	shutdown(gateway.listen_fd, SHUT_RDWR); /* whoever waits for one that does not come */
	gateway_stop(&gateway);
	assert_int_equal(open_descriptors(), before);
}

static void a_client_can_be_destroyed_inside_each_callback(void **state)
{
	for (enum inside inside = 0; inside < INSIDE_COUNT; inside++) {
		end_inside(inside, true, 1500);
	}
}

static void a_client_can_be_logged_out_inside_each_callback(void **state)
{
	for (enum inside inside = 0; inside < INSIDE_COUNT; inside++) {
		end_inside(inside, false, 1500);
		end_inside(inside, false, 0); /* the line goes inside of the callback */
	}
}

/* Each end begins a new login, a hundred times over. */
static void log_in_again(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	unsigned *count = data;
	if (change->to == TG_STATE_CLOSED && ++*count < 100) {
		assert_int_equal(tg_client_connect(client), TG_OK);
	}
}

static void a_login_inside_of_a_callback_begins_anew(void **state)
{
	struct tg_client *client;
	unsigned count = 0;

	assert_int_equal(tg_client_create(&client), TG_OK);
	tg_client_set_url(client, "unix:/nonexistent/socket");
	tg_client_set_user_data(client, &count);
	tg_client_on_state(client, log_in_again);
	assert_int_equal(tg_client_run(client), TG_ERR_UNREACHABLE);
	assert_int_equal(count, 100);
	tg_client_destroy(client);
}

/* However often it changes its mind in one callback, it is told of each change in order. */
static void change_minds(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	enum tg_state *last = data;
	assert_int_equal(change->from, *last);
	*last = change->to;
	if (change->to == TG_STATE_CLOSED && change->status == TG_ERR_UNREACHABLE) {
		enum tg_status status;
		unsigned rounds = 0;
		do {
			status = tg_client_connect(client);
			tg_client_logout(client);
			rounds++;
		} while (status == TG_OK && rounds < 1000);
		assert_int_equal(status, TG_ERR_STATE);
	}
}

static void minds_can_be_changed_inside_of_a_callback(void **state)
{
	struct tg_client *client;
	enum tg_state last = TG_STATE_INIT;

	assert_int_equal(tg_client_create(&client), TG_OK);
	tg_client_set_url(client, "unix:/nonexistent/socket");
	tg_client_set_user_data(client, &last);
	tg_client_on_state(client, change_minds);
	tg_client_run(client);
	assert_int_equal(last, TG_STATE_CLOSED);
	assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
	tg_client_destroy(client);
}

/* --- A transport of one's own: one byte at a time, an address that does not answer first ----- */

struct slow_line {
	int fd;
	unsigned given_up;
};

struct slow {
	struct slow_line line;
	int remote; /* the gateway's end */
	unsigned opened;
	unsigned closed;
};

static int slow_open(void *data, const struct tg_target *target, void **ret_line)
{
	struct slow *slow = data;
	assert_string_equal(target->scheme, "wss");
	assert_string_equal(target->host, "gate.example");
	assert_string_equal(target->service, "443");
	slow->opened++;
	*ret_line = &slow->line;
	return 0;
}

static int slow_connect(void *data, bool give_up)
{
	struct slow_line *line = data;
	if (line->given_up < 1) {
		if (!give_up) {
			return -EAGAIN;
		}
		line->given_up++;
		return -EINPROGRESS;
	}
	return 0;
}

static ssize_t slow_read(void *data, void *buffer, size_t size)
{
	struct slow_line *line = data;
	const ssize_t got = recv(line->fd, buffer, 1, MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

static ssize_t slow_write(void *data, const void *bytes, size_t len)
{
	struct slow_line *line = data;
	const ssize_t sent = send(line->fd, bytes, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

static int slow_fd(const void *data)
{
	const struct slow_line *line = data;
	return line->given_up < 1 ? -1 : line->fd;
}

static short slow_events(const void *data, short wanted)
{
	return wanted;
}

static void slow_close(void *data)
{
	struct slow_line *line = data;
	close(line->fd);
	line->fd = -1;
}

static const struct tg_io slow_io = {
	.size = sizeof(struct tg_io),
	.open = slow_open,
	.connect = slow_connect,
	.read = slow_read,
	.write = slow_write,
	.fd = slow_fd,
	.events = slow_events,
	.close = slow_close,
};

static void serve_the_pair(struct gateway *gateway)
{
	struct slow *slow = gateway->data;
	struct handshake_request request;
	char answer[HANDSHAKE_ANSWER_MAX];

	gateway->fd = slow->remote;
	GATEWAY_STEP(gateway, message_reader_create(&gateway_rules, &gateway->reader) == 0);
	GATEWAY_STEP(gateway, gateway_take_request(gateway, &request));
	GATEWAY_STEP(gateway, gateway_send(gateway, answer, handshake_answer(&request, answer)));
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
	GATEWAY_STEP(gateway, gateway_text(gateway, "hi"));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void a_transport_of_ones_own(void **state)
{
	struct seen seen = {.greeting = "hello", .logout_after = 1};
	struct gateway gateway;
	struct slow slow = {0};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	slow.line.fd = pair[0];
	slow.remote = pair[1];
	gateway_start(&gateway, serve_the_pair, &slow);
	struct tg_client *client = make_client("wss://gate.example/x", &seen);
	assert_int_equal(tg_client_set_io(client, &slow_io, &slow), TG_OK);
	tg_client_set_connect_timeout_ms(client, 1500); /* of the opening too: not too short */
	assert_int_equal(tg_client_connect(client), TG_OK);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_string_equal(seen.last, "hi");
	assert_int_equal(slow.opened, 1);
	assert_int_equal(slow.line.given_up, 1);
	assert_int_equal(slow.line.fd, -1);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

/* --- odds and ends --------------------------------------------------------------------------- */

static void note_signal(int number)
{
}

static void interrupt(struct gateway *gateway)
{
	const pthread_t *main_thread = gateway->data;
	struct message message;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	/* Again and again: one that comes while the client does not wait is lost. */
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "ready"));
	while (!gateway->failed) {
		pthread_kill(*main_thread, SIGUSR1);
		const struct timeval soon = {.tv_usec = 1000};
		setsockopt(gateway->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
		if (gateway_read(gateway, &message) == MESSAGE_CLOSE) {
			break;
		}
	}
	GATEWAY_STEP(gateway, gateway_close(gateway, 1000, ""));
}

static void a_signal_interrupts_waiting(void **state)
{
	const struct sigaction action = {.sa_handler = note_signal};
	struct sigaction before;
	struct seen seen = {.greeting = "ready"};
	struct gateway gateway;
	pthread_t self = pthread_self();
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	gateway_start(&gateway, interrupt, &self);
	struct tg_client *client = make_client(gateway.url, &seen);
	assert_int_equal(tg_client_run(client), TG_ERR_INTERRUPTED);
	assert_int_equal(tg_client_state(client), TG_STATE_CONNECTED);
	tg_client_logout(client);
	enum tg_status status;
	while ((status = tg_client_run(client)) == TG_ERR_INTERRUPTED) {
	}
	assert_int_equal(status, TG_OK);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void descriptors_do_not_outlive_an_exec(void **state)
{
	struct seen seen = {.greeting = "hello", .logout_after = 1};
	struct gateway gateway;
	bool is_foreign[64];
	unsigned count = 0;

	gateway_start(&gateway, say_hello, NULL);
	for (int fd = 0; fd < 64; fd++) {
		is_foreign[fd] = fcntl(fd, F_GETFD) >= 0;
	}
	struct tg_client *client = make_client(gateway.url, &seen);
	assert_int_equal(tg_client_connect(client), TG_OK);
	for (int fd = 0; fd < 64; fd++) {
		const int flags = fcntl(fd, F_GETFD);
		if (!is_foreign[fd] && flags >= 0) {
			assert_true(flags & FD_CLOEXEC);
			count++;
		}
	}
	assert_true(count >= 3); /* epoll, timer, socket; the gateway's end may be there too */
	assert_int_equal(tg_client_run(client), TG_OK);
	gateway_stop(&gateway);
	tg_client_destroy(client);
}

static void what_cannot_be_is_not_taken(void **state)
{
	struct tg_client *client;
	struct tg_io lacking = slow_io;
	char token[4098];

	lacking.events = NULL;
	memset(token, 't', sizeof(token));
	token[sizeof(token) - 1] = '\0';
	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_connect(client), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_run(client), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_state(client), TG_STATE_INIT);
	assert_int_equal(tg_client_set_url(client, NULL), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_url(client, "gate"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, ""), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, "\xff"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, "a\nb"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, " a"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, "-- FROM bob"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_user(client, NULL), TG_OK);
	assert_int_equal(tg_client_set_token(client, ""), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_token(client, token), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_token(client, token + 1), TG_OK);
	assert_int_equal(tg_client_set_token(client, "a b"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_token(client, "a\r\nX: y"), TG_ERR_ARGUMENT);
	assert_null(strstr(tg_client_detail(client), "X: y"));
	assert_int_equal(tg_client_give_token(client, "\xc3\xa4"), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_give_token(client, NULL), TG_OK);
	assert_int_equal(tg_client_set_connect_timeout_ms(client, 0), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_probe_timeout_ms(client, 0), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_reconnect_attempts(client, -2), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_reconnect_delay_ms(client, 2, 1), TG_ERR_ARGUMENT);
	assert_int_equal(
		tg_client_set_send_queue_limit(client, TG_SEND_QUEUE_MIN - 1), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_set_io(client, &lacking, NULL), TG_ERR_ARGUMENT);
	lacking = slow_io;
	lacking.size = offsetof(struct tg_io, error_status);
	assert_int_equal(tg_client_set_io(client, &lacking, NULL), TG_OK); /* of an older header */
	lacking.size = offsetof(struct tg_io, error_text);
	assert_int_equal(tg_client_set_io(client, &lacking, NULL), TG_OK); /* and of the first */
	assert_int_equal(tg_client_set_io(client, NULL, NULL), TG_OK);
	lacking.size--;
	assert_int_equal(tg_client_set_io(client, &lacking, NULL), TG_ERR_ARGUMENT);
	assert_int_equal(tg_client_send_text(client, "x", 1), TG_ERR_NOT_CONNECTED);
	assert_int_equal(tg_client_process(client), TG_OK);
	assert_int_equal(tg_client_wait(client, -1), TG_OK);
	assert_int_equal(tg_client_wait(client, 1), TG_OK);
	assert_int_equal(tg_client_probe(client), TG_OK);
	assert_int_equal(tg_client_logout(client), TG_OK);
	assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
	tg_client_destroy(client);
	tg_client_destroy(NULL);
}

/* Whoever is told "an argument is not acceptable" wants to know which, and what would be. */
static void what_is_refused_is_named(void **state)
{
	struct tg_client *client;

	assert_int_equal(tg_client_create(&client), TG_OK);
	assert_int_equal(tg_client_connect(client), TG_ERR_ARGUMENT);
	assert_non_null(strstr(tg_client_detail(client), "tg_client_set_url"));
	assert_int_equal(
		tg_client_set_url(client, "127.0.0.1:8000/?token=secret"), TG_ERR_ARGUMENT);
	assert_non_null(strstr(tg_client_detail(client), "ws://HOST[:PORT]"));
	assert_null(strstr(tg_client_detail(client), "secret"));
	assert_int_equal(tg_client_set_user(client, "a\nb"), TG_ERR_ARGUMENT);
	assert_non_null(strstr(tg_client_detail(client), "1 to 64 bytes of UTF-8 without"));
	assert_int_equal(tg_client_set_url(client, "http://127.0.0.1:8000"), TG_OK);
	assert_int_equal(tg_client_connect(client), TG_ERR_ARGUMENT);
	assert_non_null(strstr(tg_client_detail(client), "neither ws:// nor wss:// nor unix:"));

	/* A user in the URL is looked at when nobody takes his place. */
	static const char *const users[] = {
		"?user=", "?user", "?user=%07", "?user=a%ff", "?user=a&%75ser=b", "?a=b&user=%"};
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		char url[64];
		snprintf(url, sizeof(url), "ws://127.0.0.1:1/%s", users[i]);
		assert_int_equal(tg_client_set_url(client, url), TG_OK);
		assert_int_equal(tg_client_connect(client), TG_ERR_ARGUMENT);
		assert_non_null(strstr(tg_client_detail(client), "the URL names a user"));
		assert_int_equal(tg_client_state(client), TG_STATE_INIT);
	}
	assert_int_equal(tg_client_set_user(client, "bob"), TG_OK);
	assert_int_equal(tg_client_run(client), TG_ERR_UNREACHABLE);
	assert_string_equal(tg_client_detail(client), "127.0.0.1:1: Connection refused");
	tg_client_destroy(client);
}

/* Of a header that counts more. */
static void what_is_not_counted_is_zero(void **state)
{
	struct {
		struct tg_stats known;
		uint64_t later;
	} stats;
	struct tg_client *client;

	memset(&stats, 0xff, sizeof(stats));
	assert_int_equal(tg_client_create(&client), TG_OK);
	tg_client_stats(client, &stats.known, sizeof(stats));
	assert_int_equal(stats.known.dials, 0);
	assert_int_equal(stats.later, 0);
	tg_client_destroy(client);
}

static void every_status_and_state_has_a_text(void **state)
{
	static const char unknown[] = "unknown status";
	unsigned known = 0;

	for (unsigned status = 0; status < 100; status++) {
		known += strcmp(tg_status_text(status), unknown) != 0;
		for (unsigned other = 0; other < status; other++) {
			assert_true(strcmp(tg_status_text(status), unknown) == 0 ||
				    strcmp(tg_status_text(status), tg_status_text(other)) != 0);
		}
	}
	assert_int_equal(known, 12 + 8 + 13 + 8 + 6);
	assert_string_equal(tg_state_name(TG_STATE_INIT), "INIT");
	assert_string_equal(tg_state_name(TG_STATE_CLOSED), "CLOSED");
	assert_string_equal(tg_state_name(6), "unknown");
	assert_true(strlen(tg_version()) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_over_tcp_and_unix),
		cmocka_unit_test(a_client_can_log_in_again),
		cmocka_unit_test(the_line_comes_back_however_it_was_lost),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(one_descriptor_drives_it_all),
		cmocka_unit_test(writing_to_a_closed_end_is_a_lost_line),
		cmocka_unit_test(ends_are_told_apart),
		cmocka_unit_test(a_close_under_way_survives_the_client),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(a_black_hole_is_given_up_in_time),
		cmocka_unit_test(a_name_leads_to_the_address_that_answers),
		cmocka_unit_test(a_lost_line_is_wanted_back_without_end),
		cmocka_unit_test(a_new_token_is_used_at_once),
		cmocka_unit_test(a_flood_is_held_back_and_nothing_is_lost),
		cmocka_unit_test(a_deaf_gateway_holds_nobody_up),
		cmocka_unit_test(a_client_can_be_destroyed_inside_each_callback),
		cmocka_unit_test(a_client_can_be_logged_out_inside_each_callback),
		cmocka_unit_test(a_login_inside_of_a_callback_begins_anew),
		cmocka_unit_test(minds_can_be_changed_inside_of_a_callback),
		cmocka_unit_test(a_transport_of_ones_own),
		cmocka_unit_test(a_signal_interrupts_waiting),
		cmocka_unit_test(descriptors_do_not_outlive_an_exec),
		cmocka_unit_test(what_cannot_be_is_not_taken),
		cmocka_unit_test(what_is_refused_is_named),
		cmocka_unit_test(what_is_not_counted_is_zero),
		cmocka_unit_test(every_status_and_state_has_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
