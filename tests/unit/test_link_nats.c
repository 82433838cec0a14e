/* The line over a real NATS server: what it does when the server does what servers do. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "build_config.h"
#include "nats_rig.h"

enum {
	/* A server that answers nothing is given up within 3 s; two busy cores take their time. */
	DEAD_MS = 3000 * (HAVE_THREAD_SANITIZER ? 3 : 2),
	STOP_MS = 1000 * (HAVE_THREAD_SANITIZER ? 3 : 2),
	ORDERED = 20000,
	RESTARTS = 3, /* or as many as $TIDEGATE_RESTARTS says */
};

static struct rig_server server;
static struct rig_node a, b;

static int setup(void **state)
{
	rig_server_init(&server, "");
	rig_start(&server);
	rig_node_init(&a, "gw-1", server.port);
	rig_node_init(&b, "gw-2", server.port);
	return 0;
}

static int teardown(void **state)
{
	if (a.link) {
		rig_node_stop(&a);
	}
	if (b.link) {
		rig_node_stop(&b);
	}
	mailbox_destroy(&a.mailbox);
	mailbox_destroy(&b.mailbox);
	rig_server_finish(&server);
	return 0;
}

static void start_both(void)
{
	rig_node_start(&a);
	rig_node_start(&b);
	rig_expect(&a, LINK_UP);
	rig_expect(&b, LINK_UP);
}

static void wait_for_text(struct rig_node *node, enum link_about about, const char *part)
{
	for (;;) {
		struct link_message *message = rig_wait(node, about);
		bool is_it = strstr((const char *)message->data, part) != NULL;
		link_message_free(&message);
		if (is_it) {
			return;
		}
	}
}

/* --- what goes where ---------------------------------------------------------------------------
 */

static void check_next(struct rig_node *node, enum link_about about, const char *data)
{
	struct link_message *message = rig_take_until(node, rig_now_ms() + RIG_GIVE_UP_MS);

	assert_non_null(message);
	assert_int_equal(message->about, about);
	assert_string_equal((const char *)message->data, data);
	link_message_free(&message);
}

static void test_up_says_where_and_how_much(void **state)
{
	rig_node_start(&a);
	struct link_message *message = rig_wait(&a, LINK_UP);
	assert_string_equal((const char *)message->data, a.urls);
	assert_int_equal(message->max_payload, 1048576);
	link_message_free(&message);
	struct link_status status = rig_look(&a);
	assert_true(status.is_up);
	assert_int_equal(status.max_payload, 1048576);
	assert_int_equal(status.ups, 1);
}

/* To all others, not to oneself; to one; and nothing else comes. */
static void test_who_hears_what(void **state)
{
	start_both();
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "to all", 6), 0);
	assert_int_equal(rig_send(&a, LINK_TO_NODE, "gw-2", "to b", 4), 0);
	assert_int_equal(rig_send(&a, LINK_TO_NODE, "gw-3", "to nobody", 9), 0);
	check_next(&b, LINK_FROM_ALL, "to all");
	check_next(&b, LINK_FROM_NODE, "to b");
	assert_int_equal(rig_send(&b, LINK_TO_NODE, "gw-1", "back", 4), 0);
	check_next(&a, LINK_FROM_NODE, "back");
	/* It counts behind the send, when the answer may be here already. */
	for (uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS; rig_look(&a).sent < 3;) {
		assert_true(rig_now_ms() < until);
		rig_nap();
	}
	assert_int_equal(rig_look(&a).sent, 3);
	assert_int_equal(rig_look(&b).received, 2);
}

static void test_what_was_said_first_comes_first(void **state)
{
	start_both();
	for (uint32_t i = 0; i < ORDERED; i++) {
		int err = i % 3 == 0 ? rig_send(&a, LINK_TO_ALL, NULL, &i, sizeof(i))
				     : rig_send(&a, LINK_TO_NODE, "gw-2", &i, sizeof(i));
		assert_int_equal(err, 0);
	}
	for (uint32_t i = 0; i < ORDERED; i++) {
		struct link_message *message = rig_take_until(&b, rig_now_ms() + RIG_GIVE_UP_MS);
		assert_non_null(message);
		assert_int_equal(message->about, i % 3 == 0 ? LINK_FROM_ALL : LINK_FROM_NODE);
		assert_memory_equal(message->data, &i, sizeof(i));
		link_message_free(&message);
	}
}

