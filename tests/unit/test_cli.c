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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/config/cli.h"
#include "../../server/config/config_options.h"
#include "build_config.h"
#include "kept_findings.h"

enum {
	ARGUMENTS_MAX = 16,
	OUTPUT_MAX = 16 * 1024,
	PARSED = 42, /* how a process ends whose command line was right: this, and the action */
};

static char path[] = "/tmp/test_cli.XXXXXX";
static struct command command;
static struct config config; /* of `command` */

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int create_file(void **state)
{
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	return unlink(path);
}

/* Arguments as main gets them, the program's name in front. */
struct arguments {
	int count;
	char *values[ARGUMENTS_MAX];
};

static struct arguments collect(const char *const *list)
{
	struct arguments arguments = {1, {"/usr/bin/tidegate"}};

	for (; *list; list++) {
		assert_in_range(arguments.count, 1, ARGUMENTS_MAX - 2);
		arguments.values[arguments.count++] = (char *)*list;
	}
	return arguments;
}

/* --- what ends the process ---------------------------------------------------------------------
 */

static struct {
	int status;
	char out[OUTPUT_MAX];
	char err[OUTPUT_MAX];
} result;

static int open_output(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void take_output(int fd, char ret_text[OUTPUT_MAX])
{
	ssize_t len = pread(fd, ret_text, OUTPUT_MAX - 1, 0);
	assert_true(len >= 0);
	ret_text[len] = '\0';
	close(fd);
}

/* Parses in a process of its own. The list ends with NULL. */
static void run_list(const char *const *list)
{
	struct arguments arguments = collect(list);
	int out = open_output();
	int err = open_output();

	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		cli_parse(arguments.count, arguments.values, &command);
		_exit(PARSED + (int)command.action);
	}
	assert_int_equal(waitpid(child, &result.status, 0), child);
	take_output(out, result.out);
	take_output(err, result.err);
}

#define RUN(...) run_list((const char *const[]){__VA_ARGS__})

static void check_exit(int code)
{
	assert_true(WIFEXITED(result.status));
	if (WEXITSTATUS(result.status) != code) {
		fail_msg("exit %d: %s", WEXITSTATUS(result.status), result.err);
	}
}

/* Exit status 2, this message and a hint at the help. */
static void check_usage_error(const char *message)
{
	char expected[OUTPUT_MAX];

	check_exit(2);
	snprintf(expected, sizeof(expected),
		"tidegate: %s\nTry `tidegate --help' or `tidegate --usage' for more information.\n",
		message);
	assert_string_equal(result.err, expected);
	assert_string_equal(result.out, "");
}

static void test_right_command_lines_return(void **state)
{
	RUN(NULL);
	check_exit(PARSED);
	RUN("-l", ":1", "-i", "x", "--drain=0", "--echo", "--tx-memory-limit=1G", NULL);
	check_exit(PARSED);
	assert_string_equal(result.out, "");
	assert_string_equal(result.err, "");
}

static void test_version(void **state)
{
	RUN("--version", NULL);
	check_exit(0);
	assert_string_equal(result.out, "tidegate " TIDEGATE_VERSION "\n");
}

static void test_help_names_every_option(void **state)
{
	static const char *const names[] = {"--listen=", "--id=", "--config=", "--echo",
		"--log-format=", "--log-level=", "--log-sessions=", "--workers=", "--acceptors=",
		"--read-deadline=", "--write-deadline=", "--handshake-deadline=",
		"--close-deadline=", "--ping-interval=", "--max-message=", "--max-connections=",
		"--tx-queue-limit=", "--memory-limit=", "--tx-memory-limit=", "--event-batch=",
		"--drain=", "--help", "--usage", "--version", "(default 5)", "Examples:"};

	RUN("--help", NULL);
	check_exit(0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strstr(result.out, names[i])) {
			fail_msg("%s is not in the help", names[i]);
		}
	}
	RUN("--usage", NULL);
	check_exit(0);
	assert_non_null(strstr(result.out, "[--handshake-deadline=S]"));
}

