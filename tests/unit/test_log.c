#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/handle.h"
#include "../../server/base/log.h"

enum {
	THREADS = 4,
	CAPTURE_MAX = 8 * 1024 * 1024, /* bytes kept of the log */
	GIVE_UP_MS = 60 * 1000,
};

/* Standard error, caught in a pipe. */
static struct capture {
	int saved_fd;
	int pipe_fd; /* the reader's end */
	size_t len;
	char text[CAPTURE_MAX + 1];
} capture;

static int begin_capture(void **state)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return -1;
	}
	capture.saved_fd = dup(STDERR_FILENO);
	capture.pipe_fd = ends[0];
	capture.len = 0;
	capture.text[0] = '\0';
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return 0;
}

static int end_capture(void **state)
{
	log_stop();
	dup2(capture.saved_fd, STDERR_FILENO);
	close(capture.saved_fd);
	close(capture.pipe_fd);
	return 0;
}

/* Waits until something can be read, and adds it to the text. */
static void read_some(void)
{
	struct pollfd ready = {.fd = capture.pipe_fd, .events = POLLIN};

	assert_int_equal(poll(&ready, 1, GIVE_UP_MS), 1);
	ssize_t got = read(capture.pipe_fd, capture.text + capture.len, CAPTURE_MAX - capture.len);
	assert_true(got > 0);
	capture.len += (size_t)got;
	capture.text[capture.len] = '\0';
}

static const char *wait_for(const char *words)
{
	const char *found;
	while (!(found = strstr(capture.text, words)) || !strchr(found, '\n')) {
		read_some();
	}
	return found;
}

static size_t count_of(const char *words)
{
	size_t count = 0;
	for (const char *at = capture.text; (at = strstr(at, words)); at += strlen(words)) {
		count++;
	}
	return count;
}

/* The number in front of `words`, after a space; summed over all places. */
static unsigned long long sum_before(const char *words)
{
	unsigned long long sum = 0;
	for (const char *at = capture.text; (at = strstr(at, words)); at += strlen(words)) {
		const char *number = at;
		while (number > capture.text && number[-1] >= '0' && number[-1] <= '9') {
			number--;
		}
		sum += strtoull(number, NULL, 10);
	}
	return sum;
}

static void start(enum log_format format, enum log_level level)
{
	/* A thread that an earlier test left stuck goes when its pipe is closed. */
	struct timespec before;
	struct timespec now;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &before);
	while ((err = log_start(format, level, "demo", ":8000")) == -EBUSY) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		assert_true(now.tv_sec - before.tv_sec < GIVE_UP_MS / 1000);
		sched_yield();
	}
	assert_int_equal(err, 0);
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static void test_lines_come_in_order(void **state)
{
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_DEBUG);
	log_debug(0, "one");
	log_info(handle_make(1, 2, 3), "two %d", 2);
	log_warn(0, "three");
	log_error(0, "four");
	log_stop();
	const char *line = wait_for("DEBU[");
	assert_non_null(line = strstr(line, "] one"));
	assert_non_null(line = strstr(line, "INFO["));
	assert_non_null(line = strstr(line, "] two 2"));
	assert_non_null(line = strstr(line, "conn=1.2.3\nWARN["));
	assert_non_null(line = strstr(line, "] three"));
	assert_non_null(line = strstr(line, "module=Server\nERRO["));
	assert_non_null(strstr(line, "] four"));
}

static void test_json_lines(void **state)
{
	start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info(0, "say \"%s\"", "hi");
	log_stop();
	wait_for("\"level\":\"info\",\"msg\":\"say \\\"hi\\\"\",\"id\":\"demo\"");
	assert_memory_equal(capture.text, "{\"time\":\"20", 11);
}

