#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/config/config.h"
#include "build_config.h"

static struct config config;
static char error[CONFIG_ERROR_MAX];

/* The defaults that cases build on, whatever meson was told. */
static int setup(void **state)
{
	config_init(&config);
	config.read_deadline = 120;
	config.ping_interval = 0;
	config.max_message = 65536;
	config.tx_queue_limit = 1048576;
	config.memory_limit = 0;
	memset(error, 0, sizeof(error));
	return 0;
}

static void check_set(const char *name, const char *value)
{
	if (config_set(&config, name, value, error) != 0) {
		fail_msg("%s = %s: %s", name, value, error);
	}
}

/* Refused with this message, and nothing changed. */
static void check_refused(int err, const char *name, const char *value, const char *expected)
{
	struct config before = config;

	assert_int_equal(config_set(&config, name, value, error), err);
	assert_string_equal(error, expected);
	assert_memory_equal(&config, &before, sizeof(config));
}

/* --- one at a time -----------------------------------------------------------------------------
 */

static void test_defaults(void **state)
{
	config_init(&config);
	assert_int_equal(config.read_deadline, TIDEGATE_DEFAULT_READ_DEADLINE);
	assert_int_equal(config.max_message, TIDEGATE_DEFAULT_MAX_MESSAGE);
	assert_int_equal(config.drain, 5);
	assert_string_equal(config.id, "demo");
	assert_int_equal(config.listen_count, 1);
	assert_string_equal(config.listen[0], ":8000");
	assert_int_equal(config.log_format, LOG_FORMAT_AUTO);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_int_equal(config.log_sessions, LOG_SESSIONS_AUTO);
	assert_false(config.echo);
}

