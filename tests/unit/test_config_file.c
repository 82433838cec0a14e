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
#include "../../server/config/config_options.h"
#include "kept_findings.h"

/* A file without a name on disk. */
static struct file {
	int fd;
	char path[32];
} file;

static struct config config;
static struct sources sources;
static struct kept_findings kept;

static int setup(void **state)
{
	file.fd = memfd_create("config", MFD_CLOEXEC);
	if (file.fd < 0) {
		return -1;
	}
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	config_init(&config);
	sources_init(&sources);
	return 0;
}

static int teardown(void **state)
{
	return close(file.fd);
}

static int load(const char *path)
{
	kept_findings_init(&kept);
	return config_file_load(&config, &sources, path, &kept.findings);
}

static int load_bytes(const char *bytes, size_t len)
{
	assert_int_equal(ftruncate(file.fd, 0), 0);
	assert_int_equal(pwrite(file.fd, bytes, len, 0), len);
	return load(file.path);
}

static void check_loads(const char *text)
{
	if (load_bytes(text, strlen(text)) != 0) {
		fail_msg("%s", kept.text);
	}
	assert_string_equal(kept.text, "");
}

/* Refused with these lines, which begin with `PATH:`, and nothing changed. */
static void check_refused_bytes(const char *bytes, size_t len, const char *expected)
{
	struct config before = config;
	struct sources sources_before = sources;
	char whole[sizeof(kept.text)] = "";

	assert_int_equal(load_bytes(bytes, len), -EINVAL);
	while (*expected) {
		size_t line_len = strcspn(expected, "\n");
		size_t at = strlen(whole);
		snprintf(whole + at, sizeof(whole) - at, "%s:%.*s\n", file.path, (int)line_len,
			expected);
		expected += line_len + (expected[line_len] == '\n');
	}
	assert_string_equal(kept.text, whole);
	assert_memory_equal(&config, &before, sizeof(config));
	assert_memory_equal(&sources, &sources_before, sizeof(sources));
}

static void check_refused(const char *text, const char *expected)
{
	check_refused_bytes(text, strlen(text), expected);
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
	struct config untouched;
	config_init(&untouched);
	assert_int_equal(config.write_deadline, untouched.write_deadline);
}

static void test_empty_file_changes_nothing(void **state)
{
	struct config before = config;
	before.file = file.path;
	check_loads("");
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_last_line_wins(void **state)
{
	check_loads("drain = 1\ndrain = 2\n");
	assert_int_equal(config.drain, 2);
}

static void test_comments_behind_values(void **state)
{
	check_loads("drain = 7 # seven\n"
		    "id = a#b;c# ; and so on\n"
		    "[limits] # all\n"
		    "max_message = 8K\t#\n"
		    "   # whole line\n"
		    "listen = unix:/run/gate#1 ;#;\n"
		    "echo = yes ;# none");
	assert_int_equal(config.drain, 7);
	assert_string_equal(config.id, "a#b;c#");
	assert_int_equal(config.max_message, 8192);
	assert_string_equal(config.listen[0], "unix:/run/gate#1");
	assert_true(config.echo);
}

static void test_comments_without_their_blank_are_named(void **state)
{
	check_refused("drain = 7# seven\n",
		"1: drain = 7# seven: not a number of seconds from 0 to 3600 (s, m and h may follow "
		"it) (a comment behind a value takes a blank before it)");
	check_refused("drain = # nothing\n",
		"1: drain = : not a number of seconds from 0 to 3600 (s, m and h may follow it)");
}

static void test_mark_of_the_byte_order(void **state)
{
	check_loads("\xef\xbb\xbf"
		    "drain = 8\n");
	assert_int_equal(config.drain, 8);
	check_loads("\xef\xbb\xbf# a comment\ndrain = 9\n");
	assert_int_equal(config.drain, 9);
}

/* Which is where people are sent to. */
static void test_lines_are_remembered(void **state)
{
	static const struct {
		const char *name;
		int line;
		int overruled_line;
	} rows[] = {{"drain", 9, 3}, {"memory_limit", 6, 5}, {"listen", 8, 0}, {"id", 0, 0}};

	check_loads("# first\n\ndrain = 1\n[x]\ntx_memory_limit = 1G\nmemory-limit = 2G\n"
		    "listen = :1\nlisten = :2\ndrain = 2 # again\n");
	assert_string_equal(config.file, file.path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t option = (size_t)config_option_find(rows[i].name);
		assert_int_equal(sources.options[option].line, rows[i].line);
		assert_int_equal(sources.options[option].overruled_line, rows[i].overruled_line);
		assert_true((sources.options[option].from == SOURCE_FILE) == (rows[i].line > 0));
	}
	assert_int_equal(sources.options[config_option_find("listen")].lines[0], 7);
	assert_int_equal(sources.options[config_option_find("listen")].lines[1], 8);
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
		"3: workers = many: not a number of threads from 0 to 254");
	check_refused("foo_bar_baz\n", "1: neither \"name = value\" nor a [section] nor a comment");
	check_refused(
		"drain = 1\n[open\n", "2: neither \"name = value\" nor a [section] nor a comment");
	check_refused("worker = 1\n", "1: worker = 1: no such option; did you mean workers?");
	check_refused("drain =\n",
		"1: drain = : not a number of seconds from 0 to 3600 (s, m and h may follow it)");
	check_refused("= 5\n", "1:  = 5: no such option: tidegate --help names all");
}