/* A backend asks: one of the nodes hears it, of those that say that they are there. */
static void test_requests_are_for_one_that_serves(void **state)
{
	start_both();
	/* What is sent before it is not heard: the server has seen it when it has come back. */
	assert_int_equal(rig_send(&a, LINK_TO_REPLY, "tidegate.api.v1.push", "lost", 4), 0);
	assert_int_equal(rig_send(&a, LINK_TO_NODE, "gw-2", "behind", 6), 0);
	check_next(&b, LINK_FROM_NODE, "behind");
	link_serve(b.link, true);
	/* Until the server knows of it, the others are lost. */
	struct link_message *message = NULL;
	while (!message) {
		assert_int_equal(
			rig_send(&a, LINK_TO_REPLY, "tidegate.api.v1.rooms.list", "{}", 2), 0);
		message = rig_take_until(&b, rig_now_ms() + 20);
	}
	assert_int_equal(message->about, LINK_REQUEST);
	assert_string_equal(message->name, "rooms.list");
	assert_string_equal(message->reply, "");
	link_message_free(&message);
	link_serve(b.link, false);
	bool still_serves = true;
	while (still_serves) {
		rig_empty(&b);
		assert_int_equal(
			rig_send(&a, LINK_TO_REPLY, "tidegate.api.v1.rooms.list", "{}", 2), 0);
		assert_int_equal(rig_send(&a, LINK_TO_NODE, "gw-2", "behind", 6), 0);
		message = rig_take_until(&b, rig_now_ms() + RIG_GIVE_UP_MS);
		assert_non_null(message);
		still_serves = message->about == LINK_REQUEST;
		link_message_free(&message);
	}
}

/* Takes what comes until the settling with that number has come to its end. Returns how many
 * messages have come before. */
static uint32_t count_until_settled(struct rig_node *node, uint64_t ask, bool is_done)
{
	for (uint32_t count = 0;;) {
		struct link_message *message = rig_take_until(node, rig_now_ms() + RIG_GIVE_UP_MS);
		assert_non_null(message);
		const bool is_it = message->about == LINK_SETTLED;
		assert_true(!is_it || (message->ask == ask && message->is_nobody == !is_done));
		link_message_free(&message);
		if (is_it) {
			return count;
		}
		count++;
	}
}

static uint32_t settle(struct rig_node *node, uint64_t ask)
{
	assert_int_equal(link_settle(node->link, ask), 0);
	return count_until_settled(node, ask, true);
}

/* What the one has sent is with the server, and what the server had for the other one is here: no
 * message is behind the word of it. */
static void test_a_line_settles(void **state)
{
	start_both();
	for (uint64_t round = 1; round <= 5; round++) {
		for (uint32_t i = 0; i < ORDERED; i++) {
			assert_int_equal(
				i % 3 == 0 ? rig_send(&b, LINK_TO_ALL, NULL, &i, sizeof(i))
					   : rig_send(&b, LINK_TO_NODE, "gw-1", &i, sizeof(i)),
				0);
		}
		settle(&b, round);
		assert_int_equal(rig_look(&b).taken, round * ORDERED);
		assert_int_equal(rig_look(&b).sent, round * ORDERED);
		assert_int_equal(link_settle(a.link, round), 0);
		assert_int_equal(count_until_settled(&a, round, true), ORDERED);
	}
}

/* Whoever takes no more requests has had all that the server has given him, and another one gets
 * the rest: none is lost between the two. */