/* A pipe is no terminal. */
static void test_into_a_pipe_lines_have_the_time(void **state)
{
	start(LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
	assert_false(log_is_on_terminal());
	log_warn(0, "hello");
	log_stop();
	wait_for("Z WARN  hello\n");
	assert_memory_equal(capture.text, "20", 2);
	assert_int_equal(count_of("demo"), 0);
}

/* As systemd sets it, to the pipe that is standard error. */
static void set_journal_stream(void)
{
	char stream[64];
	struct stat file;

	assert_int_equal(fstat(STDERR_FILENO, &file), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void test_into_the_journal_lines_have_priorities(void **state)
{
	set_journal_stream();
	log_complain("no %s", "port");
	start(LOG_FORMAT_AUTO, LOG_LEVEL_DEBUG);
	log_debug(0, "one");
	log_info(0, "two");
	log_warn(0, "three");
	log_error(0, "four");
	log_stop();
	wait_for("four");
	assert_memory_equal(capture.text, "<3>tidegate: no port\n<7>20", 26);
	for (const char *line = capture.text; *line; line = strchr(line, '\n') + 1) {
		assert_int_equal(line[0], '<');
	}
	assert_non_null(strstr(capture.text, "\n<6>20"));
	assert_non_null(strstr(capture.text, "\n<4>20"));
	assert_non_null(strstr(capture.text, "\n<3>20"));
	start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	unsetenv("JOURNAL_STREAM");
	log_info(0, "five");
	wait_for("<6>{\"time\":");
}

static void test_without_the_journal_complaints_are_plain(void **state)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_complain("no %s", "port");
	unsetenv("JOURNAL_STREAM");
	wait_for("port");
	assert_string_equal(capture.text, "tidegate: no port\n");
}

static void test_fields_are_for_json(void **state)
{
	const struct log_field fields[] = {LOG_FIELD_NUMBER("code", 4001)};

	start(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_write_fields(LOG_LEVEL_INFO, handle_make(1, 2, 3), fields, 1, "user %s out", "a");
	wait_for(
		"\"msg\":\"user a out\",\"id\":\"demo\",\"listen\":\":8000\",\"module\":\"Server\","
		"\"conn\":\"1.2.3\",\"code\":4001}\n");
	log_stop();
	start(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_write_fields(LOG_LEVEL_INFO, 0, fields, 1, "user %s out", "b");
	wait_for("INFO  user b out\n");
}

static void test_less_weighty_lines_are_not_logged(void **state)
{
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_WARN);
	log_info(0, "kept out");
	log_warn(0, "let in");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug(0, "let in later");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn(0, "kept out again");
	log_stop();
	wait_for("let in later");
	assert_int_equal(count_of("let in"), 2);
	assert_int_equal(count_of("kept out"), 0);
}

static void test_without_a_writer_lines_are_written_at_once(void **state)
{
	log_set_level(LOG_LEVEL_INFO);
	log_error(0, "before the start");
	wait_for("before the start");
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	log_stop();
	log_stop();
	log_error(0, "after the stop");
	wait_for("after the stop");
}

static void test_start_twice_is_refused(void **state)
{
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	assert_int_equal(log_start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO, "demo", ":8000"), -EBUSY);
	log_info(0, "still there");
	wait_for("still there");
}

static void *log_some(void *argument)
{
	for (unsigned i = 0; i < 200; i++) {
		log_info(0, "thread %ju line %u.", (uintmax_t)argument, i);
	}
	return NULL;
}

static void test_threads_do_not_mix_their_lines(void **state)
{
	pthread_t threads[THREADS];

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, log_some, (void *)i), 0);
	}
	while (count_of("module=Server\n") < (size_t)THREADS * 200) {
		read_some();
	}
	for (uintptr_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		const char *at = capture.text;
		for (unsigned line = 0; line < 200; line++) {
			char words[64];
			snprintf(
				words, sizeof(words), "] thread %ju line %u. ", (uintmax_t)i, line);
			assert_non_null(at = strstr(at, words));
		}
	}
	assert_int_equal(count_of("INFO["), THREADS * 200);
}

/* --- the rate limit ------------------------------------------------------------------------------
 */

static void log_from_one_place(unsigned lines)
{
	for (unsigned i = 0; i < lines; i++) {
		log_warn(0, "flood %u.", i);
	}
}

static void *flood(void *unused)
{
	log_from_one_place(5 * LOG_LINES_PER_S);
	return NULL;
}

static void test_flood_is_cut_and_counted_unasked(void **state)
{
	pthread_t thread;

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
	/* The place falls silent: the writer must speak by itself, at the level of the place. */
	wait_for("left out ");
	assert_int_equal(pthread_join(thread, NULL), 0);
	while (count_of("] flood ") + sum_before(" lines like \"flood %u.\"") <
		5 * LOG_LINES_PER_S) {
		read_some();
	}
	assert_int_equal(count_of("] flood ") + sum_before(" lines like \"flood %u.\""),
		5 * LOG_LINES_PER_S);
	assert_true(sum_before(" lines like") > 0);
	assert_int_equal(count_of("INFO["), 0);
}

