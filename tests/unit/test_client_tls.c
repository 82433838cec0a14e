/* wss:// over real sockets: handshakes that go wrong, and lines that stand. */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "client_seen.h"
#include "client_tls_rig.h"
#include "open_descriptors.h"

static struct pair authority;
static struct pair leaf;
static char ca_file[] = "/tmp/tidegate-client-XXXXXX";

static int set_up(void **state)
{
	const int fd = mkstemp(ca_file);

	assert_true(fd >= 0);
	close(fd);
	authority = pair_make(&(struct pair_wanted){.name = "Ours", .is_authority = true});
	leaf = pair_make(&(struct pair_wanted){.name = "gate",
		.hosts = "DNS:localhost,DNS:two.test,IP:127.0.0.1",
		.signer = &authority});
	pair_write(&authority, ca_file);
	return 0;
}

static int clean_up(void **state)
{
	pair_free(&authority);
	pair_free(&leaf);
	return unlink(ca_file);
}

/* One that trusts our authority. */
static struct tg_client *make_tls_client(const char *url, struct seen *seen)
{
	struct tg_client *client = make_client(url, seen);

	assert_int_equal(tg_client_set_ca_file(client, ca_file), TG_OK);
	tg_client_set_connect_timeout_ms(client, 10000); /* for machines under load */
	return client;
}

static void wait_until_connected(struct tg_client *client)
{
	assert_int_equal(tg_client_connect(client), TG_OK);
	while (tg_client_state(client) != TG_STATE_CONNECTED) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
}

/* --- sessions -------------------------------------------------------------------------------- */

static void say_hello(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_reads_text(gateway, "hello"));
	GATEWAY_STEP(gateway, gateway_text(gateway, "hi -- FROM alice"));
	GATEWAY_STEP(gateway, gateway_reads_close(gateway, 1000));
	GATEWAY_STEP(gateway, gateway_close(gateway, 1000, ""));
	GATEWAY_STEP(gateway, gateway_farewell(gateway));
	gateway_reads_to_end(gateway);
}

static void a_session(int version)
{
	const unsigned before = open_descriptors();
	struct seen seen = {.logout_after = 1};
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &leaf, NULL, version);
	gateway_start_tls(&gateway, say_hello, NULL, &side, "localhost");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	wait_until_connected(client);
	assert_int_equal(tg_client_send_text(client, "hello", 5), TG_OK);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_string_equal(seen.last, "hi -- FROM alice");
	assert_int_equal(seen.errors, 0);
	gateway_stop(&gateway);
	assert_string_equal(gateway.user, "bob");
	assert_true(side.was_farewelled);
	tg_client_destroy(client);
	tls_side_finish(&side);
	assert_int_equal(open_descriptors(), before);
}

static void a_session_over_tls(void **state)
{
	a_session(TLS1_3_VERSION);
	a_session(TLS1_2_VERSION);
}

static void the_line_comes_back_however_it_was_lost(void **state)
{
	struct seen seen = {.logout_at_line = 4};
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, gateway_be_unsteady, NULL, &side, "127.0.0.1");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.states[TG_STATE_CONNECTED], 4);
	assert_int_equal(seen.errors, 4);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
}

/* --- how a line ends ------------------------------------------------------------------------- */

static void end_it_well(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_farewell(gateway));
	gateway_reads_to_end(gateway);
}

static void cut_it(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
}

static void reset_it(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_reset(gateway);
}

/* Below TLS, as if somebody in between had a say. */
static void spoil_it(struct gateway *gateway)
{
	static const char record[] = "\x17\x03\x03\x00\x14it was never sealed!";
	const size_t len = sizeof(record) - 1;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, send(gateway->fd, record, len, MSG_NOSIGNAL) == (ssize_t)len);
	gateway_reads_to_end(gateway);
}

/* What the Close says counts, not how the line ends behind it. */
static void kick_and_cut(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_close(gateway, 4001, "kicked"));
}