static void test_requests_are_handed_on(void **state)
{
	enum {
		REQUESTS = 3000
	};
	uint32_t heard = 0;
	start_both();
	struct rig_node asker;
	rig_node_init(&asker, "asker", server.port);
	rig_node_start(&asker);
	rig_expect(&asker, LINK_UP);
	link_serve(a.link, true);
	settle(&a, 1);
	for (int i = 0; i < REQUESTS; i++) {
		assert_int_equal(
			rig_send(&asker, LINK_TO_REPLY, "tidegate.api.v1.push", "{}", 2), 0);
		if (i == REQUESTS / 3) {
			link_serve(b.link, true);
			heard += settle(&b, 1);
		}
		if (i == REQUESTS / 2) {
			link_serve(a.link, false);
			assert_int_equal(link_settle(a.link, 2), 0);
		}
	}
	settle(&asker, 1);
	heard += count_until_settled(&a, 2, true);
	heard += settle(&b, 2);
	assert_int_equal(heard, REQUESTS);
	rig_node_stop(&asker);
}

static void test_a_line_that_does_not_settle(void **state)
{
	assert_int_equal(a.setup.first, NULL);
	rig_node_start(&a);
	rig_expect(&a, LINK_UP);
	rig_signal(&server, SIGSTOP);
	assert_int_equal(link_settle(a.link, 1), 0);
	count_until_settled(&a, 1, false);
	rig_kill(&server);
	rig_expect(&a, LINK_DOWN);
	assert_int_equal(link_settle(a.link, 2), -ENOTCONN);
}

/* Another process goes on, and counts on. */
static void test_counts_go_on(void **state)
{
	struct link_status before = {.sent = 5, .received = 7};
	before.lost[LINK_LOST_EGRESS] = 3;
	rig_node_start(&a);
	rig_expect(&a, LINK_UP);
	link_count_on(a.link, &before);
	const struct link_status status = rig_look(&a);
	assert_int_equal(status.sent, 5);
	assert_int_equal(status.received, 7);
	assert_int_equal(status.lost[LINK_LOST_EGRESS], 3);
	assert_string_equal(status.server, a.urls);
}

/* Of several servers the one that is asked for, each time. */
static void test_the_first_server(void **state)
{
	char urls[RIG_TEXT_MAX];
	char second[64];
	struct rig_server other;
	rig_server_init(&other, "");
	rig_start(&other);
	snprintf(second, sizeof(second), "nats://127.0.0.1:%u", other.port);
	snprintf(urls, sizeof(urls), "nats://127.0.0.1:%u,%s", server.port, second);
	for (int i = 0; i < 8; i++) {
		struct rig_node node;
		rig_node_init(&node, "gw-9", server.port);
		node.setup.urls = urls;
		node.setup.first = second;
		rig_node_start(&node);
		struct link_message *message = rig_wait(&node, LINK_UP);
		assert_string_equal((const char *)message->data, second);
		assert_string_equal(rig_look(&node).server, second);
		link_message_free(&message);
		rig_node_stop(&node);
	}
	rig_server_finish(&other);
}

static void test_nobody_is_there_to_answer(void **state)
{
	static const struct link_header headers[] = {{"Tidegate-User", "alice"}};
	struct link_parcel parcel = {.to = LINK_TO_UP,
		.ask = UINT64_MAX - 1,
		.headers = headers,
		.header_count = 1,
		.data = "?",
		.len = 1};

	rig_node_start(&a);
	rig_expect(&a, LINK_UP);
	assert_int_equal(link_send(a.link, &parcel), 0);
	struct link_message *message = rig_wait(&a, LINK_ANSWER);
	assert_true(message->is_nobody);
	assert_true(message->ask == UINT64_MAX - 1);
	assert_int_equal(message->len, 0);
	link_message_free(&message);
}

static void test_an_answer_knows_its_ask(void **state)
{
	start_both();
	assert_int_equal(
		rig_send(&b, LINK_TO_REPLY, "tidegate.inbox.gw-1.not-a-number", "-", 1), 0);
	assert_int_equal(
		rig_send(&b, LINK_TO_REPLY, "tidegate.inbox.gw-1.00000000000000ff", "yes", 3), 0);
	struct link_message *message = rig_wait(&a, LINK_ANSWER);
	assert_false(message->is_nobody);
	assert_int_equal(message->ask, 255);
	assert_string_equal((const char *)message->data, "yes");
	link_message_free(&message);
}

/* --- what is lost ------------------------------------------------------------------------------
 */

