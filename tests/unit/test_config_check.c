#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "build_config.h"

#include "../../server/config/config_check.h"
#include "../../server/config/config_options.h"
#include "kept_findings.h"

static struct config config;
static struct sources sources;
static struct kept_findings kept;

/* The defaults that cases build on, whatever meson was told. */
static int setup(void **state)
{
	config_init(&config);
	sources_init(&sources);
	config.read_deadline = 120;
	config.ping_interval = 0;
	config.max_message = 65536;
	config.tx_queue_limit = 1048576;
	config.memory_limit = 0;
	return 0;
}

static void set(const char *name, const char *value)
{
	char error[CONFIG_ERROR_MAX];

	assert_int_equal(config_set(&config, name, value, error), 0);
	sources.options[config_option_find(name)].from = SOURCE_COMMAND_LINE;
}

static void check(int err, const char *expected)
{
	kept_findings_init(&kept);
	assert_int_equal(config_check(&config, &sources, &kept.findings), err);
	assert_string_equal(kept.text, expected);
	assert_int_equal(kept.findings.faults, err ? 1 : 0);
}

static void test_defaults_need_no_warning(void **state)
{
	check(0, "");
}

static void test_short_read_deadline_warns(void **state)
{
	set("read_deadline", "1m");
	check(0, "warning: --read-deadline=60: 60 seconds or less cannot be met by hidden browser "
		 "tabs, whose timers run once a minute\n");
	set("read_deadline", "61");
	check(0, "");
}

static void test_late_ping_warns(void **state)
{
	set("ping_interval", "119");
	check(0, "");
	set("ping_interval", "2m");
	check(0, "warning: --ping-interval=120: a Ping that comes after the read_deadline keeps no "
		 "line alive\n");
}

static void test_unix_mode_without_a_unix_socket_warns(void **state)
{
	set("unix_mode", "0660");
	check(0, "warning: --unix-mode=0660: means nothing without a unix: in listen\n");
	set("listen", "unix:/run/socket");
	check(0, "");
}

static void test_a_proxy_listener_needs_a_proxy(void **state)
{
	set("listen", "proxy:127.0.0.1:9000");
	check(-EINVAL, "--listen=proxy:127.0.0.1:9000: nobody may use it: name its proxy, as "
		       "trusted_proxy = 192.0.2.1\n");
	set("trusted_proxy", "unix");
	check(-EINVAL, "--listen=proxy:127.0.0.1:9000: nobody may use it: name its proxy, as "
		       "trusted_proxy = 192.0.2.1\n");
	set("trusted_proxy", "10.0.0.0/8");
	check(0, "");
	set("listen", "proxy:unix:/run/socket");
	check(0, "");
	set("trusted_proxy", "none");
	set("trusted_proxy", "10.0.0.0/8");
	check(-EINVAL, "--listen=proxy:unix:/run/socket: nobody may use it: name its proxy, as "
		       "trusted_proxy = unix\n");
}

static void test_tls_needs_pairs(void **state)
{
	set("listen", "proxy:wss://127.0.0.1:9000");
	set("trusted_proxy", "10.0.0.0/8");
	check(-EINVAL, "--listen=proxy:wss://127.0.0.1:9000: TLS needs a certificate and its key: "
		       "tls_cert = FILE and tls_key = FILE\n");
	set("tls_cert", "/a.pem");
	check(-EINVAL,
		"--tls-cert=/a.pem: its key is missing: as many tls_key = FILE are needed, in "
		"the same order\n");
	set("tls_key", "/a.key");
	check(0, "");
	set("tls_key", "/b.key");
	check(-EINVAL, "--tls-key=/b.key: its certificate is missing: as many tls_cert = FILE are "
		       "needed, in the same order\n");
}

static void test_pairs_without_tls_warn(void **state)
{
	set("tls_cert", "/a.pem");
	set("tls_key", "/a.key");
	check(0, "warning: --tls-cert=/a.pem: means nothing without a wss:// in listen, or "
		 "admin_tls\n");
	set("admin_tls", "true");
	set("admin", ":0");
	check(0, "");
}