static void ends_are_told_apart(void **state)
{
	static const struct {
		void (*script)(struct gateway *gateway);
		enum tg_status status;
		const char *detail;
	} rows[] = {
		{end_it_well, TG_ERR_LOST, "EOF"},
		{cut_it, TG_ERR_LOST, "cut without the end that TLS has"},
		{reset_it, TG_ERR_LOST, "Connection reset by peer"},
		{spoil_it, TG_ERR_LOST, "decryption failed or bad record mac"},
		{kick_and_cut, TG_ERR_KICKED, "Close 4001 kicked"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = {0};
		struct tls_side side;
		struct gateway gateway;

		tls_side_init(&side, &leaf, NULL, 0);
		gateway_start_tls(&gateway, rows[i].script, NULL, &side, "localhost");
		struct tg_client *client = make_tls_client(gateway.url, &seen);
		tg_client_set_reconnect_attempts(client, 0);
		assert_int_equal(tg_client_run(client), rows[i].status);
		assert_string_equal(tg_client_detail(client), rows[i].detail);
		assert_int_equal(seen.states[TG_STATE_CONNECTED], 1);
		gateway_stop(&gateway);
		tg_client_destroy(client);
		tls_side_finish(&side);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

/* --- handshakes that come to nothing --------------------------------------------------------- */

/* Reads the hello, answers as it is told, and hangs up. */
static void answer_with(struct gateway *gateway)
{
	const char *answer = gateway->data;
	const struct gateway_layer *layer = gateway->layer;
	char hello[4096];

	gateway->layer = NULL;
	GATEWAY_STEP(gateway, gateway_accept(gateway));
	GATEWAY_STEP(gateway, recv(gateway->fd, hello, sizeof(hello), 0) > 0);
	GATEWAY_STEP(gateway, hello[0] == 0x16);
	if (*answer == '\x15') {
		GATEWAY_STEP(gateway, gateway_send(gateway, answer, 7));
	} else if (*answer) {
		GATEWAY_STEP(gateway, gateway_send(gateway, answer, strlen(answer)));
	}
	if (!*answer) {
		gateway_reset(gateway);
	}
	gateway_drop(gateway);
	gateway->layer = layer;
}

static void refusals_are_told_apart(void **state)
{
	static const struct {
		const char *answer;
		enum tg_status status;
		const char *detail;
	} rows[] = {
		/* A gateway that has no place, and says so as cheaply as it can. */
		{"\x15\x03\x03\x00\x02\x02\x50", TG_ERR_LOST,
			"the gateway sent the alert \"internal error\""},
		{"\x15\x03\x03\x00\x02\x02\x28", TG_ERR_TLS,
			"the gateway sent the alert \"handshake failure\""},
		{"\x15\x03\x03\x00\x02\x02\x46", TG_ERR_TLS,
			"the gateway sent the alert \"protocol version\""},
		{"\x15\x03\x03\x00\x02\x02\x78", TG_ERR_TLS,
			"the gateway sent the alert \"no application protocol\""},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", TG_ERR_TLS, "what answers does not speak TLS"},
		{"SSH-2.0-OpenSSH_9.2\r\n", TG_ERR_TLS, "what answers does not speak TLS"},
		{"\x16", TG_ERR_LOST, "cut in the middle of the handshake of TLS"},
		{"", TG_ERR_LOST, "cut in the middle of the handshake of TLS"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = {0};
		struct tls_side side;
		struct gateway gateway;
		char detail[160];

		tls_side_init(&side, &leaf, NULL, 0);
		gateway_start_tls(
			&gateway, answer_with, (void *)rows[i].answer, &side, "127.0.0.1");
		struct tg_client *client = make_tls_client(gateway.url, &seen);
		snprintf(detail, sizeof(detail), "127.0.0.1:%u: %s", gateway.port, rows[i].detail);
		assert_int_equal(tg_client_run(client), rows[i].status);
		assert_string_equal(tg_client_detail(client), detail);
		gateway_stop(&gateway);
		tg_client_destroy(client);
		tls_side_finish(&side);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void be_refused(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, !gateway_accept(gateway));
}

static void be_full_twice(struct gateway *gateway)
{
	answer_with(gateway);
	answer_with(gateway);
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

/* Who has no place now may have one later; who shows a wrong certificate is not asked again. */
static void a_first_login_waits_for_a_place_only(void **state)
{
	static const char full[] = "\x15\x03\x03\x00\x02\x02\x50";
	struct seen seen = {.logout_at_line = 1};
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, be_full_twice, (void *)full, &side, "localhost");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	tg_client_set_retry_login(client, true);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.errors, 2);
	gateway_stop(&gateway);
	tls_side_finish(&side);

	struct pair self = pair_make(&(struct pair_wanted){.name = "gate"});
	tls_side_init(&side, &self, NULL, 0);
	gateway_start_tls(&gateway, be_refused, NULL, &side, "localhost");
	assert_int_equal(tg_client_set_url(client, gateway.url), TG_OK);
	assert_int_equal(tg_client_connect(client), TG_OK);
	assert_int_equal(tg_client_run(client), TG_ERR_CERTIFICATE_SELF_SIGNED);
	assert_int_equal(seen.errors, 3);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
	pair_free(&self);
}

static void say_nothing(struct gateway *gateway)
{
	gateway->layer = NULL;
	GATEWAY_STEP(gateway, gateway_accept(gateway));
	sem_wait(gateway->data);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void a_silent_handshake_is_given_up_in_time(void **state)
{
	struct seen seen = {0};
	struct tls_side side;
	struct gateway gateway;
	char detail[160];
	sem_t is_over;

	assert_int_equal(sem_init(&is_over, 0, 0), 0);
	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, say_nothing, &is_over, &side, "127.0.0.1");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	tg_client_set_connect_timeout_ms(client, 100);
	const uint64_t begin_ms = now_ms();
	assert_int_equal(tg_client_run(client), TG_ERR_CONNECT_TIMEOUT);
	assert_in_range(now_ms() - begin_ms, 100, 5000);
	snprintf(detail, sizeof(detail), "127.0.0.1:%u: no end of the handshake of TLS",
		gateway.port);
	assert_string_equal(tg_client_detail(client), detail);
	sem_post(&is_over);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
	sem_destroy(&is_over);
}

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list);

/* two.test has two addresses. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret_list)
{
	if (strcmp(host, "two.test") != 0 || hints->ai_flags & AI_NUMERICHOST) {
		return __real_getaddrinfo(host, service, hints, ret_list);
	}
	const int error = __real_getaddrinfo("127.0.0.2", service, hints, ret_list);
	return error ? error
		     : __real_getaddrinfo("127.0.0.1", service, hints, &(*ret_list)->ai_next);
}

/* One whose kernel takes connections, and who never looks at them. */
static int listen_in_silence(const char *ip, uint16_t port)
{
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	return listener;
}

static void serve_who_comes_late(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void a_silent_handshake_leads_to_the_next_address(void **state)
{
	struct seen seen = {.logout_at_line = 1};
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, serve_who_comes_late, NULL, &side, "two.test");
	const int silent = listen_in_silence("127.0.0.2", gateway.port);
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	tg_client_set_connect_timeout_ms(client, 1000);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.states[TG_STATE_CONNECTED], 1);
	assert_int_equal(seen.errors, 0);
	gateway_stop(&gateway);
	assert_string_equal(side.asked_for, "two.test");
	tg_client_destroy(client);
	tls_side_finish(&side);
	close(silent);
}

static void a_client_can_be_gone_in_the_middle_of_a_handshake(void **state)
{
	const unsigned before = open_descriptors();

	for (unsigned turns = 0; turns < 3; turns++) {
		struct seen seen = {0};
		struct tls_side side;
		struct gateway gateway;
		sem_t is_over;

		assert_int_equal(sem_init(&is_over, 0, 0), 0);
		tls_side_init(&side, &leaf, NULL, 0);
		gateway_start_tls(&gateway, say_nothing, &is_over, &side, "127.0.0.1");
		struct tg_client *client = make_tls_client(gateway.url, &seen);
		assert_int_equal(tg_client_connect(client), TG_OK);
		for (unsigned i = 0; i < turns; i++) {
			assert_int_equal(tg_client_wait(client, 20), TG_OK);
		}
		if (turns == 2) {
			tg_client_logout(client);
			assert_int_equal(tg_client_state(client), TG_STATE_CLOSED);
		}
		sem_post(&is_over);
		if (turns == 0) {
			/* It may be gone before it is accepted. */
			gateway_stop(&gateway);
			tg_client_destroy(client);
		} else {
			tg_client_destroy(client);
			gateway_stop(&gateway);
		}
		tls_side_finish(&side);
		sem_destroy(&is_over);
	}
	assert_int_equal(open_descriptors(), before);
}

/* --- what goes over a line ------------------------------------------------------------------- */

enum {
	BURST_COUNT = 3000,
};

static void burst(struct gateway *gateway)
{
	static char frames[BURST_COUNT * 10];
	size_t len = 0;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	for (unsigned i = 0; i < BURST_COUNT; i++) {
		char text[9];
		snprintf(text, sizeof(text), "%08u", i);
		len += frame_header_write((uint8_t *)frames + len, FRAME_TEXT, 8, NULL);
		memcpy(frames + len, text, 8);
		len += 8;
	}
	/* In records of a few bytes, all there at once: reading ends before they do. */
	for (size_t at = 0; at < len; at += 25) {
		GATEWAY_STEP(
			gateway, gateway_send(gateway, frames + at, len - at < 25 ? len - at : 25));
	}
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

static void all_that_has_come_is_read(void **state)
{
	struct seen seen = {.logout_after = BURST_COUNT};
	struct tls_side side;
	struct gateway gateway;
	char last[16];

	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, burst, NULL, &side, "localhost");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	tg_client_set_heartbeat_ms(client, 0);
	assert_int_equal(tg_client_run(client), TG_OK);
	snprintf(last, sizeof(last), "%08u", BURST_COUNT - 1);
	assert_string_equal(seen.last, last);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
}

enum {
	FLOOD_COUNT = 400,
	FLOOD_LEN = 20000,
};

/* Answers Pings, asks for new keys now and then, and reads slowly at first. */
static void read_all_in_order(struct gateway *gateway)
{
	struct tls_side *side = gateway->layer_data;
	const int small = 4096;
	struct message message;
	unsigned count = 0;

	setsockopt(gateway->listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	GATEWAY_STEP(gateway, gateway_open(gateway));
	sem_wait(gateway->data); /* until the client is held back */
	while (count < FLOOD_COUNT && !gateway->failed) {
		const enum message_kind kind = gateway_read(gateway, &message);
		char number[16];

		if (kind == MESSAGE_PING) {
			GATEWAY_STEP(gateway,
				gateway_frame(gateway, FRAME_PONG, message.data, message.len));
			continue;
		}
		snprintf(number, sizeof(number), "%08u", count++);
		GATEWAY_STEP(gateway, kind == MESSAGE_TEXT && message.len == FLOOD_LEN &&
					      memcmp(message.data, number, 8) == 0);
		if (count % 50 == 0) {
			GATEWAY_STEP(
				gateway, SSL_key_update(side->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
			GATEWAY_STEP(gateway, gateway_text(gateway, "new keys"));
		}
	}
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

/* A Ping goes ahead of what waits, but not into what is under way. */
static void a_flood_with_pings_and_new_keys_arrives_whole(void **state)
{
	static char text[FLOOD_LEN + 1];
	struct seen seen = {0};
	struct tls_side side;
	struct gateway gateway;
	unsigned next = 0;
	unsigned blocked = 0;
	sem_t is_blocked;

	assert_int_equal(sem_init(&is_blocked, 0, 0), 0);
	tls_side_init(&side, &leaf, NULL, 0);
	gateway_start_tls(&gateway, read_all_in_order, &is_blocked, &side, "localhost");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	wait_until_connected(client);
	memset(text, 'x', sizeof(text));
	while (next < FLOOD_COUNT) {
		snprintf(text, sizeof(text), "%08u", next);
		text[8] = 'x';
		const unsigned writables = seen.writables; /* the Ping may be told of it */
		const enum tg_status status = tg_client_send_text(client, text, FLOOD_LEN);
		if (status == TG_OK) {
			next++;
			continue;
		}
		assert_int_equal(status, TG_ERR_WOULD_BLOCK);
		assert_int_equal(tg_client_ping(client), TG_OK);
		if (blocked++ == 0) {
			sem_post(&is_blocked);
		}
		while (seen.writables == writables) {
			assert_int_equal(tg_client_wait(client, -1), TG_OK);
		}
	}
	assert_true(blocked > 0);
	while (seen.messages < FLOOD_COUNT / 50) {
		assert_int_equal(tg_client_wait(client, -1), TG_OK);
	}
	tg_client_logout(client);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_true(seen.pongs > 0);
	assert_int_equal(seen.errors, 0);
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
	sem_destroy(&is_blocked);
}

/* It is refused by an alert, and that is all: the line goes on. */
static void ask_for_another_handshake(struct gateway *gateway)
{
	struct tls_side *side = gateway->layer_data;

	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, SSL_renegotiate(side->ssl) == 1);
	SSL_do_handshake(side->ssl);
	GATEWAY_STEP(gateway, gateway_text(gateway, "still here"));
	gateway_reads_to_end(gateway);
}

static void there_is_one_handshake_only(void **state)
{
	struct seen seen = {.logout_after = 1};
	struct tls_side side;
	struct gateway gateway;

	tls_side_init(&side, &leaf, NULL, TLS1_2_VERSION);
	gateway_start_tls(&gateway, ask_for_another_handshake, NULL, &side, "localhost");
	struct tg_client *client = make_tls_client(gateway.url, &seen);
	assert_int_equal(tg_client_run(client), TG_OK);
	assert_int_equal(seen.states[TG_STATE_CONNECTED], 1);
	assert_string_equal(seen.last, "still here");
	gateway_stop(&gateway);
	tg_client_destroy(client);
	tls_side_finish(&side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_over_tls),
		cmocka_unit_test(the_line_comes_back_however_it_was_lost),
		cmocka_unit_test(ends_are_told_apart),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(a_first_login_waits_for_a_place_only),
		cmocka_unit_test(a_silent_handshake_is_given_up_in_time),
		cmocka_unit_test(a_silent_handshake_leads_to_the_next_address),
		cmocka_unit_test(a_client_can_be_gone_in_the_middle_of_a_handshake),
		cmocka_unit_test(all_that_has_come_is_read),
		cmocka_unit_test(a_flood_with_pings_and_new_keys_arrives_whole),
		cmocka_unit_test(there_is_one_handshake_only),
	};
	return cmocka_run_group_tests(tests, set_up, clean_up);
}