static void test_what_is_too_big_is_refused(void **state)
{
	static char data[(1 << 20) + 1];

	start_both();
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data)), -EMSGSIZE);
	assert_int_equal(rig_look(&a).lost[LINK_LOST_TOO_BIG], 1);
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data) - 1), 0);
	struct link_message *message = rig_wait(&b, LINK_FROM_ALL);
	assert_int_equal(message->len, sizeof(data) - 1);
	link_message_free(&message);
}

/* Large ones are dropped at the limit, small ones not yet; each is counted. */
static void test_no_more_comes_in_than_may(void **state)
{
	static char data[10000];

	b.setup.in_limit = 100000;
	start_both();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data)), 0);
	}
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "small", 5), 0);
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;
	while (rig_look(&b).received < 51) {
		assert_true(rig_now_ms() < until);
		rig_nap();
	}
	struct link_status status = rig_look(&b);
	assert_int_equal(status.lost[LINK_LOST_INGRESS], 41);
	assert_in_range(status.in_bytes, 90000, 100000 + 12500);
	for (int i = 0; i < 9; i++) {
		rig_expect(&b, LINK_FROM_ALL);
	}
	check_next(&b, LINK_FROM_ALL, "small");
	assert_int_equal(rig_look(&b).in_bytes, 0);
	/* There is room again. */
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data)), 0);
	rig_expect(&b, LINK_FROM_ALL);
}

static void test_nothing_is_kept_for_later(void **state)
{
	start_both();
	rig_kill(&server);
	rig_expect(&a, LINK_DOWN);
	assert_false(rig_look(&a).is_up);
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "late", 4), -ENOTCONN);
	assert_true(rig_look(&a).lost[LINK_LOST_DOWN] >= 1);
	rig_start(&server);
	rig_expect(&a, LINK_UP);
	rig_expect(&b, LINK_UP);
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "fresh", 5), 0);
	check_next(&b, LINK_FROM_ALL, "fresh");
	assert_int_equal(rig_look(&a).ups, 2);
}

/* --- servers that do not answer ----------------------------------------------------------------
 */

static void test_the_first_connection_is_tried_again(void **state)
{
	rig_kill(&server);
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, a.urls);
	rig_start(&server);
	rig_expect(&a, LINK_UP);
}

static void test_another_server_is_tried(void **state)
{
	struct rig_server other;

	rig_server_init(&other, "");
	rig_start(&other);
	snprintf(a.urls, sizeof(a.urls), "nats://127.0.0.1:%u, nats://127.0.0.1:%u", server.port,
		other.port);
	rig_node_start(&a);
	rig_expect(&a, LINK_UP);
	rig_kill(&server);
	rig_kill(&other);
	rig_expect(&a, LINK_DOWN);
	rig_start(&other);
	rig_expect(&a, LINK_UP);
	rig_kill(&other);
	rig_start(&server);
	rig_expect(&a, LINK_UP);
	rig_node_stop(&a);
	rig_server_finish(&other);
}

static void test_a_frozen_server_is_given_up(void **state)
{
	start_both();
	rig_signal(&server, SIGSTOP);
	uint64_t begin = rig_now_ms();
	rig_expect(&a, LINK_DOWN);
	assert_in_range(rig_now_ms() - begin, 0, DEAD_MS);
	rig_expect(&b, LINK_DOWN);
	rig_signal(&server, SIGCONT);
	rig_expect(&a, LINK_UP);
	rig_expect(&b, LINK_UP);
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "fresh", 5), 0);
	struct link_message *message = rig_wait(&b, LINK_FROM_ALL);
	assert_string_equal((const char *)message->data, "fresh");
	link_message_free(&message);
}