static void test_defaults_are_within_their_limits(void **state)
{
	char value[32];
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	snprintf(value, sizeof(value), "%ju", (uintmax_t)config.name);                             \
	check_set(#name, value);
#include "../../server/config/options.def"
#undef OPTION
}

static void test_every_number_keeps_its_limits(void **state)
{
	char value[32];
#define OPTION(name, default_, min_, max_, reload, unit, help)                                     \
	snprintf(value, sizeof(value), "%ju", (uintmax_t)(max_));                                  \
	check_set(#name, value);                                                                   \
	assert_true(config.name == (max_));                                                        \
	snprintf(value, sizeof(value), "%ju", (uintmax_t)(max_) + 1);                              \
	assert_int_equal(config_set(&config, #name, value, error), -EINVAL);                       \
	snprintf(value, sizeof(value), "%jd", (intmax_t)(min_));                                   \
	check_set(#name, value);                                                                   \
	assert_true(config.name == (min_));                                                        \
	snprintf(value, sizeof(value), "%jd", (intmax_t)(min_) - 1);                               \
	assert_int_equal(config_set(&config, #name, value, error), -EINVAL);
#include "../../server/config/options.def"
#undef OPTION
}

static void test_dashes_and_underscores_are_the_same(void **state)
{
	check_set("read-deadline", "70");
	assert_int_equal(config.read_deadline, 70);
	check_set("read_deadline", "80");
	assert_int_equal(config.read_deadline, 80);
	check_set("log-level", "warn");
	assert_int_equal(config.log_level, LOG_LEVEL_WARN);
	assert_false(config_name_is("read_deadline", "read_deadlin"));
	assert_false(config_name_is("read_deadlin", "read_deadline"));
}

static void test_bytes_take_a_suffix(void **state)
{
	check_set("max_message", "64K");
	assert_int_equal(config.max_message, 65536);
	check_set("max_message", "2m");
	assert_int_equal(config.max_message, 2 << 20);
	check_set("memory_limit", "3G");
	assert_int_equal(config.memory_limit, 3ULL << 30);
	check_set("tx_memory_limit", "4G"); /* its old name */
	assert_int_equal(config.memory_limit, 4ULL << 30);
	check_set("tx-memory-limit", "5G");
	assert_int_equal(config.memory_limit, 5ULL << 30);
	check_set("max_message", "0125");
	assert_int_equal(config.max_message, 125);
}

static void test_junk_is_no_number(void **state)
{
	static const char *const junk[] = {"", "abc", "-1", "+5", " 5", "5 ", "5s", "0x10", "1.5",
		"1e3", "5K", "18446744073709551616", "184467440737095516150",
		"99999999999999999999999"};

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		char expected[CONFIG_ERROR_MAX];
		snprintf(expected, sizeof(expected),
			"read_deadline: \"%s\" is not a number of seconds from 1 to 86400",
			junk[i]);
		check_refused(-EINVAL, "read_deadline", junk[i], expected);
	}
	check_refused(-EINVAL, "max-message", "64KB",
		"max_message: \"64KB\" is not a number of bytes from 125 to 16777216 (K, M and G may follow "
		"it)");
	assert_int_equal(config_set(&config, "max_message", "K", error), -EINVAL);
	/* 2^64 bytes and a little, by way of the suffix */
	assert_int_equal(config_set(&config, "max_message", "17179869184G", error), -EINVAL);
	assert_int_equal(config_set(&config, "max_message", "17179869185G", error), -EINVAL);
}

static void check_listen(const char *value, const char *expected)
{
	config.listen_count = 0;
	check_set("listen", value);
	assert_int_equal(config.listen_count, 1);
	assert_string_equal(config.listen[0], expected);
}

static void test_listen_addresses(void **state)
{
	char path[ADDRESS_MAX] = "unix:";

	check_listen(":8000", ":8000");
	check_listen("*:8000", ":8000");
	check_listen("127.0.0.1:0", "127.0.0.1:0");
	check_listen("gate-1.example_net:65535", "gate-1.example_net:65535");
	check_listen("[::1]:8000", "[::1]:8000");
	check_listen("[2001:db8::ffff:192.0.2.1]:443", "[2001:db8::ffff:192.0.2.1]:443");
	check_listen("unix:/run/tidegate/sock:1", "unix:/run/tidegate/sock:1");
	memset(path + 5, 'p', 107);
	check_listen(path, path);
}

static void test_what_is_no_address(void **state)
{
	static const char *const junk[] = {"", "8000", ":", "host:", ":65536", ":-1", ":80a",
		"::1:8000", "[::1]", "[::1]8000", "[::1:8000", "[]:80", "[127.0.0.1]:80",
		"[::1%lo]:80", "a b:80", "http://a:80", "unix:", "*", "**:80", "host:80 "};
	char path[ADDRESS_MAX] = "unix:";

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		char expected[CONFIG_ERROR_MAX];
		snprintf(expected, sizeof(expected),
			"listen: \"%s\" is not HOST:PORT, [IPv6]:PORT, :PORT or unix:PATH (ports go to "
			"65535, paths to 107 bytes)",
			junk[i]);
		check_refused(-EINVAL, "listen", junk[i], expected);
	}
	memset(path + 5, 'p', 108);
	assert_int_equal(config_set(&config, "listen", path, error), -EINVAL);
}

static void test_host_too_long_is_refused(void **state)
{
	char host[300];

	memset(host, 'h', sizeof(host));
	strcpy(host + ADDRESS_MAX - 4, ":80"); /* with its NUL just fits */
	check_set("listen", host);
	memset(host, 'h', sizeof(host));
	strcpy(host + ADDRESS_MAX - 3, ":80");
	assert_int_equal(config_set(&config, "listen", host, error), -EINVAL);
}

static void test_listen_adds_up(void **state)
{
	char value[16];

	check_refused(-EINVAL, "listen", "*:8000", "listen: \":8000\" is there twice");
	for (unsigned i = 1; i < CONFIG_LISTEN_MAX; i++) {
		snprintf(value, sizeof(value), ":%u", i);
		check_set("listen", value);
	}
	assert_int_equal(config.listen_count, CONFIG_LISTEN_MAX);
	check_refused(-EINVAL, "listen", ":99",
		"listen: \":99\" is one too many: at most 16 are allowed");
}

static void test_id(void **state)
{
	char id[CONFIG_ID_MAX + 1];

	memset(id, 'x', CONFIG_ID_MAX);
	id[CONFIG_ID_MAX] = '\0';
	assert_int_equal(config_set(&config, "id", id, error), -EINVAL);
	id[CONFIG_ID_MAX - 1] = '\0';
	check_set("id", id);
	assert_string_equal(config.id, id);
	check_set("id", "!~");
	check_refused(-EINVAL, "id", "",
		"id: \"\" is not 1 to 63 printable ASCII characters without a space");
	check_refused(-EINVAL, "id", "a b",
		"id: \"a b\" is not 1 to 63 printable ASCII characters without a space");
	assert_int_equal(config_set(&config, "id", "\xc3\xbc", error), -EINVAL);
}

static void test_words(void **state)
{
	check_set("log_format", "json");
	assert_int_equal(config.log_format, LOG_FORMAT_JSON);
	check_set("log_format", "text");
	assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
	check_set("log_format", "tutorial");
	assert_int_equal(config.log_format, LOG_FORMAT_TUTORIAL);
	check_set("log_format", "auto");
	assert_int_equal(config.log_format, LOG_FORMAT_AUTO);
	check_refused(-EINVAL, "log_format", "xml",
		"log_format: \"xml\" is not auto, tutorial, text or json");
	check_set("log_level", "debug");
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	check_set("log_level", "info");
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	check_set("log_level", "warn");
	assert_int_equal(config.log_level, LOG_LEVEL_WARN);
	check_set("log_level", "error");
	assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
	check_refused(-EINVAL, "log_level", "loud",
		"log_level: \"loud\" is not debug, info, warn or error");
	check_refused(-EINVAL, "echo", "maybe", "echo: \"maybe\" is not true or false");
	check_set("log_sessions", "yes");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_YES);
	check_set("log_sessions", "off");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_NO);
	check_set("log_sessions", "auto");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_AUTO);
	check_refused(
		-EINVAL, "log_sessions", "some", "log_sessions: \"some\" is not yes, no or auto");
}

static void test_echo_is_true_or_false(void **state)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < 4; i++) {
		check_set("echo", yes[i]);
		assert_true(config.echo);
		check_set("echo", no[i]);
		assert_false(config.echo);
	}
}