static void test_the_admin_ports_tls(void **state)
{
	set("admin_tls", "true");
	check(0, "warning: --admin-tls=true: means nothing without an address in admin\n");
	set("admin", "unix:/run/admin");
	check(0, "warning: --admin-tls=true: means nothing without an address in admin\n");
	set("admin", ":0");
	check(-EINVAL, "--admin-tls=true: TLS needs a certificate and its key: tls_cert = FILE and "
		       "tls_key = FILE\n");
	set("tls_cert", "/a.pem");
	set("tls_key", "/a.key");
	check(0, "");
	set("admin_plain", "true");
	check(0, "warning: --admin-plain=true: means nothing with admin_tls: nothing is in "
		 "clear\n");
}

static void test_everybody_is_no_proxy(void **state)
{
	set("trusted_proxy", "10.0.0.0/8");
	set("trusted_proxy", "0.0.0.0/0");
	set("trusted_proxy", "::/0");
	check(0, "warning: --trusted-proxy=0.0.0.0/0: everybody may say to have any address\n"
		 "warning: --trusted-proxy=::/0: everybody may say to have any address\n");
	set("trusted_proxy", "none");
	set("forwarded", "forwarded");
	check(0, "warning: --forwarded=forwarded: means nothing without trusted_proxy\n");
}

static void test_what_means_nothing_without_admin(void **state)
{
	set("admin_token", "/etc/token");
	check(0, "warning: --admin-token=/etc/token: means nothing without admin\n");
	set("admin", ":0");
	check(0, "");
}

static void test_what_means_nothing_without_an_address(void **state)
{
	static const char warning[] =
		"warning: --admin-plain=true: means nothing without an address in admin\n";
	set("admin_plain", "true");
	check(0, warning);
	set("admin", "unix:/run/admin");
	check(0, warning);
	set("admin", ":0");
	check(0, "");
}

static void test_tokens_need_keys(void **state)
{
	set("auth", "token");
	check(-EINVAL, "--auth=token: tokens need keys to be verified with: auth_keys = FILE, or "
		       "to try it demo = true, which makes one\n");
	config.demo = true;
	check(0, "");
	config.demo = false;
	set("auth_keys", "/etc/keys");
	check(0, "");
	config.echo = true;
	check(-EINVAL, "--auth=token: with echo there are no users, so nobody would be asked for a "
		       "token\n");
}

/* Whoever thinks that he has shut the door is told. */
static void test_what_means_nothing_without_tokens(void **state)
{
	set("auth_keys", "/etc/keys");
	set("auth_audience", "chat");
	set("auth_issuer", "me");
	set("token_in_url", "true");
	check(0, "warning: --auth-keys=/etc/keys: means nothing without auth = token: nobody is "
		 "asked\n"
		 "warning: --auth-audience=chat: means nothing without auth = token\n"
		 "warning: --auth-issuer=me: means nothing without auth = token\n"
		 "warning: --token-in-url=true: means nothing without auth = token\n");
	set("auth", "token");
	check(0, "");
}

/* One that can do without nothing. */
static void set_cluster(void)
{
	set("cluster", "nats://10.0.0.5");
	set("cluster_key", "/etc/cluster.key");
	set("id", "gw-1");
}

#if HAVE_NATS
static void test_what_a_cluster_needs(void **state)
{
	set_cluster();
	check(0, "");
	config.cluster_key[0] = '\0';
	check(-EINVAL, "--cluster=nats://10.0.0.5: the nodes need a secret that they share: "
		       "cluster_key = FILE, the same on each, made by openssl rand -hex 32\n");
	set("cluster_key", "/etc/cluster.key");
	config.echo = true;
	check(-EINVAL, "--cluster=nats://10.0.0.5: with echo there are no users to share\n");
	config.echo = false;
	sources.options[config_option_find("id")].from = SOURCE_DEFAULT;
	check(-EINVAL, "--cluster=nats://10.0.0.5: each node needs a name that no other has: id = "
		       "gw-1\n");
}

static void test_what_a_node_of_a_cluster_is_called(void **state)
{
	static const char *const bad[] = {
		"gw.1", "gw/1", "gw*", "123456789012345678901234567890123"};

	set_cluster();
	set("id", "demo");
	check(0, "");
	set("id", "12345678901234567890123456789012");
	check(0, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char expected[CONFIG_ERROR_MAX];
		set("id", bad[i]);
		snprintf(expected, sizeof(expected),
			"--id=%s: with cluster it is 1 to 32 of A to Z, a to z, 0 to 9, _ and -\n",
			bad[i]);
		check(-EINVAL, expected);
	}
	config.cluster[0] = '\0';
	config.cluster_key[0] = '\0';
	check(0, "");
}
#else
static void test_a_build_without_nats_refuses_a_cluster(void **state)
{
	set_cluster();
	check(-EINVAL, "--cluster=nats://10.0.0.5: this build knows no NATS: build it with libnats "
		       "and -Dcluster=enabled\n");
}
#endif