/* Who sends is never held up, and what waits is bounded. */
static void test_a_flood_against_a_frozen_server(void **state)
{
	static char data[60000];
	uint64_t slowest = 0;
	uint64_t lost = 0;

	a.setup.out_limit = 4 << 20;
	start_both();
	rig_signal(&server, SIGSTOP);
	for (uint64_t until = rig_now_ms() + DEAD_MS; rig_look(&a).is_up;) {
		uint64_t begin = rig_now_ms();
		assert_true(begin < until);
		lost += rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data)) != 0;
		uint64_t taken = rig_now_ms() - begin;
		slowest = taken > slowest ? taken : slowest;
		assert_true(rig_look(&a).out_bytes <= 4 << 20);
		rig_nap();
	}
	assert_true(slowest < 500);
	rig_expect(&a, LINK_DOWN);
	assert_true(
		rig_look(&a).lost[LINK_LOST_EGRESS] + rig_look(&a).lost[LINK_LOST_DOWN] >= lost);
	assert_int_equal(rig_look(&a).out_bytes, 0);
	rig_signal(&server, SIGCONT);
	rig_expect(&a, LINK_UP);
}

static void test_a_stop_does_not_wait_for_a_frozen_server(void **state)
{
	static char data[60000];

	start_both();
	rig_signal(&server, SIGSTOP);
	while (rig_send(&a, LINK_TO_ALL, NULL, data, sizeof(data)) == 0 &&
		rig_look(&a).out_bytes < 4 << 20) {
	}
	assert_in_range(rig_node_stop(&a), 0, STOP_MS); /* as it is sending */
	assert_in_range(rig_node_stop(&b), 0, STOP_MS); /* as it has nothing to do */
	rig_node_init(&a, "gw-1", server.port);
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, a.urls);
	assert_in_range(rig_node_stop(&a), 0, STOP_MS); /* as it connects */
	rig_signal(&server, SIGCONT);
}

static void test_a_stop_sends_what_waits(void **state)
{
	start_both();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "x", 1), 0);
	}
	assert_int_equal(rig_send(&a, LINK_TO_ALL, NULL, "bye", 3), 0);
	rig_node_stop(&a);
	struct link_message *message;
	bool is_bye;
	do {
		message = rig_wait(&b, LINK_FROM_ALL);
		is_bye = strcmp((const char *)message->data, "bye") == 0;
		link_message_free(&message);
	} while (!is_bye);
}

/* --- servers that are none ---------------------------------------------------------------------
 */

static const char INFO[] =
	"INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"go\":\"go1\",\"host\":\"127.0.0.1\","
	"\"port\":1,\"headers\":true,\"max_payload\":1048576,\"proto\":1%s}\r\n";

/* Takes one connection and greets it; `more` stands in the greeting. Returns the socket. */
static int greet_one(int listener, const char *more)
{
	char text[RIG_TEXT_MAX];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	int len = snprintf(text, sizeof(text), INFO, more);
	assert_int_equal(write(fd, text, (size_t)len), len);
	return fd;
}

/* Until the other side has hung up. */
static void read_to_the_end(int fd)
{
	char bytes[256];

	while (read(fd, bytes, sizeof(bytes)) > 0) {
	}
	close(fd);
}

static void check_given_up(const char *more)
{
	uint16_t port = 0;
	int listener = rig_listen(&port, 8);

	rig_node_init(&a, "gw-1", port);
	rig_node_start(&a);
	uint64_t begin = rig_now_ms();
	int first = greet_one(listener, more);
	read_to_the_end(first); /* it is given up */
	assert_in_range(rig_now_ms() - begin, 1000, 3500 + DEAD_MS);
	rig_expect(&a, LINK_DOWN);
	int second = greet_one(listener, more); /* and tried again */
	assert_in_range(rig_node_stop(&a), 0, STOP_MS);
	read_to_the_end(second);
	close(listener);
}

/* libnats 3.4 would spin for ever, and take memory for it. */
static void test_no_answer_to_the_first_ping(void **state)
{
	struct rusage before, after;

	mailbox_destroy(&a.mailbox);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	check_given_up("");
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 100 * 1024); /* KiB */
}

/* libnats would wait for ever. */
static void test_no_answer_in_the_midst_of_tls(void **state)
{
	mailbox_destroy(&a.mailbox);
	check_given_up(",\"tls_required\":true");
}

