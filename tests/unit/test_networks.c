#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/networks.h"

static bool has(const char *network, const char *address)
{
	struct networks networks = {.count = 0};
	struct ip_address parsed;
	assert_int_equal(networks_add(&networks, network), 0);
	assert_true(ip_address_read(slice_of(address), &parsed));
	return networks_have(&networks, parsed.bytes);
}

static void test_members(void **state)
{
	assert_true(has("192.0.2.0/24", "192.0.2.0"));
	assert_true(has("192.0.2.0/24", "192.0.2.255"));
	assert_true(has("192.0.2.0/24", "::ffff:192.0.2.7"));
	assert_false(has("192.0.2.0/24", "192.0.3.0"));
	assert_false(has("192.0.2.0/24", "192.0.1.255"));
	assert_true(has("192.0.2.4/31", "192.0.2.5"));
	assert_false(has("192.0.2.4/31", "192.0.2.6"));
	assert_true(has("192.0.2.4", "192.0.2.4"));
	assert_false(has("192.0.2.4", "192.0.2.5"));
	assert_true(has("0.0.0.0/0", "203.0.113.1"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(has("::1", "::1"));
	assert_false(has("::1", "::2"));
	assert_true(has("::/0", "2001:db8::1"));
	assert_false(has("::/0", "192.0.2.1"));
	assert_false(has("::/64", "192.0.2.1"));
	assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_false(has("unix", "::"));
}

static void test_unix_sockets(void **state)
{
	struct networks networks = {.count = 0};
	struct remote local = {.is_inet = false};
	struct remote near = {.is_inet = true, .address[15] = 1};
	assert_int_equal(networks_add(&networks, "::/0"), 0);
	assert_false(networks_have_remote(&networks, &local));
	assert_true(networks_have_remote(&networks, &near));
	assert_int_equal(networks_add(&networks, "unix"), 0);
	assert_true(networks_have_remote(&networks, &local));
}

static void expect(const char *text, int err)
{
	struct networks networks = {.count = 0};
	if (networks_add(&networks, text) != err) {
		fail_msg("\"%s\"", text);
	}
	assert_int_equal(networks.count, err ? 0 : 1);
}

static void test_what_is_none(void **state)
{
	static const char *const junk[] = {"", "x", "192.0.2.1/", "/24", "192.0.2.0/33",
		"192.0.2.0/-1", "192.0.2.0/024x", "2001:db8::/129", "192.0.2.0/24/24", " 192.0.2.1",
		"[::1]", "192.0.2.1:80", "unix:", "UNIX"};
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		expect(junk[i], -EINVAL);
	}
	expect("192.0.2.1/24", -EDOM);
	expect("2001:db8::1/64", -EDOM);
	expect("0.0.0.1/0", -EDOM);
	expect("192.0.2.1/32", 0);
	expect("2001:db8::1/128", 0);
}

static void test_each_is_written_as_it_reads(void **state)
{
	static const char *const texts[] = {"192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "::/0",
		"2001:db8::/32", "2001:db8::1", "::1", "unix", "::/96", "::fffe:0:0/95"};
	struct networks networks = {.count = 0};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[NETWORK_TEXT_MAX];
		assert_int_equal(networks_add(&networks, texts[i]), 0);
		assert_int_equal(networks_add(&networks, texts[i]), -EEXIST);
		networks_write(&networks.list[i], text);
		assert_string_equal(text, texts[i]);
	}
}

static void test_no_more_than_fit(void **state)
{
	struct networks networks = {.count = 0};
	for (int i = 0; i <= NETWORKS_MAX; i++) {
		char text[32];
		snprintf(text, sizeof(text), "192.0.2.%d", i);
		assert_int_equal(networks_add(&networks, text), i < NETWORKS_MAX ? 0 : -ENOSPC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_unix_sockets),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_each_is_written_as_it_reads),
		cmocka_unit_test(test_no_more_than_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
