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
#include "../../server/config/config_options.h"
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
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	assert_int_equal(config.name, TIDEGATE_BUILD_##name < 0 ? default_ : TIDEGATE_BUILD_##name);
#include "../../server/config/options.def"
#undef OPTION
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

static void test_times_take_a_suffix(void **state)
{
	check_set("read_deadline", "120s");
	assert_int_equal(config.read_deadline, 120);
	check_set("read_deadline", "5m");
	assert_int_equal(config.read_deadline, 300);
	check_set("ping_interval", "1m30s");
	assert_int_equal(config.ping_interval, 90);
	check_set("write_deadline", "2h");
	assert_int_equal(config.write_deadline, 7200);
	check_set("close_deadline", "3000ms");
	assert_int_equal(config.close_deadline, 3);
	check_refused(-EINVAL, "close_deadline", "500ms", "not a number of whole seconds");
	check_refused(-EINVAL, "drain", "2h",
		"not a number of seconds from 0 to 3600 (s, m and h may follow it)");
}

static void test_junk_is_no_number(void **state)
{
	static const char *const junk[] = {"", "abc", "-1", "+5", " 5", "5 ", "5x", "0x10", "1.5",
		"1e3", "5K", "18446744073709551616", "184467440737095516150",
		"99999999999999999999999"};

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		check_refused(-EINVAL, "read_deadline", junk[i],
			"not a number of seconds from 1 to 86400 (s, m and h may follow it)");
	}
	check_refused(-EINVAL, "max-message", "64KB",
		"not a number of bytes from 125 to 16777216 (K, M and G may follow it)");
	check_refused(-EINVAL, "workers", "2K", "not a number of threads from 0 to 254");
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
	check_listen("proxy:127.0.0.1:8000", "proxy:127.0.0.1:8000");
	check_listen("proxy:*:8000", "proxy::8000");
	check_listen("proxy:unix:/run/x", "proxy:unix:/run/x");
	check_listen("proxy:8000", "proxy:8000"); /* a host */
	check_listen("wss://*:443", "wss://:443");
	check_listen("wss://[::1]:443", "wss://[::1]:443");
	check_listen("proxy:wss://*:443", "proxy:wss://:443");
	check_listen("wss:443", "wss:443"); /* a host */
	memset(path + 5, 'p', 107);
	check_listen(path, path);
}

static void test_what_is_no_address(void **state)
{
	static const char *const junk[] = {"", "8000", ":", "host:", ":65536", ":-1", ":80a",
		"::1:8000", "[::1]", "[::1]8000", "[::1:8000", "[]:80", "[127.0.0.1]:80",
		"[::1%lo]:80", "a b:80", "http://a:80", "unix:", "*", "**:80", "host:80 ",
		"proxy:", "proxy:unix:", "proxy::", "proxy:proxy::80", "wss://**:80", "ws://:80",
		"wss://unix:/x", "wss://proxy::80"};
	char path[ADDRESS_MAX] = "unix:";

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		check_refused(-EINVAL, "listen", junk[i],
			"not HOST:PORT, [IPv6]:PORT or :PORT, maybe behind wss://, nor unix:PATH, "
			"all maybe behind proxy: (ports go to 65535, paths to 107 bytes)");
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

	check_refused(-EINVAL, "listen", "*:8000", "it is there twice");
	for (unsigned i = 1; i < CONFIG_LISTEN_MAX; i++) {
		snprintf(value, sizeof(value), ":%u", i);
		check_set("listen", value);
	}
	assert_int_equal(config.listen_count, CONFIG_LISTEN_MAX);
	check_refused(-EINVAL, "listen", ":99", "one too many: at most 16 are allowed");
}