static void test_usage_errors(void **state)
{
	RUN("--read-deadline=abc", NULL);
	check_usage_error(
		"--read-deadline=abc: not a number of seconds from 1 to 86400 (s, m and h "
		"may follow it)");
	RUN("-i", "a b", NULL);
	check_usage_error("-i a b: not 1 to 63 printable ASCII characters without a space");
	RUN("-l:1", "-l:1", NULL);
	check_usage_error("-l:1: it is there twice");
	RUN("--echo", "stray", NULL);
	check_usage_error("\"stray\" is no option");
	RUN("--", "-l", NULL);
	check_usage_error("\"-l\" is no option");
}

static void test_options_are_named_as_they_were_typed(void **state)
{
	RUN("--tx-memory-limit", "5x", NULL);
	check_usage_error(
		"--tx-memory-limit 5x: not a number of bytes from 0 to 1099511627776 (K, M "
		"and G may follow it)");
	RUN("--log-lev", "loud", "--echo", NULL);
	check_usage_error("--log-lev loud: not debug, info, warn or error");
	RUN("--log-level=a\nb\x1b[2J", NULL);
	check_usage_error("--log-level=a?b?[2J: not debug, info, warn or error");
}

static void test_all_faults_of_a_command_line_are_told(void **state)
{
	RUN("--drain=x", "--max-message=64K", "-l", "nowhere", NULL);
	check_usage_error(
		"--drain=x: not a number of seconds from 0 to 3600 (s, m and h may follow "
		"it)\n"
		"tidegate: -l nowhere: not HOST:PORT, [IPv6]:PORT or :PORT, maybe behind wss://, nor "
		"unix:PATH, all maybe behind proxy: (ports go to 65535, paths to 107 bytes)");
}

static void test_what_was_meant(void **state)
{
	RUN("--echo", "--read-dedline=5", NULL);
	check_usage_error("--read-dedline: no such option; did you mean --read-deadline?");
	RUN("--max_message", "5", NULL);
	check_usage_error("--max_message: no such option; did you mean --max-message?");
	RUN("-h", "--read-dedline=5", NULL);
	check_exit(0);
	/* The value of an option is no option. */
	RUN("--id", "--read-dedline", NULL);
	check_exit(PARSED);
}

static void test_unknown_and_unfinished_options(void **state)
{
	RUN("--colour=red", NULL);
	check_exit(2);
	assert_non_null(strstr(result.err, "unrecognized option '--colour=red'"));
	RUN("--listen", NULL);
	check_exit(2);
	assert_non_null(strstr(result.err, "option '--listen' requires an argument"));
	RUN("--echo=yes", NULL);
	check_exit(2);
	RUN("-x", NULL);
	check_exit(2);
}

static void test_broken_file(void **state)
{
	char expected[OUTPUT_MAX];

	write_file("drain = 1\nworkers = many\n");
	RUN("-c", path, NULL);
	check_exit(1);
	snprintf(expected, sizeof(expected),
		"tidegate: %s:2: workers = many: not a number of threads from 0 to 254\n", path);
	assert_string_equal(result.err, expected);
}

/* A command line alone would be 2. */
static void test_a_test_tells_all_faults(void **state)
{
	char expected[OUTPUT_MAX];

	write_file("drain = 1\nworkers = many\n\nnonsense\n");
	RUN("--drain=x", "-c", path, "-t", NULL);
	check_exit(1);
	snprintf(expected, sizeof(expected),
		"tidegate: --drain=x: not a number of seconds from 0 to 3600 (s, m and h may follow "
		"it)\n"
		"tidegate: %s:2: workers = many: not a number of threads from 0 to 254\n"
		"tidegate: %s:4: neither \"name = value\" nor a [section] nor a comment\n"
		"tidegate: the configuration has 3 faults\n",
		path, path);
	assert_string_equal(result.err, expected);
	assert_string_equal(result.out, "");
	write_file("");
	RUN("--drain=x", "-c", path, "-t", NULL);
	check_exit(1);
	assert_non_null(strstr(result.err, "the configuration has 1 fault\n"));
	RUN("-t", "--drain=1", NULL);
	check_exit(PARSED + CLI_TEST);
}

static void test_what_is_asked_for(void **state)
{
	RUN("config", NULL);
	check_exit(PARSED + CLI_EXPLAIN);
	RUN("--drain=3", "config", "--changed", NULL);
	check_exit(PARSED + CLI_EXPLAIN);
	RUN("--changed", NULL);
	check_usage_error("--changed goes with `config'");
	RUN("-t", "config", NULL);
	check_usage_error("`config', --test and --upgrade are different things");
	RUN("config", "config", NULL);
	check_exit(PARSED + CLI_EXPLAIN);
	RUN("config", "--drain=x", NULL);
	check_exit(2);
}