/* Without a host it is this machine's, whatever --listen makes of that. */
static void test_admin_addresses(void **state)
{
	static const char *const pairs[][2] = {
		{":8001", "127.0.0.1:8001"},
		{"*:8001", ":8001"},
		{"localhost:8001", "localhost:8001"},
		{"[::1]:0", "[::1]:0"},
		{"unix:/run/a", "unix:/run/a"},
		{"none", ""},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		check_set("admin", pairs[i][0]);
		assert_string_equal(config.admin, pairs[i][1]);
	}
	check_refused(-EINVAL, "admin", "8001",
		"admin: \"8001\" is not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or none");
}

static void test_unknown_names(void **state)
{
	check_refused(-ENOENT, "read_dedline", "5",
		"unknown option \"read_dedline\"; did you mean \"read_deadline\"?");
	check_refused(-ENOENT, "read-deadlines", "5",
		"unknown option \"read-deadlines\"; did you mean \"read_deadline\"?");
	check_refused(
		-ENOENT, "lsiten", "5", "unknown option \"lsiten\"; did you mean \"listen\"?");
	check_refused(-ENOENT, "colour", "red",
		"unknown option \"colour\"; there are listen, unix_mode, id, log_format, log_level, "
		"log_sessions, echo, admin, "
		"admin_token, "
		"demo, workers, "
		"acceptors, read_deadline, write_deadline, handshake_deadline, close_deadline, "
		"ping_interval, max_head, max_message, max_connections, tx_queue_limit, memory_limit, "
		"event_batch, drain, kick_limit, admin_rate");
	assert_int_equal(config_set(&config, "", "", error), -ENOENT);
}

static void test_messages_are_one_line(void **state)
{
	char value[4 * CONFIG_ERROR_MAX];

	check_refused(-EINVAL, "log_format", "a\nb\x1b[2J",
		"log_format: \"a?b?[2J\" is not auto, tutorial, text or json");
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(config_set(&config, "id", value, error), -EINVAL);
	assert_int_equal(config_set(&config, "drain", value, error), -EINVAL);
	assert_int_equal(config_set(&config, "listen", value, error), -EINVAL);
	assert_int_equal(config_set(&config, value, "1", error), -ENOENT);
	assert_non_null(strstr(error, "event_batch, drain, kick_limit, admin_rate"));
}

/* --- as a whole --------------------------------------------------------------------------------
 */

static char warnings[4 * CONFIG_ERROR_MAX];

static void keep_warning(const char *message)
{
	strcat(warnings, message);
	strcat(warnings, "\n");
}

static int check(void)
{
	warnings[0] = '\0';
	return config_check(&config, keep_warning, error);
}

static void test_defaults_need_no_warning(void **state)
{
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
}

static void test_short_read_deadline_warns(void **state)
{
	config.read_deadline = 60;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings,
		"read_deadline: 60 seconds or less cannot be met by hidden browser "
		"tabs, whose timers run once a minute\n");
	config.read_deadline = 61;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
}

static void test_late_ping_warns(void **state)
{
	config.ping_interval = 119;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
	config.ping_interval = 120;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings,
		"ping_interval: a Ping that comes after the read_deadline keeps no line alive\n");
}

static void test_unix_mode(void **state)
{
	static const char *const bad[] = {
		"", "66", "00660", "668", "0660 ", "rw-rw----", "1777", "0444", "0000", "-660"};

	assert_int_equal(config.unix_mode, 0);
	check_set("unix_mode", "0660");
	assert_int_equal(config.unix_mode, 0660);
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "unix_mode means nothing without a unix: in listen\n");
	check_set("listen", "unix:/run/socket");
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
	check_set("unix_mode", "777");
	assert_int_equal(config.unix_mode, 0777);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char expected[CONFIG_ERROR_MAX];
		snprintf(expected, sizeof(expected),
			"unix_mode: \"%s\" is not an octal number as 0660 that lets somebody write, "
			"which is to connect, or none",
			bad[i]);
		check_refused(-EINVAL, "unix_mode", bad[i], expected);
	}
	check_set("unix_mode", "none");
	assert_int_equal(config.unix_mode, 0);
}