static void test_stop_says_what_was_left_out(void **state)
{
	pthread_t thread;

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
	while (count_of("] flood ") < LOG_LINES_PER_S) {
		read_some();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	log_stop();
	while (count_of("] flood ") + sum_before(" lines like \"flood %u.\"") <
		5 * LOG_LINES_PER_S) {
		read_some();
	}
	assert_true(sum_before(" lines like") > 0);
}

/* As LOG_AT does it, but from a place that the test chooses. */
static void log_from(struct log_tally *place, const char *words)
{
	if (log_admits(place, LOG_LEVEL_INFO, words)) {
		log_write(LOG_LEVEL_INFO, 0, "%s", words);
	}
}

static void test_one_place_does_not_silence_another(void **state)
{
	static struct log_tally places[2] = {
		LOG_TALLY(LOG_LINES_PER_S), LOG_TALLY(LOG_LINES_PER_S)};

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	for (unsigned i = 0; i < 2 * LOG_LINES_PER_S; i++) {
		log_from(&places[0], "loud");
		if (i % LOG_LINES_PER_S == 0) {
			log_from(&places[1], "quiet");
		}
		if (i % 256 == 0) {
			read_some(); /* keeps the pipe from filling */
		}
	}
	while (count_of("] quiet") < 2) {
		read_some();
	}
}

/* --- what repeats --------------------------------------------------------------------------------
 */

static void test_a_tally_admits_so_many_a_second(void **state)
{
	struct log_tally tally = LOG_TALLY(3);

	for (uint64_t second = 0; second < 3; second++) {
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(log_tally_admits(&tally, second), i < 3);
		}
	}
	/* From a thread whose clock is behind: it is of the second that is counted. */
	assert_false(log_tally_admits(&tally, 1));
	assert_true(log_tally_admits(&tally, 7));
	assert_true(log_tally_admits(&tally, 6));
	assert_true(log_tally_admits(&tally, 7));
	assert_false(log_tally_admits(&tally, 7));
}

static void test_a_tally_asks_once_to_be_said(void **state)
{
	struct log_tally tally = LOG_TALLY(1);

	assert_int_equal(log_tally_take(&tally), 0);
	assert_true(log_tally_leave_out(&tally, "a"));
	assert_false(log_tally_leave_out(&tally, "b"));
	assert_string_equal(tally.what, "b");
	assert_int_equal(log_tally_take(&tally), 2);
	assert_int_equal(log_tally_take(&tally), 0);
	assert_true(log_tally_leave_out(&tally, "c"));
}

/* A thousand of a kind are a line in full and one with their number, for each second they take. */
static void test_what_repeats_becomes_a_number(void **state)
{
	enum {
		REPEATS = 1000
	};
	static struct log_tally tally = LOG_TALLY(1);

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_WARN);
	for (unsigned i = 0; i < REPEATS; i++) {
		assert_false(log_admits(&tally, LOG_LEVEL_INFO, "below the level"));
		if (log_admits(&tally, LOG_LEVEL_WARN, "repeats")) {
			log_write(LOG_LEVEL_WARN, 0, "repeat %u", i);
		}
	}
	while (count_of("] repeat ") + sum_before(" lines like \"repeats\"") < REPEATS) {
		read_some();
	}
	assert_int_equal(count_of("] repeat ") + sum_before(" lines like \"repeats\""), REPEATS);
	assert_in_range(count_of("] repeat "), 1, REPEATS / 10);
	assert_in_range(count_of(" lines like"), 1, count_of("] repeat "));
	assert_int_equal(count_of("WARN["), count_of("] repeat ") + count_of(" lines like"));
	assert_int_equal(count_of("below"), 0);
}

/* --- a reader that does not read -----------------------------------------------------------------
 */

/* Past all tallies. Returns the lines logged. */
static size_t log_without_limit(size_t lines)
{
	for (size_t i = 0; i < lines; i++) {
		log_write(LOG_LEVEL_INFO, 0, "into the pipe");
	}
	return lines;
}

