#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/log.h"
#include "../../server/node/acceptor.h"
#include "../../server/node/worker.h"

enum {
	WORKERS = 2,
	ACCEPTORS = 2,
	GIVE_UP_MS = 60000,
};

/* --- in the C library's stead ------------------------------------------------------------------
 */

static _Atomic unsigned waits; /* that acceptors have waited for anything but their loop */
static _Atomic int failures;   /* accepts that are still to fail */
static _Atomic int failure;    /* with what */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	bool is_test = gettid() == getpid();
	waits += !is_test;
	return __real_poll(fds, count, timeout_ms);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int left = failures;
	while (left > 0) {
		if (atomic_compare_exchange_weak(&failures, &left, left - 1)) {
			errno = failure;
			return -1;
		}
	}
	return __real_accept4(fd, address, len, flags);
}

/* --- the rig -----------------------------------------------------------------------------------
 */

struct rig {
	struct node node;
	struct config config;
	struct listeners listeners;
	struct acceptor *acceptors[ACCEPTORS];
	struct sockaddr_in address;
};

static int setup(void **state)
{
	struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63) / 64 * 64);
	char error[CONFIG_ERROR_MAX];
	socklen_t len = sizeof(rig->address);
	memset(rig, 0, sizeof(*rig));
	log_set_level(LOG_LEVEL_ERROR);
	config_init(&rig->config);
	rig->config.acceptors = ACCEPTORS;
	rig->config.listen_count = 1;
	strcpy(rig->config.listen[0], "127.0.0.1:0");
	assert_int_equal(node_init(&rig->node, WORKERS, SERVING_MAIL_FANOUT), 0);
	rig->node.places.max = 1000;
	rig->node.places.refusals_max = 10;
	rig->node.fanout.backlog_limit = 1 << 20;
	waits = 0;
	user_table_thread_begin();
	assert_int_equal(node_make_tables(&rig->node, 64, 1, NULL), 0);
	assert_int_equal(listeners_open(&rig->listeners, &rig->config, error), 0);
	getsockname(listeners_fd(&rig->listeners, 0, 0), (struct sockaddr *)&rig->address, &len);
	for (uint8_t i = 0; i < WORKERS; i++) {
		assert_int_equal(
			worker_create(&rig->node, i, &rig->config, &rig->node.workers[i]), 0);
		assert_int_equal(worker_start(rig->node.workers[i]), 0);
	}
	for (uint32_t i = 0; i < ACCEPTORS; i++) {
		assert_int_equal(
			acceptor_create(&rig->node, &rig->listeners, i, &rig->acceptors[i]), 0);
		assert_int_equal(acceptor_start(rig->acceptors[i]), 0);
	}
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < ACCEPTORS; i++) {
		acceptor_destroy(&rig->acceptors[i]);
		assert_null(rig->acceptors[i]);
		acceptor_destroy(&rig->acceptors[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		worker_stop(rig->node.workers[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		worker_join(rig->node.workers[i]);
	}
	for (int i = 0; i < WORKERS; i++) {
		worker_destroy(&rig->node.workers[i]);
	}
	listeners_close(&rig->listeners);
	assert_int_equal(budget_used(&rig->node.budget), 0);
	node_finish(&rig->node);
	user_table_thread_end();
	free(rig);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int come(struct rig *rig)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&rig->address, sizeof(rig->address)), 0);
	return fd;
}

static void ask(int fd)
{
	static const char request[] =
		"GET /?user=a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
}

/* Reads an answer's head, or what there is of it. */
static void read_head(int fd, char ret_head[512])
{
	size_t len = 0;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ret_head[0] = '\0';
	while (!strstr(ret_head, "\r\n\r\n")) {
		assert_int_equal(poll(&wait, 1, GIVE_UP_MS), 1);
		ssize_t step = recv(fd, ret_head + len, 511 - len, 0);
		if (step <= 0) {
			return;
		}
		len += (size_t)step;
		ret_head[len] = '\0';
	}
}

/* The status of the answer; 0 when none comes. */
static int answer(int fd)
{
	char head[512];
	read_head(fd, head);
	return strlen(head) > 12 ? atoi(head + 9) : 0;
}

static uint32_t load_of(struct rig *rig, int worker)
{
	return *worker_load(rig->node.workers[worker]);
}

static void wait_for_load(struct rig *rig, uint32_t wanted)
{
	uint64_t end_ms = now_ms() + GIVE_UP_MS;
	while (load_of(rig, 0) + load_of(rig, 1) != wanted) {
		assert_true(now_ms() < end_ms);
		sched_yield();
	}
}

static void test_newcomers_go_to_the_least_loaded(void **state)
{
	struct rig *rig = *state;
	int fds[40];
	for (uint32_t i = 0; i < 40; i++) {
		fds[i] = come(rig);
		wait_for_load(rig, i + 1);
		/* One after the other: the workers fill up side by side. */
		assert_true(load_of(rig, 0) == (i + 2) / 2 && load_of(rig, 1) == (i + 1) / 2);
	}
	for (int i = 0; i < 40; i += 2) {
		close(fds[i]);
	}
	wait_for_load(rig, 20);
	for (int i = 1; i < 40; i += 2) {
		close(fds[i]);
	}
	wait_for_load(rig, 0);
}

/* Who comes while they have stopped waits in a queue, and what was counted stays. */
static void test_stopped_and_started_again(void **state)
{
	struct rig *rig = *state;
	int fds[10];
	uint64_t refused = 0;
	rig->node.places.openings = 1;
	int first = come(rig);
	wait_for_load(rig, 1); /* before another acceptor has taken who comes next */
	while (refused == 0) {
		close(come(rig));
		refused = acceptor_refused(rig->acceptors[0]) + acceptor_refused(rig->acceptors[1]);
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < ACCEPTORS; i++) {
			acceptor_stop(rig->acceptors[i]);
			acceptor_stop(rig->acceptors[i]); /* fine */
		}
		refused = acceptor_refused(rig->acceptors[0]) + acceptor_refused(rig->acceptors[1]);
		rig->node.places.openings = 0;
		wait_for_load(rig, 1); /* who was refused, or has left, has gone */
		for (int i = 0; i < 10; i++) {
			fds[i] = come(rig);
			ask(fds[i]);
		}
		assert_int_equal(load_of(rig, 0) + load_of(rig, 1), 1);
		for (int i = 0; i < ACCEPTORS; i++) {
			assert_int_equal(acceptor_start(rig->acceptors[i]), 0);
		}
		for (int i = 0; i < 10; i++) {
			assert_int_equal(answer(fds[i]), 101);
			close(fds[i]);
		}
		assert_int_equal(refused,
			acceptor_refused(rig->acceptors[0]) + acceptor_refused(rig->acceptors[1]));
	}
	close(first);
}

