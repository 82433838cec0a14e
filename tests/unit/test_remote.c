#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/remote.h"

static void expect_name(const struct sockaddr_storage *address, const char *expected)
{
	struct remote remote;
	char name[REMOTE_NAME_MAX];
	remote_from_sockaddr(&remote, address);
	remote_name(&remote, name);
	assert_string_equal(name, expected);
}

static void expect_inet(int family, const char *text, uint16_t port, const char *expected)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (void *)&address;
	struct sockaddr_in6 *in6 = (void *)&address;
	if (family == AF_INET) {
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(family, text, &in->sin_addr), 1);
	} else {
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(family, text, &in6->sin6_addr), 1);
	}
	expect_name(&address, expected);
}

static void test_names(void **state)
{
	expect_inet(AF_INET, "127.0.0.1", 51564, "127.0.0.1:51564");
	expect_inet(AF_INET, "255.255.255.255", 65535, "255.255.255.255:65535");
	expect_inet(AF_INET6, "::1", 1, "[::1]:1");
	/* A client of a dual-stack listener is named as it names itself. */
	expect_inet(AF_INET6, "::ffff:10.1.2.3", 80, "10.1.2.3:80");
	expect_inet(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", 65535,
		"[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
	struct sockaddr_storage address = {.ss_family = AF_UNIX};
	expect_name(&address, "unix");
	/* Nothing is known, as when accept gave no address. */
	address.ss_family = AF_UNSPEC;
	expect_name(&address, "unix");
}

static void expect_told(const char *text, const char *expected)
{
	struct ip_address told;
	struct remote remote;
	char name[REMOTE_NAME_MAX];
	assert_true(ip_address_read_endpoint(slice_of(text), &told));
	remote_from_ip(&remote, &told);
	assert_true(remote.is_inet);
	remote_name(&remote, name);
	assert_string_equal(name, expected);
}

static void test_what_proxies_tell(void **state)
{
	expect_told("192.0.2.1", "192.0.2.1");
	expect_told("192.0.2.1:80", "192.0.2.1:80");
	expect_told("::ffff:192.0.2.1", "192.0.2.1");
	expect_told("2001:DB8::1", "2001:db8::1");
	expect_told("[2001:db8::1]:443", "[2001:db8::1]:443");
}

static bool is_loopback(int family, const char *text)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *in = (void *)&address;
	struct sockaddr_in6 *in6 = (void *)&address;
	struct remote remote;
	inet_pton(
		family, text, family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr);
	remote_from_sockaddr(&remote, &address);
	return remote_is_loopback(&remote);
}

static void test_loopback(void **state)
{
	assert_true(is_loopback(AF_INET, "127.0.0.1"));
	assert_true(is_loopback(AF_INET, "127.255.0.9"));
	assert_true(is_loopback(AF_INET6, "::1"));
	/* To a listener for IPv4 and IPv6. */
	assert_true(is_loopback(AF_INET6, "::ffff:127.0.0.2"));
	assert_false(is_loopback(AF_INET, "128.0.0.1"));
	assert_false(is_loopback(AF_INET, "0.0.0.0"));
	assert_false(is_loopback(AF_INET6, "::"));
	assert_false(is_loopback(AF_INET6, "::2"));
	assert_false(is_loopback(AF_INET6, "7f00::1"));
	assert_false(is_loopback(AF_INET6, "::ffff:126.0.0.1"));
	/* Of a Unix socket a proxy is all that is known. */
	assert_false(remote_is_loopback(&(struct remote){.is_inet = false, .address[15] = 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_proxies_tell),
		cmocka_unit_test(test_loopback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