/* Nobody accepts, and the queue for it is full. */
static void test_a_stop_does_not_wait_for_a_connection(void **state)
{
	uint16_t port = 0;
	int listener = rig_listen(&port, 0);
	int fds[4];

	mailbox_destroy(&a.mailbox);
	for (size_t i = 0; i < 4; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	rig_node_init(&a, "gw-1", port);
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, a.urls);
	assert_in_range(rig_node_stop(&a), 0, STOP_MS);
	for (size_t i = 0; i < 4; i++) {
		close(fds[i]);
	}
	close(listener);
}

static void test_a_server_that_takes_too_little(void **state)
{
	rig_kill(&server);
	rig_configure(&server, "max_payload: 69631");
	rig_start(&server);
	rig_node_start(&a);
	struct link_message *message = rig_wait(&a, LINK_NARROW);
	assert_int_equal(message->max_payload, 69631);
	char expected[RIG_TEXT_MAX];
	snprintf(expected, sizeof(expected),
		"%.100s takes messages of 69631 bytes: raise its max_payload to 69632, or lower "
		"max_message here",
		a.urls);
	assert_string_equal((const char *)message->data, expected);
	link_message_free(&message);
	assert_false(rig_look(&a).is_up);
	rig_kill(&server);
	rig_configure(&server, "max_payload: 69632");
	rig_start(&server);
	rig_expect(&a, LINK_UP);
}

/* --- who one is --------------------------------------------------------------------------------
 */

static void write_creds(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* The file is read again at each attempt. */
static void test_a_password_that_is_put_right(void **state)
{
	char path[] = "/tmp/tidegate-creds-XXXXXX";

	close(mkstemp(path));
	write_creds(path, "gateway:wrong\n");
	rig_kill(&server);
	rig_configure(&server, "authorization { user: gateway, password: right }");
	rig_start(&server);
	a.setup.creds = path;
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, "Authorization Violation");
	write_creds(path, "gateway:right\n");
	rig_expect(&a, LINK_UP);
	rig_node_stop(&a);
	unlink(path);
}

static void test_a_file_that_is_not_there(void **state)
{
	char why[LINK_TEXT_MAX] = "";

	a.setup.creds = "/nowhere/creds";
	assert_int_equal(link_nats_create(&a.setup, why, &a.link), -ENOENT);
	assert_string_equal(why, "cluster_creds: /nowhere/creds: No such file or directory");
	a.setup.creds = "";
	a.setup.ca = "/nowhere/ca.pem";
	assert_true(link_nats_create(&a.setup, why, &a.link) < 0);
	assert_non_null(strstr(why, "/nowhere/ca.pem"));
}

/* A node that may not hear the others is none of them. */
static void test_a_node_that_may_not_listen(void **state)
{
	rig_kill(&server);
	rig_configure(&server,
		"authorization { users: [{user: u, password: p, permissions: {subscribe: "
		"[\"tidegate.n1.node.>\", \"tidegate.inbox.>\"]}}] }\nno_auth_user: u");
	rig_start(&server);
	rig_node_start(&a);
	wait_for_text(
		&a, LINK_DOWN, "Permissions Violation for Subscription to \"tidegate.n1.all\"");
	assert_false(rig_look(&a).is_up);
}

static void test_what_the_server_refuses_is_told(void **state)
{
	rig_kill(&server);
	rig_configure(&server,
		"authorization { users: [{user: u, password: p, permissions: {publish: "
		"[\"tidegate.n1.>\"]}}] }\nno_auth_user: u");
	rig_start(&server);
	rig_node_start(&a);
	rig_expect(&a, LINK_UP);
	assert_int_equal(rig_send(&a, LINK_TO_EVENTS, NULL, "{}", 2), 0);
	wait_for_text(
		&a, LINK_TROUBLE, "Permissions Violation for Publish to \"tidegate.events.gw-1\"");
	assert_true(rig_look(&a).is_up);
}

/* --- restarts under load -----------------------------------------------------------------------
 */

/* Sends as fast as it may, until told to end.
 * Owner: the test. */
struct talker {
	struct rig_node *from;
	const char *to;
	_Atomic bool is_over;
	uint64_t tried, failed;
};

