#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/admin/http.h"

enum {
	CLIENTS_MAX = 8,
};

/* The port on a Unix socket, driven by hand, with a clock that moves when the test says so. */
struct rig {
	struct admin_context context;
	struct node node;
	struct listeners listeners;
	struct loop loop;
	struct admin_http *http;
	char path[64];
	uint64_t now_ms;
};

static int dial(struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, rig->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void run(struct rig *rig)
{
	for (int i = 0; i < 5; i++) {
		admin_http_run(rig->http, rig->now_ms);
	}
}

/* Returns the bytes read, 0 at the end, -1 while there is nothing. */
static ssize_t hear(int fd)
{
	char answer[4096];
	return recv(fd, answer, sizeof(answer), 0);
}

static const char HEALTH[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void test_who_takes_too_long_is_shown_out(void **state)
{
	struct rig *rig = *state;
	int silent = dial(rig);
	int slow = dial(rig);
	int idle = dial(rig);
	say(idle, HEALTH);
	for (int i = 0; i < 30; i++) {
		/* A byte a second keeps nobody in. */
		say(slow, "G");
		run(rig);
		assert_int_equal(hear(silent), -1);
		assert_int_equal(hear(slow), -1);
		rig->now_ms += 1000;
	}
	assert_true(hear(idle) > 0);
	run(rig);
	run(rig);
	assert_int_equal(hear(silent), 0);
	assert_true(hear(slow) <= 0);
	assert_int_equal(rig->context.clients, 0);
	close(silent);
	close(slow);
	close(idle);
}

static void test_each_request_gets_its_time(void **state)
{
	struct rig *rig = *state;
	int steady = dial(rig);
	for (int i = 0; i < 5; i++) {
		say(steady, HEALTH);
		run(rig);
		assert_true(hear(steady) > 0);
		rig->now_ms += 29000;
		run(rig);
	}
	assert_int_equal(rig->context.clients, 1);
	close(steady);
}

static void test_the_oldest_make_room(void **state)
{
	struct rig *rig = *state;
	int fds[40];
	for (int i = 0; i < 40; i++) {
		fds[i] = dial(rig);
		run(rig);
		assert_in_range(rig->context.clients, 1, CLIENTS_MAX);
	}
	assert_int_equal(hear(fds[0]), 0);
	assert_int_equal(hear(fds[39]), -1);
	say(fds[39], HEALTH);
	run(rig);
	assert_true(hear(fds[39]) > 0);
	for (int i = 0; i < 40; i++) {
		close(fds[i]);
	}
}

static void test_closed_to_newcomers(void **state)
{
	struct rig *rig = *state;
	int before = dial(rig);
	run(rig);
	admin_http_close(rig->http);
	int after = dial(rig);
	say(before, HEALTH);
	say(after, HEALTH);
	run(rig);
	assert_true(hear(before) > 0);
	assert_int_equal(hear(after), -1);
	assert_int_equal(admin_http_requests(rig->http), 0);
	close(before);
	close(after);
}

/* How many answers have come. */
static int answers(int fd)
{
	static char heard[1 << 16];
	ssize_t len = recv(fd, heard, sizeof(heard) - 1, 0);
	int count = 0;
	heard[len > 0 ? len : 0] = '\0';
	for (const char *at = heard; (at = strstr(at, "HTTP/1.1 200 OK\r\n")); at++) {
		count++;
	}
	return count;
}

/* Who has asked for much does not keep the others waiting. */
static void test_a_visit_is_bounded(void **state)
{
	struct rig *rig = *state;
	int greedy = dial(rig);
	int other = dial(rig);
	run(rig);
	for (int i = 0; i < 40; i++) {
		say(greedy, HEALTH);
	}
	say(other, HEALTH);
	admin_http_run(rig->http, rig->now_ms);
	assert_int_equal(answers(greedy), 16);
	assert_int_equal(answers(other), 1);
	admin_http_run(rig->http, rig->now_ms);
	assert_int_equal(answers(greedy), 16);
	admin_http_run(rig->http, rig->now_ms);
	assert_int_equal(answers(greedy), 8);
	close(greedy);
	close(other);
}

/* Nothing is read of who does not take his answers. */
static void test_who_does_not_read_is_not_read(void **state)
{
	struct rig *rig = *state;
	static const char FILE_REQUEST[] = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
	int fd = dial(rig);
	ssize_t sent = 0;
	for (int i = 0; i < 100000 && sent >= 0; i++) {
		sent = send(fd, FILE_REQUEST, strlen(FILE_REQUEST), MSG_NOSIGNAL);
		run(rig);
	}
	assert_int_equal(sent, -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(admin_http_requests(rig->http), 1);
	assert_int_equal(rig->context.clients, 1);
	close(fd);
}

static int setup(void **state)
{
	static struct rig rig;
	char error[CONFIG_ERROR_MAX];
	char address[80];
	rig = (struct rig){.loop = LOOP_EMPTY, .now_ms = 1000000};
	snprintf(rig.path, sizeof(rig.path), "/tmp/tidegate-http-%d", (int)getpid());
	snprintf(address, sizeof(address), "unix:%s", rig.path);
	config_init(&rig.context.config);
	rig.node.budget.limit = SIZE_MAX;
	rig.context.node = &rig.node;
	rig.context.origin.is_unix = true;
	assert_int_equal(listeners_open_admin(&rig.listeners, address, error), 0);
	assert_int_equal(loop_init(&rig.loop, 4), 0);
	assert_int_equal(
		admin_http_create(&rig.context, &rig.listeners, CLIENTS_MAX, &rig.loop, &rig.http),
		0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	admin_http_destroy(&rig->http);
	loop_finish(&rig->loop);
	listeners_close(&rig->listeners);
	assert_int_equal(rig->context.clients, 0);
	return 0;
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_who_takes_too_long_is_shown_out),
		TEST(test_each_request_gets_its_time),
		TEST(test_the_oldest_make_room),
		TEST(test_closed_to_newcomers),
		TEST(test_a_visit_is_bounded),
		TEST(test_who_does_not_read_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