static void test_at_the_limit(void **state)
{
	struct rig *rig = *state;
	int fds[8];
	rig->node.places.max = 3;
	rig->node.places.refusals_max = 2;
	for (uint32_t i = 0; i < 5; i++) {
		fds[i] = come(rig);
		wait_for_load(rig, i + 1);
	}
	/* Beyond what may wait for its request, the answer comes without one. */
	fds[5] = come(rig);
	assert_int_equal(answer(fds[5]), 503);
	assert_int_equal(load_of(rig, 0) + load_of(rig, 1), 5);
	for (int i = 0; i < 5; i++) {
		ask(fds[i]);
		assert_int_equal(answer(fds[i]), i < 3 ? 101 : 503);
	}
	for (int i = 0; i < 6; i++) {
		close(fds[i]);
	}
	wait_for_load(rig, 0);
	assert_int_equal(
		acceptor_refused(rig->acceptors[0]) + acceptor_refused(rig->acceptors[1]), 3);
	/* Room again. */
	fds[0] = come(rig);
	ask(fds[0]);
	assert_int_equal(answer(fds[0]), 101);
	close(fds[0]);
}

/* However many are being refused: who finds a place comes in, and is asked first. */
static void test_a_place_is_asked_for_first(void **state)
{
	struct rig *rig = *state;
	int fds[4];
	rig->node.places.max = 1;
	rig->node.places.refusals_max = 1;
	for (uint32_t i = 0; i < 2; i++) {
		fds[i] = come(rig);
		wait_for_load(rig, i + 1);
	}
	fds[2] = come(rig);
	assert_int_equal(answer(fds[2]), 503);
	close(fds[0]);
	wait_for_load(rig, 1);
	/* The one who is to be refused has said nothing yet, and stays. */
	fds[0] = come(rig);
	ask(fds[0]);
	assert_int_equal(answer(fds[0]), 101);
	/* And takes the place that has become free when he speaks at last. */
	close(fds[0]);
	wait_for_load(rig, 1);
	ask(fds[1]);
	assert_int_equal(answer(fds[1]), 101);
	assert_int_equal(rig->node.places.taken, 1);
	assert_int_equal(rig->node.places.refusals, 0);
	close(fds[1]);
	close(fds[2]);
	wait_for_load(rig, 0);
	assert_int_equal(rig->node.places.taken, 0);
}

/* Of those who are refused nobody does a thing, and nobody is waited for. What they are told
 * differs from one to the next. */