static void test_whether_anybody_named_a_listener(void **state)
{
	assert_true(config.is_listen_default);
	check_set("listen", "127.0.0.1:1");
	assert_false(config.is_listen_default);
}

static void test_admin_token_and_demo(void **state)
{
	check_set("admin_token", "/etc/token");
	assert_string_equal(config.admin_token, "/etc/token");
	check_set("demo", "yes");
	assert_true(config.demo);
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "admin_token means nothing without admin\n");
	check_set("admin", ":0");
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
	check_set("admin_token", "none");
	assert_string_equal(config.admin_token, "");
	check_refused(-EINVAL, "admin_token", "",
		"admin_token: the name of a file is 1 to 255 bytes long, or none");
}

static void test_small_memory_limit_warns(void **state)
{
	config.memory_limit = config.tx_queue_limit;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings, "");
	config.memory_limit--;
	assert_int_equal(check(), 0);
	assert_string_equal(warnings,
		"memory_limit: less than tx_queue_limit, so one slow client may take all of "
		"it\n");
}

static void test_queue_too_small_for_a_message_is_refused(void **state)
{
	config.tx_queue_limit = config.max_message + 4096;
	assert_int_equal(check(), 0);
	config.tx_queue_limit--;
	assert_int_equal(check(), -EINVAL);
	assert_string_equal(error,
		"tx_queue_limit: 69631 is too small for a message of max_message "
		"(65536): at least 69632 bytes are needed");
}

static void test_no_listener_is_refused(void **state)
{
	config.listen_count = 0;
	assert_int_equal(check(), -EINVAL);
	assert_string_equal(error, "listen: at least one is needed");
}

static void test_reload_takes_what_may_change(void **state)
{
	struct config fresh = config;

	warnings[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep_warning), 0);
	fresh.read_deadline = 90;
	fresh.drain = 7;
	fresh.log_level = LOG_LEVEL_DEBUG;
	fresh.log_sessions = LOG_SESSIONS_YES;
	assert_int_equal(config_reload(&config, &fresh, keep_warning), 4);
	assert_string_equal(warnings, "");
	assert_memory_equal(&config, &fresh, sizeof(config));
}

static void test_reload_refuses_the_rest(void **state)
{
	struct config before = config;
	struct config fresh = config;

	warnings[0] = '\0';
	fresh.workers = 3;
	fresh.acceptors = 3;
	fresh.event_batch = 3;
	fresh.echo = true;
	fresh.log_format = LOG_FORMAT_JSON;
	strcpy(fresh.id, "other");
	strcpy(fresh.listen[0], ":9000");
	fresh.unix_mode = 0600;
	strcpy(fresh.admin, ":9001");
	strcpy(fresh.admin_token, "/etc/token");
	fresh.demo = true;
	assert_int_equal(config_reload(&config, &fresh, keep_warning), 0);
	assert_string_equal(warnings,
		"workers\nacceptors\nevent_batch\nlisten\nunix_mode\nid\nlog_format\necho\nadmin\nadmin_token\ndemo\n");
	assert_memory_equal(&config, &before, sizeof(config));
	fresh = config;
	fresh.listen_count = 0;
	warnings[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep_warning), 0);
	assert_string_equal(warnings, "listen\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_defaults_are_within_their_limits),
		TEST(test_every_number_keeps_its_limits),
		TEST(test_dashes_and_underscores_are_the_same),
		TEST(test_bytes_take_a_suffix),
		TEST(test_junk_is_no_number),
		TEST(test_listen_addresses),
		TEST(test_what_is_no_address),
		TEST(test_host_too_long_is_refused),
		TEST(test_listen_adds_up),
		TEST(test_id),
		TEST(test_words),
		TEST(test_echo_is_true_or_false),
		TEST(test_admin_addresses),
		TEST(test_unix_mode),
		TEST(test_whether_anybody_named_a_listener),
		TEST(test_admin_token_and_demo),
		TEST(test_unknown_names),
		TEST(test_messages_are_one_line),
		TEST(test_defaults_need_no_warning),
		TEST(test_short_read_deadline_warns),
		TEST(test_late_ping_warns),
		TEST(test_small_memory_limit_warns),
		TEST(test_queue_too_small_for_a_message_is_refused),
		TEST(test_no_listener_is_refused),
		TEST(test_reload_takes_what_may_change),
		TEST(test_reload_refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