/* One more. Returns what came of it, having waited a moment where it could not be sent. */
static int try_to_say(
	struct talker *talker, enum link_to to, const char *node, const void *data, size_t len)
{
	int err = rig_send(talker->from, to, node, data, len);
	talker->tried++;
	talker->failed += err ? 1 : 0;
	if (err) {
		rig_nap();
	}
	return err;
}

static void *talk(void *context)
{
	static char data[20000];
	struct talker *talker = context;

	for (uint64_t i = 0; !atomic_load(&talker->is_over); i++) {
		size_t len = i % 7 == 0 ? sizeof(data) : 100;
		const bool is_to_all = i % 2 == 0;
		try_to_say(talker, is_to_all ? LINK_TO_ALL : LINK_TO_NODE,
			is_to_all ? NULL : talker->to, data, len);
	}
	return NULL;
}

static void *listen_on(void *context)
{
	struct talker *talker = context;

	while (!atomic_load(&talker->is_over)) {
		struct link_message *message = rig_take_until(talker->from, rig_now_ms() + 10);
		link_message_free(&message);
	}
	return NULL;
}

static int restarts(void)
{
	const char *wanted = getenv("TIDEGATE_RESTARTS");
	return wanted ? atoi(wanted) : RESTARTS;
}

static void wait_for_ups(struct rig_node *node, uint64_t ups)
{
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;

	while (!rig_look(node).is_up || rig_look(node).ups < ups) {
		assert_true(rig_now_ms() < until);
		rig_nap();
	}
}

static uint64_t accounted_for(struct rig_node *node)
{
	struct link_status status = rig_look(node);

	return status.sent + status.lost[LINK_LOST_DOWN] + status.lost[LINK_LOST_EGRESS] +
	       status.lost[LINK_LOST_TOO_BIG] + status.lost[LINK_LOST_REFUSED] +
	       status.lost[LINK_LOST_NO_MEMORY];
}

/* What was sent has gone out or is counted: nothing is lost in silence. */
static void check_account(struct rig_node *node, const struct talker *talker)
{
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;

	while (accounted_for(node) < talker->tried) {
		assert_true(rig_now_ms() < until);
		rig_nap();
	}
	assert_int_equal(accounted_for(node), talker->tried);
	assert_true(rig_look(node).sent > 0);
	assert_true(talker->failed <= talker->tried - rig_look(node).sent);
}

static void check_restarts_under_load(void)
{
	pthread_t threads[4];
	static struct talker talkers[2]; /* they go on where the case fails */

	talkers[0] = (struct talker){.from = &a, .to = "gw-2"};
	talkers[1] = (struct talker){.from = &b, .to = "gw-1"};
	start_both();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, talk, &talkers[i]), 0);
		assert_int_equal(pthread_create(&threads[2 + i], NULL, listen_on, &talkers[i]), 0);
	}
	for (int i = 0; i < restarts(); i++) {
		rig_kill(&server);
		rig_start(&server);
		wait_for_ups(&a, (uint64_t)i + 2);
		wait_for_ups(&b, (uint64_t)i + 2);
	}
	for (int i = 0; i < 2; i++) {
		atomic_store(&talkers[i].is_over, true);
		pthread_join(threads[i], NULL);
		pthread_join(threads[2 + i], NULL);
	}
	/* What they have said last may still fill the line. */
	uint64_t until = rig_now_ms() + RIG_GIVE_UP_MS;
	int err;
	while ((err = try_to_say(&talkers[0], LINK_TO_ALL, NULL, "fresh", 5)) != 0) {
		assert_int_equal(err, -ENOBUFS);
		assert_true(rig_now_ms() < until);
	}
	struct link_message *message;
	bool is_fresh;
	do {
		message = rig_wait(&b, LINK_FROM_ALL);
		is_fresh = message->len == 5;
		link_message_free(&message);
	} while (!is_fresh);
	check_account(&a, &talkers[0]);
	check_account(&b, &talkers[1]);
}

