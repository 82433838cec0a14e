/* A whole gateway that stands still: its clients and those of its admin port notice a pause, and
 * nothing else. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/admin/admin.h"
#include "../../server/base/clock.h"
#include "../../server/base/log.h"
#include "../../server/freeze.h"
#include "../../server/node/acceptor.h"
#include "../../server/node/serving_last.h"
#include "../../server/node/worker.h"
#include "../../server/user/user_table.h"

enum {
	ROUNDS = 30,
	GIVE_UP_S = 60,
	ANSWER_MAX = 65536,
};

struct rig {
	struct gateway gateway;
	struct freeze freeze;
	char answer[ANSWER_MAX];
};

static int setup(void **state)
{
	struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63) / 64 * 64);
	memset(rig, 0, sizeof(*rig));
	struct gateway *gateway = &rig->gateway;
	struct config *config = &gateway->config;
	config_init(config);
	sources_init(&gateway->sources);
	config->log_level = LOG_LEVEL_ERROR;
	config->workers = 2;
	config->acceptors = 2;
	config->listen_count = 1;
	strcpy(config->listen[0], "127.0.0.1:0");
	strcpy(config->admin, "127.0.0.1:0");
	gateway->listeners = LISTENERS_EMPTY;
	gateway->signals = SIGNALS_EMPTY;
	gateway->drain_fd = -1;
	gateway->upgrade_fd = -1;
	user_table_thread_begin();
	assert_int_equal(gateway_parts_make(gateway), 0);
	assert_int_equal(gateway_parts_start(gateway), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	gateway_parts_stop(&rig->gateway);
	gateway_parts_free(&rig->gateway);
	user_table_thread_end();
	log_stop();
	free(rig);
	return 0;
}

/* --- clients -----------------------------------------------------------------------------------
 */

