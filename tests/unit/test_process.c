/* Who is started is this same file: the first argument says what it does. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/handover/channel.h"
#include "../../server/handover/process.h"
#include "open_descriptors.h"

/* --- who is started -----------------------------------------------------------------------------
 */

/* What it has inherited: its descriptors, its environment, and which signals are blocked. */
static int tell_what_there_is(struct channel *channel)
{
	struct pack pack = PACK_EMPTY;
	sigset_t blocked;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int fd = 0; fd < 100; fd++) {
		pack_u8(&pack, fcntl(fd, F_GETFD) >= 0);
	}
	pack_u8(&pack, getenv("LISTEN_FDS") || getenv("LISTEN_PID") || getenv("WATCHDOG_PID"));
	pack_u8(&pack, getenv(PROCESS_CHANNEL_ENV) != NULL);
	pack_slice(&pack, slice_of(getenv("TIDEGATE_TEST_WORD")));
	pack_u8(&pack, sigismember(&blocked, SIGUSR1) == 1);
	int err = channel_send(channel, HANDOVER_HELLO, &pack, NULL, 0);
	pack_finish(&pack);
	return err ? 1 : 7;
}

static int stay(struct channel *channel)
{
	signal(SIGTERM, SIG_IGN);
	channel_send(channel, HANDOVER_READY, NULL, NULL, 0);
	while (pause() < 0) {
	}
	return 0;
}

/* Sees the one that has started it end. */
static int outlive(struct channel *channel)
{
	struct process other = PROCESS_EMPTY;
	if (process_open_peer(channel->fd, &other) < 0 || process_has_ended(&other, 0)) {
		return 1;
	}
	channel_send(channel, HANDOVER_READY, NULL, NULL, 0);
	process_has_ended(&other, -1);
	process_finish(&other);
	return process_open_peer(channel->fd, &other) == -ESRCH ? 7 : 1;
}

static int be_child(const char *what)
{
	struct channel channel = CHANNEL_EMPTY;
	if (channel_adopt(&channel, process_take_channel()) < 0) {
		return 2;
	}
	if (strcmp(what, "tell") == 0) {
		return tell_what_there_is(&channel);
	}
	return strcmp(what, "stay") == 0 ? stay(&channel) : outlive(&channel);
}

/* --- who starts it ------------------------------------------------------------------------------
 */

static struct process start(const char *what, struct channel *channel)
{
	struct process process = PROCESS_EMPTY;
	char *argv[] = {(char *)"test_process", (char *)what, NULL};
	int other;
	assert_int_equal(channel_make(channel, &other), 0);
	assert_int_equal(process_start(other, argv, &process), 0);
	close(other);
	return process;
}

static void expect_message(struct channel *channel, enum handover_message kind)
{
	assert_int_equal(channel_receive(channel), 0);
	assert_int_equal(channel->message.kind, kind);
}

static void expect_only_these_descriptors(struct unpack *body)
{
	for (int fd = 0; fd < 100; fd++) {
		bool is_standard = fd < 3 && fcntl(fd, F_GETFD) >= 0;
		assert_int_equal(unpack_u8(body), is_standard || fd == 3);
	}
}

static void test_it_inherits_its_channel_alone(void **state)
{
	struct channel channel;
	sigset_t blocked;
	sigset_t before;
	int leak =
		open("/dev/null", O_RDONLY); /* NOLINT: it is to be inherited, were it not closed */
	(void)state;
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	setenv("WATCHDOG_PID", "1", 1);
	setenv("TIDEGATE_TEST_WORD", "passed on", 1);
	setenv(PROCESS_CHANNEL_ENV, "77", 1);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	struct process process = start("tell", &channel);
	expect_message(&channel, HANDOVER_HELLO);
	struct unpack body = channel_body(&channel);
	expect_only_these_descriptors(&body);
	assert_false(unpack_bool(&body)); /* nothing of systemd's */
	assert_false(unpack_bool(&body)); /* it has taken its own out */
	assert_true(slice_equals(unpack_slice(&body), SLICE("passed on")));
	assert_false(unpack_bool(&body)); /* as it was when this process began */
	assert_true(unpack_is_over(&body));
	assert_true(process_has_ended(&process, -1));
	process_finish(&process);
	channel_finish(&channel);
	sigprocmask(SIG_SETMASK, &before, NULL);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("WATCHDOG_PID");
	unsetenv(PROCESS_CHANNEL_ENV);
	close(leak);
}