static void test_certificates_add_up(void **state)
{
	char path[CONFIG_PATH_MAX + 1];
	size_t option = (size_t)config_option_find("tls_cert");

	assert_true(config_option_adds_up(option));
	assert_true(config_option_adds_up((size_t)config_option_find("tls_key")));
	check_set("tls_key", "/k");
	for (unsigned i = 0; i < CONFIG_TLS_MAX; i++) {
		check_set("tls_cert", i % 2 ? "/a" : "/b"); /* a pair may come twice */
	}
	check_refused(-EINVAL, "tls_cert", "/c", "one too many: at most 16 are allowed");
	assert_int_equal(config.tls_cert_count, CONFIG_TLS_MAX);
	assert_string_equal(config.tls_cert[1], "/a");
	assert_string_equal(config.tls_key[0], "/k");
	check_set("tls_cert", "none");
	assert_int_equal(config.tls_cert_count, 0);
	assert_int_equal(config.tls_key_count, 1);
	memset(path, 'p', CONFIG_PATH_MAX);
	path[CONFIG_PATH_MAX] = '\0';
	check_refused(
		-EINVAL, "tls_cert", path, "the name of a file is 1 to 255 bytes long, or none");
	check_refused(
		-EINVAL, "tls_cert", "", "the name of a file is 1 to 255 bytes long, or none");
	assert_int_equal(config.tls_cert_count, 0);
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
	check_refused(-EINVAL, "id", "", "not 1 to 63 printable ASCII characters without a space");
	check_refused(
		-EINVAL, "id", "a b", "not 1 to 63 printable ASCII characters without a space");
	assert_int_equal(config_set(&config, "id", "\xc3\xbc", error), -EINVAL);
}

static void test_words(void **state)
{
	check_set("log_format", "json");
	assert_int_equal(config.log_format, LOG_FORMAT_JSON);
	check_set("log_format", "text");
	assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
	check_refused(-EINVAL, "log_format", "xml", "not auto, tutorial, text or json");
	check_set("log_format", "tutorial");
	assert_int_equal(config.log_format, LOG_FORMAT_TUTORIAL);
	check_set("log_format", "auto");
	assert_int_equal(config.log_format, LOG_FORMAT_AUTO);
	check_set("log_sessions", "yes");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_YES);
	check_set("log_sessions", "off");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_NO);
	check_set("log_sessions", "auto");
	assert_int_equal(config.log_sessions, LOG_SESSIONS_AUTO);
	check_refused(-EINVAL, "log_sessions", "some", "not yes, no or auto");
	check_set("log_level", "debug");
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	check_set("log_level", "info");
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	check_set("log_level", "warn");
	assert_int_equal(config.log_level, LOG_LEVEL_WARN);
	check_set("log_level", "error");
	assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
	check_refused(-EINVAL, "log_level", "loud", "not debug, info, warn or error");
	check_refused(-EINVAL, "echo", "maybe", "not true or false");
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
	check_refused(-EINVAL, "admin", "wss://:8001",
		"not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or none");
	check_refused(-EINVAL, "admin", "8001",
		"not HOST:PORT, [IPv6]:PORT, :PORT, *:PORT, unix:PATH or none");
}

static void test_unknown_names(void **state)
{
	check_refused(-ENOENT, "read_dedline", "5", "no such option; did you mean read_deadline?");
	check_refused(
		-ENOENT, "read-deadlines", "5", "no such option; did you mean read_deadline?");
	check_refused(-ENOENT, "lsiten", "5", "no such option; did you mean listen?");
	check_refused(-ENOENT, "colour", "red", "no such option: tidegate --help names all");
	assert_int_equal(config_set(&config, "", "", error), -ENOENT);
}

static void test_long_values_are_refused(void **state)
{
	char value[4 * CONFIG_ERROR_MAX];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(config_set(&config, "id", value, error), -EINVAL);
	assert_int_equal(config_set(&config, "drain", value, error), -EINVAL);
	assert_int_equal(config_set(&config, "listen", value, error), -EINVAL);
	assert_int_equal(config_set(&config, "admin_token", value, error), -EINVAL);
	assert_int_equal(config_set(&config, value, "1", error), -ENOENT);
}