static void test_what_means_nothing_without_a_cluster(void **state)
{
	set_cluster();
	set("cluster", "none");
	set("cluster_creds", "/etc/creds");
	set("cluster_ca", "/etc/ca");
	set("cluster_prefix", "chat");
	check(0, "warning: --cluster-key=/etc/cluster.key: means nothing without cluster\n"
		 "warning: --cluster-creds=/etc/creds: means nothing without cluster\n"
		 "warning: --cluster-ca=/etc/ca: means nothing without cluster\n"
		 "warning: --cluster-prefix=chat: means nothing without cluster\n");
}

static void test_small_memory_limit_warns(void **state)
{
	set("memory_limit", "1M");
	check(0, "");
	set("memory_limit", "1048575");
	check(0,
		"warning: --memory-limit=1048575: less than tx_queue_limit, so one slow client may "
		"take all of it\n");
}

static void test_queue_too_small_for_a_message_is_refused(void **state)
{
	set("tx_queue_limit", "69632");
	check(0, "");
	set("tx_queue_limit", "69631");
	check(-EINVAL, "--tx-queue-limit=69631: too small for a message of max_message (65536): at "
		       "least 69632 bytes are needed\n");
}

static void test_byte_rate_below_a_message_warns(void **state)
{
	set("byte_rate", "13108");
	check(0, "");
	set("byte_rate", "13107");
	check(0,
		"warning: --byte-rate=13107: a message of max_message (65536) costs a session more than "
		"the 5 s that it may save up: it is not read from for as long as that takes\n");
}

static void test_no_listener_is_refused(void **state)
{
	config.listen_count = 0;
	check(-EINVAL, "listen: at least one is needed\n");
}

/* As one would look for it. */
static void test_the_place_in_the_file_is_named(void **state)
{
	config.file = "/etc/gate.conf";
	sources_add_line(&sources, (size_t)config_option_find("read_deadline"), 0, 7);
	config.read_deadline = 5;
	check(0,
		"warning: /etc/gate.conf:7: read_deadline = 5: 60 seconds or less cannot be met by "
		"hidden browser tabs, whose timers run once a minute\n");
}

static void test_what_a_file_says_twice_warns(void **state)
{
	config.file = "/etc/gate.conf";
	sources_add_line(&sources, (size_t)config_option_find("drain"), 0, 3);
	sources_add_line(&sources, (size_t)config_option_find("listen"), 0, 4);
	sources_add_line(&sources, (size_t)config_option_find("listen"), 1, 5);
	check(0, "");
	sources_add_line(&sources, (size_t)config_option_find("drain"), 0, 9);
	check(0, "warning: /etc/gate.conf:9: drain is there already, in line 3: that one does not "
		 "count\n");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_defaults_need_no_warning),
		TEST(test_short_read_deadline_warns),
		TEST(test_late_ping_warns),
		TEST(test_unix_mode_without_a_unix_socket_warns),
		TEST(test_a_proxy_listener_needs_a_proxy),
		TEST(test_tls_needs_pairs),
		TEST(test_pairs_without_tls_warn),
		TEST(test_the_admin_ports_tls),
		TEST(test_everybody_is_no_proxy),
		TEST(test_what_means_nothing_without_admin),
		TEST(test_what_means_nothing_without_an_address),
		TEST(test_tokens_need_keys),
		TEST(test_what_means_nothing_without_tokens),
#if HAVE_NATS
		TEST(test_what_a_cluster_needs),
		TEST(test_what_a_node_of_a_cluster_is_called),
#else
		TEST(test_a_build_without_nats_refuses_a_cluster),
#endif
		TEST(test_what_means_nothing_without_a_cluster),
		TEST(test_small_memory_limit_warns),
		TEST(test_queue_too_small_for_a_message_is_refused),
		TEST(test_byte_rate_below_a_message_warns),
		TEST(test_no_listener_is_refused),
		TEST(test_the_place_in_the_file_is_named),
		TEST(test_what_a_file_says_twice_warns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