static void test_options_are_named_as_they_were_typed(void **state)
{
	check_refused("tx-memory-limit = 5q\n",
		"1: tx-memory-limit = 5q: not a number of bytes from 0 to 1099511627776 (K, M and "
		"G may follow it)");
	check_refused("\techo: perhaps\r\n", "1: echo = perhaps: not true or false");
}

static void test_all_faults_are_told(void **state)
{
	check_refused("nonsense\ndrain = x\n[open\necho = perhaps\n\nlast",
		"1: neither \"name = value\" nor a [section] nor a comment\n"
		"2: drain = x: not a number of seconds from 0 to 3600 (s, m and h may follow it)\n"
		"3: neither \"name = value\" nor a [section] nor a comment\n"
		"4: echo = perhaps: not true or false\n"
		"6: neither \"name = value\" nor a [section] nor a comment");
	assert_int_equal(kept.findings.faults, 5);
}

static void test_no_part_of_a_bad_file_is_taken(void **state)
{
	check_refused("drain = 9\nlisten = :1\nid = a b\n",
		"3: id = a b: not 1 to 63 printable ASCII characters without a space");
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
	check_refused_bytes("drain = 1\n\0drain = 2\n", 21, "2: a NUL byte: this is no text file");
	check_refused_bytes(
		"drain = 1 # \0\ndrain = 2\n", 24, "1: a NUL byte: this is no text file");
}

static void test_unreadable_files(void **state)
{
	assert_int_equal(load("/nonexistent/file"), -ENOENT);
	assert_string_equal(
		kept.text, "cannot read /nonexistent/file: No such file or directory\n");
	assert_int_equal(load("/proc"), -EISDIR);
	assert_string_equal(kept.text, "cannot read /proc: Is a directory\n");
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

static void test_noise_is_taken_whole_or_refused_in_a_line_each(void **state)
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
		for (char *line = strtok(kept.text, "\n"); line; line = strtok(NULL, "\n")) {
			assert_memory_equal(line, file.path, strlen(file.path));
			assert_in_range(strlen(line), strlen(file.path) + 5, FINDINGS_LINE_MAX - 1);
			assert_null(strpbrk(line, "\r\x01"));
			kept.findings.faults--;
		}
		assert_int_equal(kept.findings.faults, 0);
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
		TEST(test_comments_behind_values),
		TEST(test_comments_without_their_blank_are_named),
		TEST(test_mark_of_the_byte_order),
		TEST(test_lines_are_remembered),
		TEST(test_listen_replaces_those_below_and_adds_up),
		TEST(test_indent_continues_no_value),
		TEST(test_errors_name_their_line),
		TEST(test_options_are_named_as_they_were_typed),
		TEST(test_all_faults_are_told),
		TEST(test_no_part_of_a_bad_file_is_taken),
		TEST(test_long_lines_are_not_cut),
		TEST(test_longest_address_fits_a_line),
		TEST(test_binary_files_are_refused),
		TEST(test_unreadable_files),
		TEST(test_noise_is_taken_whole_or_refused_in_a_line_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