static void test_unix_mode(void **state)
{
	static const char *const bad[] = {
		"", "66", "00660", "668", "0660 ", "rw-rw----", "1777", "0444", "0000", "-660"};

	assert_int_equal(config.unix_mode, 0);
	check_set("unix_mode", "0660");
	assert_int_equal(config.unix_mode, 0660);
	check_set("unix_mode", "777");
	assert_int_equal(config.unix_mode, 0777);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_refused(-EINVAL, "unix_mode", bad[i],
			"not an octal number as 0660 that lets somebody write, which is to "
			"connect, or none");
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

static void test_auth(void **state)
{
	char value[CONFIG_TEXT_MAX + 1];

	assert_int_equal(config.auth, AUTH_OPEN);
	check_set("auth", "token");
	assert_int_equal(config.auth, AUTH_TOKEN);
	check_refused(-EINVAL, "auth", "jwt", "not open or token");
	check_set("auth", "open");
	assert_int_equal(config.auth, AUTH_OPEN);
	check_set("auth_keys", "/etc/keys");
	assert_string_equal(config.auth_keys, "/etc/keys");
	check_set("auth_keys", "none");
	assert_string_equal(config.auth_keys, "");
	check_set("auth_audience", "https://chat.example.org/");
	assert_string_equal(config.auth_audience, "https://chat.example.org/");
	check_set("auth_issuer", "\xe4\xb8\xad");
	assert_string_equal(config.auth_issuer, "\xe4\xb8\xad");
	memset(value, 'x', CONFIG_TEXT_MAX);
	value[CONFIG_TEXT_MAX] = '\0';
	const char *const bad[] = {"", "two words", "a\tb", "\xff", "\x7f", value};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_refused(-EINVAL, "auth_audience", bad[i],
			"not 1 to 255 bytes of UTF-8 without a blank, or none");
	}
	value[CONFIG_TEXT_MAX - 1] = '\0';
	check_set("auth_issuer", value);
	assert_string_equal(config.auth_issuer, value);
	check_set("auth_issuer", "none");
	assert_string_equal(config.auth_issuer, "");
	check_set("token_in_url", "yes");
	assert_true(config.token_in_url);
}

static void test_cluster(void **state)
{
	static const char *const bad[] = {"", "10.0.0.5:4222", "http://a:1", "nats://",
		"nats://:4222", "nats://a:0", "nats://a:65536", "nats://a:x", "nats://a:1/",
		"nats://a:1,", ",nats://a:1", "nats://a b", "nats://[::1", "nats://[]:1",
		"nats://a;b"};
	char many[CONFIG_VALUE_MAX] = "nats://0";

	check_set("cluster", "nats://10.0.0.5:4222,nats://10.0.0.6");
	assert_string_equal(config.cluster, "nats://10.0.0.5:4222,nats://10.0.0.6");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_refused(-EINVAL, "cluster", bad[i],
			"not nats://HOST:PORT or tls://HOST:PORT, up to 16 of them with commas "
			"between, in 255 bytes, or none");
	}
	for (int i = 0; i < 16; i++) {
		strcat(many, ",nats://1");
	}
	check_refused(-EINVAL, "cluster", many,
		"not nats://HOST:PORT or tls://HOST:PORT, up to 16 of them with commas between, in "
		"255 bytes, or none");
	check_refused(-EINVAL, "cluster", "nats://me:secret@10.0.0.5",
		"user and password are not for others to read: a line USER:PASSWORD in the file of "
		"cluster_creds");
	assert_string_equal(config.cluster, "nats://10.0.0.5:4222,nats://10.0.0.6");
	check_set("cluster", "none");
	assert_string_equal(config.cluster, "");
}

static void test_cluster_prefix(void **state)
{
	static const char *const bad[] = {
		"", "a.b", "a*", ">", "a b", "\xc3\xa9", "123456789012345678901234567890123"};

	assert_string_equal(config.cluster_prefix, "tidegate");
	check_set("cluster_prefix", "12345678901234567890123456789012");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_refused(-EINVAL, "cluster_prefix", bad[i],
			"not 1 to 32 of A to Z, a to z, 0 to 9, _ and -");
	}
}

static void test_admin_token(void **state)
{
	check_set("admin_token", "/etc/token");
	assert_string_equal(config.admin_token, "/etc/token");
	check_set("admin_token", "none");
	assert_string_equal(config.admin_token, "");
	check_refused(
		-EINVAL, "admin_token", "", "the name of a file is 1 to 255 bytes long, or none");
}