/* -h is what people type first. */
static void test_help_has_short_names(void **state)
{
	char help[OUTPUT_MAX];

	RUN("--help", NULL);
	strcpy(help, result.out);
	RUN("-h", NULL);
	check_exit(0);
	assert_string_equal(result.out, help);
	RUN("-?", NULL);
	check_exit(0);
	assert_string_equal(result.out, help);
	assert_non_null(strstr(help, "-h, --help"));
	assert_non_null(strstr(help, "-t, --test"));
	assert_non_null(strstr(help, "config [--changed]"));
}

static void test_unreadable_file(void **state)
{
	RUN("--config=/nonexistent/file", NULL);
	check_exit(1);
	assert_string_equal(
		result.err, "tidegate: cannot read /nonexistent/file: No such file or directory\n");
}

static void test_command_line_is_judged_before_the_file(void **state)
{
	RUN("--config=/nonexistent/file", "--drain=x", NULL);
	check_usage_error(
		"--drain=x: not a number of seconds from 0 to 3600 (s, m and h may follow "
		"it)");
}

/* --- what is parsed ----------------------------------------------------------------------------
 */

static void parse_list(const char *const *list)
{
	struct arguments arguments = collect(list);
	cli_parse(arguments.count, arguments.values, &command);
	config = command.config;
}

#define PARSE(...) parse_list((const char *const[]){__VA_ARGS__})