static void test_one_that_does_not_end_is_ended(void **state)
{
	struct channel channel;
	unsigned open = open_descriptors();
	(void)state;
	struct process process = start("stay", &channel);
	expect_message(&channel, HANDOVER_READY);
	assert_false(process_has_ended(&process, 0));
	process_end(&process, 20);
	assert_true(process_has_ended(&process, 0));
	assert_int_equal(channel_receive(&channel), -ECONNRESET);
	process_finish(&process);
	process_finish(&process);
	channel_finish(&channel);
	assert_int_equal(open_descriptors(), open);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it was none of our children */
	assert_int_equal(errno, ECHILD);
}

/* Stopped too, it says nothing more. */
static void test_one_that_is_killed_says_nothing_more(void **state)
{
	struct channel channel;
	(void)state;
	struct process process = start("stay", &channel);
	expect_message(&channel, HANDOVER_READY);
	kill(process.pid, SIGSTOP);
	process_kill(&process);
	assert_true(process_has_ended(&process, -1));
	process_kill(&process);
	assert_int_equal(channel_receive(&channel), -ECONNRESET);
	process_finish(&process);
	process_kill(&process);
	channel_finish(&channel);
}

/* A process that starts another one and ends. */
static int start_and_leave(void)
{
	struct channel channel;
	struct process process = start("outlive", &channel);
	expect_message(&channel, HANDOVER_READY);
	return process_has_ended(&process, 0) ? 1 : 0;
}

static int status_of(pid_t pid)
{
	int status = 0;
	assert_true(waitpid(pid, &status, 0) > 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* For systemd that is the difference between a service that it stops and one that it kills. */
static void test_it_is_a_child_of_the_same_parent(void **state)
{
	(void)state;
	pid_t between = fork();
	assert_true(between >= 0);
	if (between == 0) {
		_exit(start_and_leave());
	}
	assert_int_equal(status_of(between), 0);
	assert_int_equal(status_of(-1), 7); /* and it has seen the other one end */
}

static void test_who_is_no_taker_has_no_channel(void **state)
{
	static const char *const not[] = {"", "x", "3x", "-1", "99999999999"};
	(void)state;
	assert_int_equal(process_take_channel(), -1);
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
		setenv(PROCESS_CHANNEL_ENV, not[i], 1);
		assert_int_equal(process_take_channel(), -1);
		assert_null(getenv(PROCESS_CHANNEL_ENV));
	}
	setenv(PROCESS_CHANNEL_ENV, "12", 1);
	assert_int_equal(process_take_channel(), 12);
	assert_null(getenv(PROCESS_CHANNEL_ENV));
}

static void test_nobody_has_ended(void **state)
{
	struct process process = PROCESS_EMPTY;
	(void)state;
	assert_true(process_has_ended(&process, -1));
	process_end(&process, 0);
	process_finish(&process);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_inherits_its_channel_alone),
		cmocka_unit_test(test_one_that_does_not_end_is_ended),
		cmocka_unit_test(test_one_that_is_killed_says_nothing_more),
		cmocka_unit_test(test_it_is_a_child_of_the_same_parent),
		cmocka_unit_test(test_who_is_no_taker_has_no_channel),
		cmocka_unit_test(test_nobody_has_ended),
	};
	process_note_start();
	return argc > 1 ? be_child(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