static void test_trusted_proxies(void **state)
{
	const char *what = "not an IP address, a network as 192.0.2.0/24 or 2001:db8::/32, unix or "
			   "none";
	check_refused(-EINVAL, "trusted_proxy", "proxy.example.org", what);
	check_refused(-EINVAL, "trusted_proxy", "10.0.0.0/33", what);
	check_refused(-EINVAL, "trusted_proxy", "", what);
	check_refused(-EINVAL, "trusted_proxy", "10.0.0.1/8",
		"there are bits behind its prefix, as in 10.0.0.1/8");
	check_set("trusted_proxy", "10.0.0.0/8");
	check_set("trusted_proxy", "unix");
	check_refused(-EINVAL, "trusted_proxy", "10.0.0.0/8", "it is there twice");
	assert_int_equal(config.trusted_proxy.count, 2);
	for (int i = 2; i < NETWORKS_MAX; i++) {
		char value[32];
		snprintf(value, sizeof(value), "192.0.2.%d", i);
		check_set("trusted_proxy", value);
	}
	check_refused(
		-EINVAL, "trusted_proxy", "192.0.2.1", "one too many: at most 32 are allowed");
	check_set("trusted_proxy", "none");
	assert_int_equal(config.trusted_proxy.count, 0);
}

static void test_origins(void **state)
{
	const char *what = "not one origin, as https://chat.example.org, https://*.example.org, "
			   "http://localhost:* or null; nor any (for more than one repeat the "
			   "option)";
	check_refused(-EINVAL, "origins", "*", what);
	check_refused(-EINVAL, "origins", "chat.example.org", what);
	check_refused(-EINVAL, "origins", "https://a.example https://b.example", what);
	check_set("origins", "null");
	check_refused(-EINVAL, "origins", "null", "it is there twice");
	check_set("origins", "https://chat.example.org");
	assert_int_equal(config.origins.count, 2);
	check_set("origins", "any");
	assert_int_equal(config.origins.count, 0);
}

/* --- options as a list -------------------------------------------------------------------------
 */

static void test_names_lead_to_their_options(void **state)
{
	assert_true(config_option_count() <= CONFIG_OPTIONS_MAX);
	for (size_t i = 0; i < config_option_count(); i++) {
		assert_int_equal(config_option_find(config_option_name(i)), i);
	}
	assert_int_equal(config_option_find("tx-memory-limit"), config_option_find("memory_limit"));
	assert_int_equal(config_option_find("read_deadlin"), -1);
	assert_int_equal(config_option_find("read_deadline_"), -1);
}

/* A value of each kind, and how it is written. */
static const char *const values[][3] = {
	{"listen", "*:9000", ":9000"},
	{"listen", "proxy:*:9000", "proxy::9000"},
	{"listen", "wss://*:443", "wss://:443"},
	{"listen", "proxy:wss://*:443", "proxy:wss://:443"},
	{"tls_cert", "/etc/chat.pem", "/etc/chat.pem"},
	{"tls_cert", "none", "none"},
	{"tls_key", "/etc/chat.key", "/etc/chat.key"},
	{"tls_key", "none", "none"},
	{"trusted_proxy", "::ffff:10.0.0.0/104", "10.0.0.0/8"},
	{"trusted_proxy", "192.0.2.1/32", "192.0.2.1"},
	{"trusted_proxy", "2001:DB8:0::/32", "2001:db8::/32"},
	{"trusted_proxy", "unix", "unix"},
	{"trusted_proxy", "none", "none"},
	{"forwarded", "forwarded", "forwarded"},
	{"forwarded", "xff", "xff"},
	{"origins", "https://*.example.org", "https://*.example.org"},
	{"origins", "any", "any"},
	{"unix_mode", "660", "0660"},
	{"unix_mode", "none", "none"},
	{"id", "node-7", "node-7"},
	{"log_format", "json", "json"},
	{"log_format", "auto", "auto"},
	{"log_level", "debug", "debug"},
	{"log_sessions", "on", "yes"},
	{"log_sessions", "false", "no"},
	{"log_sessions", "auto", "auto"},
	{"echo", "on", "true"},
	{"client_broadcast", "no", "false"},
	{"demo", "0", "false"},
	{"admin", ":8001", "127.0.0.1:8001"},
	{"admin", "*:8001", "*:8001"},
	{"admin", "none", "none"},
	{"admin_token", "/etc/token", "/etc/token"},
	{"admin_token", "none", "none"},
	{"admin_tls", "on", "true"},
	{"admin_plain", "yes", "true"},
	{"auth", "token", "token"},
	{"auth_keys", "/etc/keys", "/etc/keys"},
	{"auth_keys", "none", "none"},
	{"auth_audience", "chat", "chat"},
	{"auth_issuer", "none", "none"},
	{"token_in_url", "on", "true"},
	{"cluster", "nats://a:4222, tls://[::1]:7", "nats://a:4222, tls://[::1]:7"},
	{"cluster", "none", "none"},
	{"cluster_key", "/etc/key", "/etc/key"},
	{"cluster_key", "none", "none"},
	{"cluster_prefix", "chat_2-a", "chat_2-a"},
	{"cluster_creds", "/etc/creds", "/etc/creds"},
	{"cluster_ca", "/etc/ca.pem", "/etc/ca.pem"},
	{"read_deadline", "5m", "300"},
	{"max_message", "65536", "64K"},
	{"workers", "7", "7"},
	{"message_rate", "10", "10"},
	{"byte_rate", "65536", "64K"},
};