static void test_full_pipe_stops_nobody(void **state)
{
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	/* Some 3 MB, of which pipe and buffers hold a tenth: the test hangs where a line waits. */
	size_t logged = log_without_limit(30000);
	wait_for(" lines dropped: the log's reader is too slow");
	log_info(0, "the last line");
	wait_for("the last line");
	assert_int_equal(count_of("] into the pipe") + sum_before(" lines dropped"), logged);
	assert_true(sum_before(" lines dropped") > 0);
	assert_true(count_of("] into the pipe") > 2000);
}

static double seconds_since(const struct timespec *before)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - before->tv_sec) +
	       (double)(now.tv_nsec - before->tv_nsec) / 1e9;
}

static void test_stop_gives_up_on_a_stuck_reader(void **state)
{
	struct timespec before;

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	log_without_limit(2000); /* fills the pipe, not the buffers */
	clock_gettime(CLOCK_MONOTONIC, &before);
	log_stop();
	double took = seconds_since(&before);
	assert_true(took > 0.9 && took < 5);
	/* Nobody writes directly now: it would hang. */
	log_error(0, "after the stop");
	assert_int_equal(log_start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO, "demo", ":8000"), -EBUSY);
	/* The thread left behind ends when the reader comes back, and has lost nothing. */
	wait_for("after the stop");
	assert_int_equal(count_of("] into the pipe"), 2000);
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
}

static void test_stop_waits_for_a_slow_reader(void **state)
{
	pthread_t thread;

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	log_without_limit(2000);
	/* Stops in another thread; this one reads. */
	assert_int_equal(
		pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))log_stop, NULL),
		0);
	while (count_of("] into the pipe") < 2000) {
		read_some();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_nonblocking_pipe_loses_nothing(void **state)
{
	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
	log_without_limit(2000);
	while (count_of("] into the pipe") < 2000) {
		read_some();
	}
}

/* --- the thread ----------------------------------------------------------------------------------
 */

/* The signals that the thread of this name blocks; 0 when there is no such thread. */
static uint64_t blocked_signals_of(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	uint64_t blocked = 0;

	assert_non_null(tasks);
	while ((task = readdir(tasks))) {
		char path[300];
		char text[4096] = "";
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
		FILE *status = fopen(path, "re");
		if (!status) {
			continue;
		}
		size_t len = fread(text, 1, sizeof(text) - 1, status);
		fclose(status);
		text[len] = '\0';
		char *mask = strstr(text, "SigBlk:");
		if (mask && strncmp(text, name, strlen(name)) == 0) {
			blocked = strtoull(mask + strlen("SigBlk:"), NULL, 16);
		}
	}
	closedir(tasks);
	return blocked;
}

static void test_signals_are_for_others(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1};
	sigset_t mine;

	start(LOG_FORMAT_TUTORIAL, LOG_LEVEL_INFO);
	uint64_t blocked = blocked_signals_of("Name:\tlog\n");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_true(blocked >> (signals[i] - 1) & 1);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGTERM));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_capture, end_capture)
	const struct CMUnitTest tests[] = {
		TEST(test_lines_come_in_order),
		TEST(test_json_lines),
		TEST(test_into_a_pipe_lines_have_the_time),
		TEST(test_into_the_journal_lines_have_priorities),
		TEST(test_without_the_journal_complaints_are_plain),
		TEST(test_fields_are_for_json),
		TEST(test_less_weighty_lines_are_not_logged),
		TEST(test_without_a_writer_lines_are_written_at_once),
		TEST(test_start_twice_is_refused),
		TEST(test_threads_do_not_mix_their_lines),
		TEST(test_flood_is_cut_and_counted_unasked),
		TEST(test_stop_says_what_was_left_out),
		TEST(test_one_place_does_not_silence_another),
		TEST(test_a_tally_admits_so_many_a_second),
		TEST(test_a_tally_asks_once_to_be_said),
		TEST(test_what_repeats_becomes_a_number),
		TEST(test_full_pipe_stops_nobody),
		TEST(test_stop_gives_up_on_a_stuck_reader),
		TEST(test_stop_waits_for_a_slow_reader),
		TEST(test_nonblocking_pipe_loses_nothing),
		TEST(test_signals_are_for_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