static void test_every_number_is_an_option(void **state)
{
	char argument[64];
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	snprintf(argument, sizeof(argument), "--%s=%ju", #name, (uintmax_t)(max));                 \
	for (char *character = argument; *character; character++) {                                \
		*character = *character == '_' ? '-' : *character;                                 \
	}                                                                                          \
	PARSE(argument, NULL);                                                                     \
	assert_true(config.name == (max));
#include "../../server/config/options.def"
#undef OPTION
}

static void test_command_line_wins_over_file_over_defaults(void **state)
{
	write_file("drain = 1\nclose_deadline = 8\nid = file\nlog_level = debug\n");
	PARSE("--drain=2", "-c", path, "--id=line", NULL);
	assert_int_equal(config.drain, 2);
	assert_int_equal(config.close_deadline, 8);
	struct config defaults;
	config_init(&defaults);
	assert_int_equal(config.write_deadline, defaults.write_deadline);
	assert_string_equal(config.id, "line");
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_false(config.echo);
	assert_string_equal(config.file, path);
}

static void test_listeners_of_the_highest_source_that_names_any(void **state)
{
	PARSE("--echo", NULL);
	assert_true(config.echo);
	assert_null(config.file);
	assert_int_equal(config.listen_count, 1);
	assert_string_equal(config.listen[0], ":8000");

	write_file("listen = :1\nlisten = :2\n");
	PARSE("-c", path, NULL);
	assert_int_equal(config.listen_count, 2);
	assert_string_equal(config.listen[0], ":1");

	PARSE("-l", ":3", "-c", path, "-l", ":2", "-l", "unix:/x", NULL);
	assert_int_equal(config.listen_count, 3);
	assert_string_equal(config.listen[0], ":3");
	assert_string_equal(config.listen[1], ":2");
	assert_string_equal(config.listen[2], "unix:/x");
}

static enum source source_of(const struct sources *sources, const char *name)
{
	return sources->options[config_option_find(name)].from;
}

static void test_sources_of_all_kinds(void **state)
{
	write_file("drain = 1\nclose_deadline = 8\nlisten = :1\n");
	PARSE("--drain=2", "-c", path, "--id=line", "-l", ":3", NULL);
	assert_string_equal(command.config.file, path);
	assert_int_equal(source_of(&command.sources, "drain"), SOURCE_COMMAND_LINE);
	assert_int_equal(source_of(&command.sources, "id"), SOURCE_COMMAND_LINE);
	assert_int_equal(source_of(&command.sources, "listen"), SOURCE_COMMAND_LINE);
	assert_int_equal(source_of(&command.sources, "close_deadline"), SOURCE_FILE);
	assert_int_equal(source_of(&command.sources, "echo"), SOURCE_DEFAULT);
	assert_int_equal(source_of(&command.sources, "read_deadline"),
		TIDEGATE_BUILD_read_deadline < 0 ? SOURCE_DEFAULT : SOURCE_BUILD);
}

static struct sources sources;
static struct kept_findings kept;

static int parse_again(int argc, char **argv)
{
	kept_findings_init(&kept);
	return cli_parse_again(argc, argv, &config, &sources, &kept.findings);
}

static void test_reload_reads_the_file_anew(void **state)
{
	char *argv[] = {"/usr/bin/tidegate", "-c", path, "--drain=7", NULL};
	struct config defaults;

	config_init(&defaults);
	write_file("drain = 1\nread_deadline = 100\n");
	assert_int_equal(parse_again(4, argv), 0);
	assert_int_equal(config.read_deadline, 100);
	write_file("drain = 2\nread_deadline = 200\nlisten = :9\n");
	assert_int_equal(parse_again(4, argv), 0);
	assert_int_equal(config.read_deadline, 200);
	assert_int_equal(config.drain, 7);
	assert_string_equal(config.listen[0], ":9");
	assert_int_equal(source_of(&sources, "listen"), SOURCE_FILE);
	write_file("");
	assert_int_equal(parse_again(4, argv), 0);
	assert_int_equal(config.read_deadline, defaults.read_deadline);
	assert_string_equal(config.listen[0], ":8000");
	assert_int_equal(source_of(&sources, "listen"), SOURCE_DEFAULT);
	assert_string_equal(kept.text, "");
}

static void test_failed_reload_changes_nothing(void **state)
{
	char *argv[] = {"/usr/bin/tidegate", "-c", path, NULL};
	char expected[OUTPUT_MAX];

	write_file("drain = 1\n");
	assert_int_equal(parse_again(3, argv), 0);
	struct config before = config;
	struct sources sources_before = sources;
	write_file("drain = 2\nnonsense\necho = maybe\n");
	assert_int_equal(parse_again(3, argv), -EINVAL);
	snprintf(expected, sizeof(expected),
		"%s:2: neither \"name = value\" nor a [section] nor a comment\n"
		"%s:3: echo = maybe: not true or false\n",
		path, path);
	assert_string_equal(kept.text, expected);
	assert_memory_equal(&config, &before, sizeof(config));
	assert_memory_equal(&sources, &sources_before, sizeof(sources));

	argv[2] = "/nonexistent/file";
	assert_int_equal(parse_again(3, argv), -ENOENT);
	assert_string_equal(
		kept.text, "cannot read /nonexistent/file: No such file or directory\n");
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_reload_never_ends_the_process(void **state)
{
	static char *const lines[] = {
		"--drain=x", "stray", "--colour", "--listen", "--read-dedline=5", "--changed"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *argv[] = {"/usr/bin/tidegate", lines[i], NULL};
		assert_int_equal(parse_again(2, argv), -EINVAL);
		assert_true(kept.findings.faults);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_command_lines_return),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_help_names_every_option),
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_options_are_named_as_they_were_typed),
		cmocka_unit_test(test_all_faults_of_a_command_line_are_told),
		cmocka_unit_test(test_what_was_meant),
		cmocka_unit_test(test_a_test_tells_all_faults),
		cmocka_unit_test(test_what_is_asked_for),
		cmocka_unit_test(test_help_has_short_names),
		cmocka_unit_test(test_sources_of_all_kinds),
		cmocka_unit_test(test_unknown_and_unfinished_options),
		cmocka_unit_test(test_broken_file),
		cmocka_unit_test(test_unreadable_file),
		cmocka_unit_test(test_command_line_is_judged_before_the_file),
		cmocka_unit_test(test_every_number_is_an_option),
		cmocka_unit_test(test_command_line_wins_over_file_over_defaults),
		cmocka_unit_test(test_listeners_of_the_highest_source_that_names_any),
		cmocka_unit_test(test_reload_reads_the_file_anew),
		cmocka_unit_test(test_failed_reload_changes_nothing),
		cmocka_unit_test(test_reload_never_ends_the_process),
	};
	return cmocka_run_group_tests(tests, create_file, remove_file);
}