static void test_what_is_written_reads_as_the_same(void **state)
{
	char text[CONFIG_VALUE_MAX];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		size_t option = (size_t)config_option_find(values[i][0]);
		config_option_clear(&config, option);
		check_set(values[i][0], values[i][1]);
		assert_true(config_option_text(&config, option, 0, text));
		assert_string_equal(text, values[i][2]);
		assert_false(config_option_text(&config, option, 1, text));
		struct config before = config;
		config_option_clear(&config, option);
		check_set(values[i][0], text);
		assert_true(config_option_is_same(&config, &before, option));
	}
}

static void test_every_option_can_be_written(void **state)
{
	char text[CONFIG_VALUE_MAX];

	for (size_t i = 0; i < config_option_count(); i++) {
		assert_true(config_option_text(&config, i, 0, text));
		config_option_clear(&config, i);
		check_set(config_option_name(i), text);
	}
}

static void test_listeners_are_told_apart(void **state)
{
	struct config other = config;
	size_t listen = (size_t)config_option_find("listen");
	char text[CONFIG_VALUE_MAX];

	assert_true(config_option_adds_up(listen));
	assert_false(config_option_adds_up((size_t)config_option_find("id")));
	assert_false(config_option_adds_up((size_t)config_option_find("drain")));
	check_set("listen", "unix:/x");
	assert_true(config_option_text(&config, listen, 1, text));
	assert_string_equal(text, "unix:/x");
	assert_false(config_option_text(&config, listen, 2, text));
	assert_false(config_option_is_same(&config, &other, listen));
	assert_false(config_option_is_same(&other, &config, listen));
	other = config;
	assert_true(config_option_is_same(&config, &other, listen));
	strcpy(other.listen[1], "unix:/y");
	assert_false(config_option_is_same(&config, &other, listen));
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
		TEST(test_times_take_a_suffix),
		TEST(test_junk_is_no_number),
		TEST(test_listen_addresses),
		TEST(test_what_is_no_address),
		TEST(test_host_too_long_is_refused),
		TEST(test_listen_adds_up),
		TEST(test_certificates_add_up),
		TEST(test_id),
		TEST(test_words),
		TEST(test_echo_is_true_or_false),
		TEST(test_admin_addresses),
		TEST(test_unix_mode),
		TEST(test_whether_anybody_named_a_listener),
		TEST(test_auth),
		TEST(test_cluster),
		TEST(test_cluster_prefix),
		TEST(test_admin_token),
		TEST(test_trusted_proxies),
		TEST(test_origins),
		TEST(test_unknown_names),
		TEST(test_long_values_are_refused),
		TEST(test_names_lead_to_their_options),
		TEST(test_what_is_written_reads_as_the_same),
		TEST(test_every_option_can_be_written),
		TEST(test_listeners_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
