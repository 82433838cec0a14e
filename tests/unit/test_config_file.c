#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/config/config_file.h"
#include "build_config.h"

/* A file without a name on disk. */
static struct file {
	int fd;
	char path[32];
} file;

static struct config config;
static char error[CONFIG_ERROR_MAX];

static int setup(void **state)
{
	file.fd = memfd_create("config", MFD_CLOEXEC);
	if (file.fd < 0) {
		return -1;
	}
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	config_init(&config);
	return 0;
}

static int teardown(void **state)
{
	return close(file.fd);
}

static int load_bytes(const char *bytes, size_t len)
{
	assert_int_equal(ftruncate(file.fd, 0), 0);
	assert_int_equal(pwrite(file.fd, bytes, len, 0), len);
	return config_file_load(&config, file.path, error);
}

static void check_loads(const char *text)
{
	if (load_bytes(text, strlen(text)) != 0) {
		fail_msg("%s", error);
	}
}

/* Refused with `PATH:` in front of this message, and nothing changed. */
static void check_refused(const char *text, const char *expected)
{
	struct config before = config;
	char whole[CONFIG_ERROR_MAX];

	assert_true(load_bytes(text, strlen(text)) < 0);
	snprintf(whole, sizeof(whole), "%s:%s", file.path, expected);
	assert_string_equal(error, whole);
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_names_values_comments_and_sections(void **state)
{
	check_loads("# a comment\n"
		    "; another\n"
		    "\n"
		    "[limits]\n"
		    "max_message = 64K\n"
		    "  read-deadline=90   ; behind a value\r\n"
		    "\t[names]\n"
		    "id: node-7\n"
		    "echo = yes"); /* no newline at the end */
	assert_int_equal(config.max_message, 65536);
	assert_int_equal(config.read_deadline, 90);
	assert_string_equal(config.id, "node-7");
	assert_true(config.echo);
	assert_int_equal(config.write_deadline, TIDEGATE_DEFAULT_WRITE_DEADLINE);
}

static void test_empty_file_changes_nothing(void **state)
{
	struct config before = config;
	check_loads("");
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_last_line_wins(void **state)
{
	check_loads("drain = 1\ndrain = 2\n");
	assert_int_equal(config.drain, 2);
}

static void test_listen_replaces_those_below_and_adds_up(void **state)
{
	check_loads("drain = 1\n");
	assert_string_equal(config.listen[0], ":8000");
	check_loads("listen = :1\nlisten = unix:/run/gate\n");
	assert_int_equal(config.listen_count, 2);
	assert_string_equal(config.listen[0], ":1");
	assert_string_equal(config.listen[1], "unix:/run/gate");
}

static void test_indent_continues_no_value(void **state)
{
	check_loads("id = a\n  drain = 9\n");
	assert_string_equal(config.id, "a");
	assert_int_equal(config.drain, 9);
}

static void test_errors_name_their_line(void **state)
{
	check_refused("drain = 1\n\nworkers = many\n",
		"3: workers: \"many\" is not a number of threads from 0 to 254");
	check_refused("foo_bar_baz\n", "1: neither \"name = value\" nor a [section] nor a comment");
	check_refused(
		"drain = 1\n[open\n", "2: neither \"name = value\" nor a [section] nor a comment");
	check_refused("worker = 1\n", "1: unknown option \"worker\"; did you mean \"workers\"?");
	check_refused("drain =\n", "1: drain: \"\" is not a number of seconds from 0 to 3600");
	check_refused("= 5\n",
		"1: unknown option \"\"; there are listen, unix_mode, id, log_format, log_level, "
		"log_sessions, echo, admin, "
		"admin_token, "
		"demo, workers, "
		"acceptors, read_deadline, write_deadline, handshake_deadline, close_deadline, "
		"ping_interval, max_head, max_message, max_connections, tx_queue_limit, memory_limit, "
		"event_batch, drain, kick_limit, admin_rate");
}

static void test_first_of_many_errors_is_told(void **state)
{
	check_refused("nonsense\ndrain = x\n",
		"1: neither \"name = value\" nor a [section] nor a comment");
	check_refused("drain = x\nnonsense\necho = perhaps\n",
		"1: drain: \"x\" is not a number of seconds from 0 to 3600");
}

static void test_no_part_of_a_bad_file_is_taken(void **state)
{
	check_refused("drain = 9\nlisten = :1\nid = a b\n",
		"3: id: \"a b\" is not 1 to 63 printable ASCII characters without a space");
	assert_int_equal(config.drain, 5);
}

static void test_long_lines_are_not_cut(void **state)
{
	char text[1000];

	/* Were it cut, this would be `drain = 1` with blanks behind it. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "drain = 1", 9);
	strcpy(text + sizeof(text) - 3, "2\n");
	check_refused(text, "1: longer than 198 bytes");
	memset(text, '#', sizeof(text) - 1); /* a comment may be as long as it likes */
	strcpy(text + sizeof(text) - 15, "\ndrain = 3\n");
	check_loads(text);
	assert_int_equal(config.drain, 3);

	memset(text, ' ', 198);
	memcpy(text, "drain = 4", 9);
	strcpy(text + 198, "\necho = yes\n"); /* a line that just fits takes nothing of the next */
	check_loads(text);
	assert_int_equal(config.drain, 4);
	assert_true(config.echo);
}

static void test_longest_address_fits_a_line(void **state)
{
	char text[256] = "listen = unix:";

	memset(text + strlen(text), 'p', 107);
	check_loads(text);
	assert_int_equal(strlen(config.listen[0]), 5 + 107);
}

static void test_binary_files_are_refused(void **state)
{
	char whole[CONFIG_ERROR_MAX];

	assert_int_equal(load_bytes("drain = 1\n\0drain = 2\n", 21), -EINVAL);
	snprintf(whole, sizeof(whole), "%s:2: a NUL byte: this is no text file", file.path);
	assert_string_equal(error, whole);
}

static void test_unreadable_files(void **state)
{
	assert_int_equal(config_file_load(&config, "/nonexistent/file", error), -ENOENT);
	assert_string_equal(error, "cannot read /nonexistent/file: No such file or directory");
	assert_int_equal(config_file_load(&config, "/proc", error), -EISDIR);
	assert_string_equal(error, "cannot read /proc: Is a directory");
}

/* --- noise -------------------------------------------------------------------------------------
 */

static void append_noise(char *text, size_t size)
{
	static const char *const pieces[] = {"listen", "drain", "max_message", "id", "echo",
		"log_level", "unknown", "=", ":", " = ", "\n", "\n", "\r\n", "[", "]", "#", ";",
		" ;", " ", "\t", "5", "64K", "-1", "18446744073709551616", "true", "debug", ":8000",
		"[::1]:80", "unix:/x", "\xef\xbb\xbf", "\xff", "\x01", "\"", "\\", "%s%n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	size_t count = sizeof(pieces) / sizeof(pieces[0]);
	size_t len = 0;

	for (size_t i = (size_t)rand() % 40; i > 0; i--) {
		const char *piece = pieces[(size_t)rand() % count];
		if (len + strlen(piece) >= size) {
			break;
		}
		strcpy(text + len, piece);
		len += strlen(piece);
	}
	text[len] = '\0';
}

static void check_within_limits(void)
{
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	assert_true((int64_t)config.name >= (min) && config.name <= (max));
#include "../../server/config/options.def"
#undef OPTION
	assert_in_range(config.listen_count, 1, CONFIG_LISTEN_MAX);
	assert_in_range(strlen(config.id), 1, CONFIG_ID_MAX - 1);
}

static void test_noise_is_taken_whole_or_refused_in_one_line(void **state)
{
	char text[2048];
	unsigned loaded = 0;
	unsigned refused = 0;

	srand(1);
	for (unsigned round = 0; round < 30000; round++) {
		struct config before = config;
		append_noise(text, sizeof(text));
		if (load_bytes(text, strlen(text)) == 0) {
			check_within_limits();
			loaded++;
			continue;
		}
		assert_memory_equal(&config, &before, sizeof(config));
		assert_memory_equal(error, file.path, strlen(file.path));
		assert_in_range(strlen(error), strlen(file.path) + 5, CONFIG_ERROR_MAX - 1);
		assert_null(strpbrk(error, "\n\r\x01"));
		refused++;
	}
	assert_true(loaded > 100);
	assert_true(refused > 100);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_names_values_comments_and_sections),
		TEST(test_empty_file_changes_nothing),
		TEST(test_last_line_wins),
		TEST(test_listen_replaces_those_below_and_adds_up),
		TEST(test_indent_continues_no_value),
		TEST(test_errors_name_their_line),
		TEST(test_first_of_many_errors_is_told),
		TEST(test_no_part_of_a_bad_file_is_taken),
		TEST(test_long_lines_are_not_cut),
		TEST(test_longest_address_fits_a_line),
		TEST(test_binary_files_are_refused),
		TEST(test_unreadable_files),
		TEST(test_noise_is_taken_whole_or_refused_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