static void test_refusing_waits_for_nobody(void **state)
{
	struct rig *rig = *state;
	enum {
		SILENT = 270
	};
	static int fds[SILENT];
	unsigned counts[9] = {0};
	char head[512];
	rig->node.places.max = 0;
	rig->node.places.refusals_max = 0;
	for (int i = 0; i < SILENT; i++) {
		fds[i] = come(rig);
	}
	for (int i = 0; i < SILENT; i++) {
		read_head(fds[i], head);
		assert_memory_equal(head, "HTTP/1.1 503 ", 13);
		const char *retry = strstr(head, "Retry-After: ");
		assert_non_null(retry);
		assert_in_range(atoi(retry + 13), 2, 10);
		counts[atoi(retry + 13) - 2]++;
		/* And closed, without his having moved. */
		assert_int_equal(recv(fds[i], head, sizeof(head), 0), 0);
	}
	for (int slot = 0; slot < 9; slot++) {
		assert_in_range(counts[slot], SILENT / 9 - 4, SILENT / 9 + 4);
	}
	assert_int_equal(waits, 0);
	rig->node.places.max = 1;
	int fd = come(rig);
	ask(fd);
	assert_int_equal(answer(fd), 101);
	close(fd);
	for (int i = 0; i < SILENT; i++) {
		close(fds[i]);
	}
	wait_for_load(rig, 0);
}

static void fail_accepts(int count, int err)
{
	failure = err;
	failures = count;
}

static void expect_to_come_in(struct rig *rig)
{
	int fd = come(rig);
	ask(fd);
	assert_int_equal(answer(fd), 101);
	assert_int_equal(failures, 0);
	close(fd);
	wait_for_load(rig, 0);
}

/* What accept says of one newcomer keeps no other one waiting. */
static void test_errors_of_one_newcomer(void **state)
{
	static const int errors[] = {EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH};
	struct rig *rig = *state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fail_accepts(10, errors[i]);
		expect_to_come_in(rig);
	}
	assert_int_equal(waits, 0);
	fail_accepts(1, ENOBUFS);
	expect_to_come_in(rig);
	assert_int_equal(waits, 1);
}

/* Between the two accepts a descriptor has become free: there is no reason to refuse. */
static void test_a_descriptor_has_become_free(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < 10; i++) {
		fail_accepts(1, EMFILE);
		expect_to_come_in(rig);
	}
	assert_int_equal(
		acceptor_refused(rig->acceptors[0]) + acceptor_refused(rig->acceptors[1]), 0);
	assert_int_equal(waits, 0);
}

static uint64_t errors_of(struct rig *rig)
{
	return acceptor_errors(rig->acceptors[0]) + acceptor_errors(rig->acceptors[1]);
}

static rlim_t set_file_limit(rlim_t soft)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

/* Not even the spare descriptor helps: the acceptor waits, and neither spins nor gives up. */
static void test_out_of_descriptors_for_good(void **state)
{
	struct rig *rig = *state;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t errors = errors_of(rig);
	rlim_t before = set_file_limit(3);
	assert_int_equal(connect(fd, (struct sockaddr *)&rig->address, sizeof(rig->address)), 0);
	uint64_t end_ms = now_ms() + GIVE_UP_MS;
	while (errors_of(rig) == errors) {
		assert_true(now_ms() < end_ms);
		sched_yield();
	}
	while (errors_of(rig) < errors + 10) {
		assert_true(now_ms() < end_ms);
		sched_yield();
	}
	/* After each but those that are at it. */
	assert_true(waits >= 10 - ACCEPTORS);
	set_file_limit(before);
	ask(fd);
	/* Whoever was about to be refused with the last descriptor still is. */
	int status = answer(fd);
	assert_true(status == 101 || status == 503);
	close(fd);
	fd = come(rig);
	ask(fd);
	assert_int_equal(answer(fd), 101);
	close(fd);
	wait_for_load(rig, 0);
}

static void test_a_flood(void **state)
{
	struct rig *rig = *state;
	enum {
		FLOOD = 300
	};
	static int fds[FLOOD];
	for (int i = 0; i < FLOOD; i++) {
		fds[i] = come(rig);
		ask(fds[i]);
	}
	for (int i = 0; i < FLOOD; i++) {
		assert_int_equal(answer(fds[i]), 101);
		close(fds[i]);
	}
	wait_for_load(rig, 0);
	assert_int_equal(user_table_count(rig->node.users), 0);
	assert_int_equal(stats_read(&worker_stats(rig->node.workers[0])->accepted) +
				 stats_read(&worker_stats(rig->node.workers[1])->accepted),
		FLOOD);
	assert_int_equal(errors_of(rig), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_newcomers_go_to_the_least_loaded),
		CASE(test_stopped_and_started_again),
		CASE(test_at_the_limit),
		CASE(test_a_place_is_asked_for_first),
		CASE(test_refusing_waits_for_nobody),
		CASE(test_errors_of_one_newcomer),
		CASE(test_a_descriptor_has_become_free),
		CASE(test_out_of_descriptors_for_good),
		CASE(test_a_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
