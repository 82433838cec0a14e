#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/config/config_reload.h"

static struct config config;
static struct config fresh;
static char told[4096]; /* a line each, `!` in front of what is not taken */

static int setup(void **state)
{
	config_init(&config);
	config.read_deadline = 120;
	config.workers = 0;
	config.acceptors = 1;
	config.event_batch = 1024;
	config.max_message = 65536;
	fresh = config;
	return 0;
}

static void keep(void *user, const struct config_change *change)
{
	size_t len = strlen(told);

	assert_ptr_equal(user, &config);
	snprintf(told + len, sizeof(told) - len, "%s%s %s -> %s\n", change->is_taken ? "" : "!",
		change->name, change->before, change->after);
}

static void check(size_t count, const char *expected)
{
	told[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep, &config), count);
	assert_string_equal(told, expected);
}

static void test_nothing_has_changed(void **state)
{
	check(0, "");
}

static void test_what_may_change_is_taken(void **state)
{
	fresh.read_deadline = 60;
	fresh.max_message = 8192;
	fresh.log_level = LOG_LEVEL_DEBUG;
	fresh.log_sessions = LOG_SESSIONS_YES;
	strcpy(fresh.tls_cert[0], "/etc/a.pem");
	strcpy(fresh.tls_cert[1], "/etc/b.pem");
	fresh.tls_cert_count = 2;
	strcpy(fresh.tls_key[0], "/etc/a.key");
	fresh.tls_key_count = 1;
	strcpy(fresh.auth_keys, "/etc/keys");
	strcpy(fresh.auth_audience, "chat");
	strcpy(fresh.auth_issuer, "https://id.example.org/");
	fresh.token_in_url = true;
	check(10, "tls_cert none -> /etc/a.pem, /etc/b.pem\n"
		  "tls_key none -> /etc/a.key\n"
		  "log_level info -> debug\n"
		  "log_sessions auto -> yes\n"
		  "auth_keys none -> /etc/keys\n"
		  "auth_audience none -> chat\n"
		  "auth_issuer none -> https://id.example.org/\n"
		  "token_in_url false -> true\n"
		  "read_deadline 120 s -> 60 s\n"
		  "max_message 64K -> 8K\n");
	assert_memory_equal(&config, &fresh, sizeof(config));
	check(0, "");
}

static void test_every_number_that_may_change_is_taken(void **state)
{
	size_t count = 0;
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	fresh.name = config.name == (max) ? (max) - 1 : (max);                                     \
	count += (reload);
#include "../../server/config/options.def"
#undef OPTION
	told[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep, &config), count);
#define OPTION(name, default_, min, max, reload, unit, help)                                       \
	assert_true((config.name == fresh.name) == (reload));
#include "../../server/config/options.def"
#undef OPTION
}

static void test_the_rest_stays(void **state)
{
	struct config before = config;

	fresh.workers = 3;
	fresh.acceptors = 3;
	fresh.event_batch = 3;
	fresh.echo = true;
	fresh.log_format = LOG_FORMAT_JSON;
	strcpy(fresh.id, "other");
	strcpy(fresh.listen[0], ":9000");
	strcpy(fresh.listen[1], "unix:/run/gate");
	fresh.listen_count = 2;
	fresh.unix_mode = 0600;
	strcpy(fresh.admin, ":9001");
	strcpy(fresh.admin_token, "/etc/token");
	fresh.admin_tls = true;
	fresh.admin_plain = true;
	fresh.demo = true;
	fresh.auth = AUTH_TOKEN;
	strcpy(fresh.cluster, "nats://10.0.0.5");
	strcpy(fresh.cluster_key, "/etc/key");
	strcpy(fresh.cluster_prefix, "chat");
	strcpy(fresh.cluster_creds, "/etc/creds");
	strcpy(fresh.cluster_ca, "/etc/ca");
	check(0, "!listen :8000 -> :9000, unix:/run/gate\n"
		 "!unix_mode none -> 0600\n"
		 "!id demo -> other\n"
		 "!log_format auto -> json\n"
		 "!echo false -> true\n"
		 "!auth open -> token\n"
		 "!cluster none -> nats://10.0.0.5\n"
		 "!cluster_key none -> /etc/key\n"
		 "!cluster_prefix tidegate -> chat\n"
		 "!cluster_creds none -> /etc/creds\n"
		 "!cluster_ca none -> /etc/ca\n"
		 "!admin none -> *:9001\n"
		 "!admin_token none -> /etc/token\n"
		 "!admin_tls false -> true\n"
		 "!admin_plain false -> true\n"
		 "!demo false -> true\n"
		 "!workers 0 -> 3\n"
		 "!acceptors 1 -> 3\n"
		 "!event_batch 1024 -> 3\n");
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_values_are_cut_not_overrun(void **state)
{
	memset(fresh.admin_token, 'p', sizeof(fresh.admin_token) - 1);
	told[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep, &config), 0);
	assert_int_equal(
		strlen(told), strlen("!admin_token none -> \n") + CONFIG_CHANGE_TEXT_MAX - 1);
	memset(&fresh, 0, sizeof(fresh));
	fresh = config;
	for (fresh.listen_count = 0; fresh.listen_count < CONFIG_LISTEN_MAX; fresh.listen_count++) {
		memset(fresh.listen[fresh.listen_count], 'h', ADDRESS_MAX - 1);
	}
	told[0] = '\0';
	assert_int_equal(config_reload(&config, &fresh, keep, &config), 0);
	assert_int_equal(strlen(told), strlen("!listen :8000 -> \n") + CONFIG_CHANGE_TEXT_MAX - 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_has_changed),
		TEST(test_what_may_change_is_taken),
		TEST(test_every_number_that_may_change_is_taken),
		TEST(test_the_rest_stays),
		TEST(test_values_are_cut_not_overrun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