static int dial(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval patience = {.tv_sec = GIVE_UP_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int dial_client(struct rig *rig)
{
	return dial(listeners_port(&rig->gateway.listeners, 0));
}

static int dial_admin(struct rig *rig)
{
	char name[ADDRESS_URL_MAX];
	unsigned port;
	admin_name(rig->gateway.admin, name);
	assert_int_equal(sscanf(name, "http://127.0.0.1:%u/", &port), 1);
	return dial((uint16_t)port);
}

static void say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void say_line(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

/* Reads until it has all of `text`, which is somewhere behind what was read before. */
static void hear(struct rig *rig, int fd, const char *text)
{
	size_t len = 0;
	do {
		assert_true(len < ANSWER_MAX - 1);
		ssize_t got = recv(fd, rig->answer + len, ANSWER_MAX - 1 - len, 0);
		assert_true(got > 0);
		len += (size_t)got;
		rig->answer[len] = '\0';
	} while (!memmem(rig->answer, len, text, strlen(text)));
}

static bool has_something(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static void ask_to_log_in(int fd, const char *user)
{
	char request[512];
	snprintf(request, sizeof(request),
		"GET /?user=%s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		user);
	say_line(fd, request);
}

static int log_in(struct rig *rig, const char *user)
{
	int fd = dial_client(rig);
	ask_to_log_in(fd, user);
	hear(rig, fd, "101 ");
	return fd;
}

/* A text of one letter, masked with zeroes. */
static void say_letter(int fd, char letter)
{
	const char frame[] = {(char)0x81, (char)0x81, 0, 0, 0, 0, letter};
	say(fd, frame, sizeof(frame));
}

static const char HEALTH[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char SESSIONS[] = "GET /v1/users HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* --- standing still ----------------------------------------------------------------------------
 */

static void freeze(struct rig *rig)
{
	char busy[FREEZE_BUSY_MAX];
	int err = freeze_begin(&rig->gateway, &rig->freeze, busy);
	assert_string_equal(busy, "");
	assert_int_equal(err, 0);
}

static void thaw(struct rig *rig)
{
	assert_int_equal(freeze_thaw(&rig->gateway, &rig->freeze), 0);
}

static void test_a_pause_and_nothing_else(void **state)
{
	struct rig *rig = *state;
	int talker = log_in(rig, "talker");
	int hearer = log_in(rig, "hearer");
	int asker = dial_admin(rig);
	for (int i = 0; i < ROUNDS; i++) {
		char letter = (char)('A' + i % 26);
		char text[32];
		char name[16];
		snprintf(text, sizeof(text), "%c -- FROM talker", letter);
		snprintf(name, sizeof(name), "late%d", i);
		/* Whether it is read before, or behind it. */
		say_letter(talker, letter);
		freeze(rig);
		int newcomer = dial_client(rig);
		ask_to_log_in(newcomer, name);
		say_line(asker, HEALTH);
		for (uint32_t k = 0; k < rig->gateway.node.worker_count; k++) {
			assert_null(serving_in_hand(worker_serving(rig->gateway.node.workers[k])));
		}
		assert_false(has_something(newcomer));
		assert_false(has_something(asker));
		thaw(rig);
		hear(rig, hearer, text);
		hear(rig, newcomer, "101 ");
		hear(rig, asker, "200 OK");
		say_line(asker, SESSIONS);
		hear(rig, asker, name);
		close(newcomer);
	}
	close(talker);
	close(hearer);
	close(asker);
}

/* The clock goes on where it stood. */
static void test_no_time_has_passed(void **state)
{
	struct rig *rig = *state;
	const uint64_t skipped_us = clock_skipped_us();
	freeze(rig);
	assert_true(rig->freeze.began_us <= rig->freeze.rested_us);
	const uint64_t before_us = clock_us();
	const uint64_t machine_us = clock_machine_us();
	while (clock_machine_us() < machine_us + 20000) {
	}
	thaw(rig);
	assert_true(clock_us() < before_us + 20000);
	assert_true(clock_skipped_us() >= skipped_us + 20000);
}

/* Who waits for an event is answered before, and waits again behind it. */
static void test_who_waits_for_events_keeps_nobody_up(void **state)
{
	static const char WHERE[] = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct rig *rig = *state;
	char request[512];
	char after[128];
	int asker = dial_admin(rig);
	say_line(asker, WHERE);
	hear(rig, asker, "]}");
	const char *at = strstr(rig->answer, "\"after\":\"");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "\"after\":\"%127[^\"]\"", after), 1);
	snprintf(request, sizeof(request),
		"GET /v1/events?after=%s&wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n", after);
	say_line(asker, request);
	freeze(rig);
	thaw(rig);
	hear(rig, asker, "]}");
	say_line(asker, request);
	int client = log_in(rig, "somebody");
	hear(rig, asker, "somebody");
	close(client);
	close(asker);
}

/* A worker that does not come is named, and all go on. */
static void test_not_now(void **state)
{
	struct rig *rig = *state;
	char busy[FREEZE_BUSY_MAX];
	struct serving *serving = worker_serving(rig->gateway.node.workers[1]);
	freeze(rig);
	/* As if a backend owed it an answer, with no registrar that knows of it. */
	assert_int_equal(unanswered_take(&serving->sessions.unanswered, handle_make(1, 77, 1),
				 UNANSWERED_REQUEST),
		0);
	thaw(rig);
	assert_int_equal(freeze_begin(&rig->gateway, &rig->freeze, busy), -EBUSY);
	assert_non_null(strstr(busy, "worker-1"));
	int client = log_in(rig, "goes-on");
	int asker = dial_admin(rig);
	say_line(asker, HEALTH);
	hear(rig, asker, "200 OK");
	close(asker);
	close(client);
}

/* --- leaving -----------------------------------------------------------------------------------
 */

static void test_who_asks_the_one_that_left(void **state)
{
	struct rig *rig = *state;
	int asker = dial_admin(rig);
	int client = log_in(rig, "stays");
	int hearer = log_in(rig, "hears");
	say_line(asker, HEALTH);
	hear(rig, asker, "200 OK");
	freeze(rig);
	say_line(asker, HEALTH);
	freeze_leave(&rig->gateway, &rig->freeze);
	hear(rig, asker, "503 ");
	assert_non_null(strstr(rig->answer, "/problems/moved"));
	/* The workers go on with what is left to them. */
	say_letter(client, 'x');
	hear(rig, hearer, "x -- FROM stays");
	close(client);
	close(hearer);
	close(asker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_pause_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_time_has_passed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_who_waits_for_events_keeps_nobody_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_now, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_asks_the_one_that_left, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