static void test_restarts_under_load(void **state)
{
	check_restarts_under_load();
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

/* A certificate for localhost, its key, and a server that asks for TLS. Their paths are the
 * folder's with `.pem` and `.key` behind. */
static void use_tls(const char *folder)
{
	char text[2 * RIG_TEXT_MAX];

	snprintf(text, sizeof(text),
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
		"-subj /CN=localhost -addext subjectAltName=DNS:localhost "
		"-keyout %s/s.key -out %s/s.pem 2>%s/log",
		folder, folder, folder);
	assert_int_equal(system(text), 0);
	rig_kill(&server);
	snprintf(text, sizeof(text),
		"tls { cert_file: \"%s/s.pem\", key_file: \"%s/s.key\", timeout: 5 }", folder,
		folder);
	rig_configure(&server, text);
	rig_start(&server);
	snprintf(a.urls, sizeof(a.urls), "tls://localhost:%u", server.port);
	snprintf(b.urls, sizeof(b.urls), "tls://localhost:%u", server.port);
}

static void forget_tls(const char *folder)
{
	static const char *const names[] = {"s.key", "s.pem", "log"};
	char path[RIG_TEXT_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void test_restarts_under_load_with_tls(void **state)
{
	char folder[] = "/tmp/tidegate-tls-XXXXXX";
	char ca[RIG_TEXT_MAX];

	assert_non_null(mkdtemp(folder));
	use_tls(folder);
	snprintf(ca, sizeof(ca), "%s/s.pem", folder);
	a.setup.ca = ca;
	b.setup.ca = ca;
	check_restarts_under_load();
	rig_node_stop(&a);
	rig_node_stop(&b);
	forget_tls(folder);
}

static void test_a_server_nobody_vouches_for(void **state)
{
	char folder[] = "/tmp/tidegate-tls-XXXXXX";

	assert_non_null(mkdtemp(folder));
	use_tls(folder);
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, "SSL handshake error");
	assert_false(rig_look(&a).is_up);
	rig_node_stop(&a);
	forget_tls(folder);
}

/* Nothing is sent in clear to a server that was to have TLS. */
static void test_a_server_without_tls(void **state)
{
	snprintf(a.urls, sizeof(a.urls), "tls://localhost:%u", server.port);
	rig_node_start(&a);
	wait_for_text(&a, LINK_DOWN, "Secure Connection not available");
	assert_false(rig_look(&a).is_up);
}

/* libnats 3.4 does not free what it has read of a first answer that never came. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:natsBuf_Create\n";
}

/* With an argument, only the cases of such a name: as *restarts*. */
int main(int argc, char **argv)
{
	if (argc > 1) {
		cmocka_set_test_filter(argv[1]);
	}
	signal(SIGPIPE, SIG_IGN);
	srand((unsigned)getpid());
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_up_says_where_and_how_much),
		TEST(test_who_hears_what),
		TEST(test_what_was_said_first_comes_first),
		TEST(test_requests_are_for_one_that_serves),
		TEST(test_a_line_settles),
		TEST(test_requests_are_handed_on),
		TEST(test_a_line_that_does_not_settle),
		TEST(test_counts_go_on),
		TEST(test_the_first_server),
		TEST(test_nobody_is_there_to_answer),
		TEST(test_an_answer_knows_its_ask),
		TEST(test_what_is_too_big_is_refused),
		TEST(test_no_more_comes_in_than_may),
		TEST(test_nothing_is_kept_for_later),
		TEST(test_the_first_connection_is_tried_again),
		TEST(test_another_server_is_tried),
		TEST(test_a_frozen_server_is_given_up),
		TEST(test_a_flood_against_a_frozen_server),
		TEST(test_a_stop_does_not_wait_for_a_frozen_server),
		TEST(test_a_stop_sends_what_waits),
		TEST(test_no_answer_to_the_first_ping),
		TEST(test_no_answer_in_the_midst_of_tls),
		TEST(test_a_stop_does_not_wait_for_a_connection),
		TEST(test_a_server_that_takes_too_little),
		TEST(test_a_password_that_is_put_right),
		TEST(test_a_file_that_is_not_there),
		TEST(test_a_node_that_may_not_listen),
		TEST(test_what_the_server_refuses_is_told),
		TEST(test_restarts_under_load),
		TEST(test_restarts_under_load_with_tls),
		TEST(test_a_server_nobody_vouches_for),
		TEST(test_a_server_without_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
