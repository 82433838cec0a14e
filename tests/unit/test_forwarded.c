#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/forwarded.h"
#include "split.h"

/* 10.0.0.0/8 and 2001:db8:aaaa::/48 are proxies. */
static bool is_proxy(const void *context, const uint8_t address[IP_ADDRESS_LEN])
{
	static const uint8_t v6[] = {0x20, 0x01, 0x0d, 0xb8, 0xaa, 0xaa};
	(*(unsigned *)(uintptr_t)context)++;
	return (ip_address_is_v4(address) && address[IP_ADDRESS_V4_AT] == 10) ||
	       memcmp(address, v6, sizeof(v6)) == 0;
}

static unsigned asked;

static enum forwarded_found find(
	const char *fields, enum forwarded_kind kind, char ret_client[INET6_ADDRSTRLEN + 8])
{
	const struct forwarded_trust trust = {is_proxy, &asked};
	struct ip_address client;
	char text[INET6_ADDRSTRLEN];
	const size_t len = strlen(fields);
	char *copy = split_copy(fields, len);
	asked = 0;
	enum forwarded_found found =
		forwarded_find((struct slice){copy, len}, kind, &trust, &client);
	free(copy);
	ret_client[0] = '\0';
	if (found == FORWARDED_CLIENT) {
		const bool is_v4 = ip_address_is_v4(client.bytes);
		inet_ntop(is_v4 ? AF_INET : AF_INET6, client.bytes + (is_v4 ? IP_ADDRESS_V4_AT : 0),
			text, sizeof(text));
		snprintf(ret_client, INET6_ADDRSTRLEN + 8, client.port ? "%s %u" : "%s", text,
			client.port);
	}
	return found;
}

struct row {
	const char *fields;
	const char *client; /* with a port behind a blank; NULL: unclear; "": absent */
};

static void check(const struct row *rows, size_t count, enum forwarded_kind kind)
{
	for (size_t i = 0; i < count; i++) {
		char client[INET6_ADDRSTRLEN + 8];
		enum forwarded_found found = find(rows[i].fields, kind, client);
		if (found != (rows[i].client == NULL      ? FORWARDED_UNCLEAR
				     : !rows[i].client[0] ? FORWARDED_ABSENT
							  : FORWARDED_CLIENT) ||
			(rows[i].client && strcmp(client, rows[i].client) != 0)) {
			fail_msg("%s: found %d, \"%s\"", rows[i].fields, found, client);
		}
	}
}

#define CHECK(rows, kind) check(rows, sizeof(rows) / sizeof((rows)[0]), kind)
#define XFF(value)        "Host: h\r\nX-Forwarded-For: " value "\r\n"
#define STD(value)        "Host: h\r\nForwarded: " value "\r\n"

static const struct row xff[] = {
	{"Host: h\r\n", ""},
	{XFF(""), ""},
	{XFF(" , ,"), ""},
	{XFF("192.0.2.1"), "192.0.2.1"},
	{XFF("192.0.2.1:4711"), "192.0.2.1 4711"},
	{XFF("2001:db8::1"), "2001:db8::1"},
	{XFF("[2001:db8::1]"), "2001:db8::1"},
	{XFF("[2001:db8::1]:80"), "2001:db8::1 80"},
	{XFF("\"[2001:db8::1]:80\""), "2001:db8::1 80"},
	{XFF("::ffff:192.0.2.1"), "192.0.2.1"},
	/* The last that is no proxy; what a client has claimed stands in front of it. */
	{XFF("203.0.113.9, 192.0.2.1"), "192.0.2.1"},
	{XFF("203.0.113.9,192.0.2.1,10.0.0.1"), "192.0.2.1"},
	{XFF("203.0.113.9, 192.0.2.1, ::ffff:10.0.0.1 , 10.0.0.2:80"), "192.0.2.1"},
	{XFF("10.0.0.9, 192.0.2.1, 10.0.0.1"), "192.0.2.1"},
	{XFF("192.0.2.1, 2001:db8:aaaa::1"), "192.0.2.1"},
	{XFF("192.0.2.1,, 10.0.0.1,"), "192.0.2.1"},
	/* All are proxies: the first of them asked. */
	{XFF("10.0.0.3, 10.0.0.2, 10.0.0.1"), "10.0.0.3"},
	/* Several lines are one. */
	{XFF("203.0.113.9") XFF("192.0.2.1"), "192.0.2.1"},
	{XFF("203.0.113.9, 192.0.2.1") XFF("10.0.0.1"), "192.0.2.1"},
	{XFF("203.0.113.9, 192.0.2.1") "x-forwarded-FOR: 10.0.0.2\r\n" XFF("10.0.0.1"),
		"192.0.2.1"},
	/* What nobody understands; the proxy's own address is taken then. */
	{XFF("unknown"), NULL},
	{XFF("192.0.2.1, unknown"), NULL},
	{XFF("192.0.2.1, _hidden, 10.0.0.1"), NULL},
	{XFF("192.0.2.1 10.0.0.1"), NULL},
	{XFF("unix:"), NULL},
	{XFF("1.2.3.4.5"), NULL},
	{XFF("192.0.2.1:99999"), NULL},
	/* Junk in front is not looked at. */
	{XFF("\", junk\\, 192.0.2.1"), "192.0.2.1"},
	{XFF("unknown, \"\"\"\", 192.0.2.1, 10.0.0.1"), "192.0.2.1"},
	/* The other header does not count. */
	{STD("for=203.0.113.9") XFF("192.0.2.1"), "192.0.2.1"},
	{STD("for=203.0.113.9"), ""},
};

/* With the examples of RFC 7239 sections 4, 5.2, 6, 6.3 and 7.1. */
static const struct row standard[] = {
	{STD("for=\"_gazonk\""), NULL},
	{STD("For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17 4711"},
	{STD("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60"},
	{STD("for=192.0.2.43, for=198.51.100.17"), "198.51.100.17"},
	{STD("for=_hidden, for=_SEVKISEK"), NULL},
	{STD("for=192.0.2.43, for=\"[2001:db8:cafe::17]\""), "2001:db8:cafe::17"},
	{STD("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"), NULL},
	{STD("for=192.0.2.43") STD("for=\"[2001:db8:cafe::17]\", for=unknown"), NULL},
	{STD("for=192.0.2.43") STD("for=\"[2001:db8:cafe::17]\""), "2001:db8:cafe::17"},
	{STD("for=\"192.0.2.43:47011\""), "192.0.2.43 47011"},
	{STD("for=\"192.0.2.43:_secret\""), "192.0.2.43"},
	{STD("for=192.0.2.1;host=\"a, for=203.0.113.9\""), "192.0.2.1"},
	{STD("host=\"a;for=203.0.113.9;\\\"\";for=192.0.2.1"), "192.0.2.1"},
	{STD("for = 192.0.2.1 ; proto = https"), "192.0.2.1"},
	/* Chains. */
	{STD("for=203.0.113.9, for=192.0.2.1;by=10.0.0.2, for=10.0.0.2"), "192.0.2.1"},
	{STD("for=10.0.0.3, for=10.0.0.2"), "10.0.0.3"},
	{STD("for=\"x, for=192.0.2.1"), "192.0.2.1"},
	{STD("for=\"x\\, for=192.0.2.1, for=10.0.0.1"), "192.0.2.1"},
	/* No `for`, two of them, or one that is no node. */
	{STD("proto=https"), NULL},
	{STD("for=192.0.2.1;for=203.0.113.9"), NULL},
	{STD("for"), NULL},
	{STD("for="), NULL},
	{STD("192.0.2.1"), NULL},
	{STD("forx=192.0.2.1"), NULL},
	{STD(""), ""},
	{XFF("203.0.113.9"), ""},
	{XFF("203.0.113.9") STD("for=192.0.2.1"), "192.0.2.1"},
};

static void test_x_forwarded_for(void **state)
{
	CHECK(xff, FORWARDED_XFF);
}

static void test_forwarded(void **state)
{
	CHECK(standard, FORWARDED_STANDARD);
}

/* However much a stranger has put in front, only what proxies have written is looked at. */
static void test_time_does_not_go_with_what_strangers_write(void **state)
{
	static char fields[65536];
	char client[INET6_ADDRSTRLEN + 8];
	size_t at = (size_t)sprintf(fields, "X-Forwarded-For: ");
	while (at < sizeof(fields) - 64) {
		at += (size_t)sprintf(fields + at, "10.0.0.9,");
	}
	sprintf(fields + at, "192.0.2.1, 10.0.0.1\r\n");
	assert_int_equal(find(fields, FORWARDED_XFF, client), FORWARDED_CLIENT);
	assert_string_equal(client, "192.0.2.1");
	assert_int_equal(asked, 2);
}

/* More lines than are kept: the last ones count. */
static void test_many_lines(void **state)
{
	static char fields[65536];
	char client[INET6_ADDRSTRLEN + 8];
	size_t at = 0;
	for (int i = 0; i < 1000; i++) {
		at += (size_t)sprintf(fields + at, "X-Forwarded-For: 203.0.113.9\r\n");
	}
	sprintf(fields + at, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1\r\n");
	assert_int_equal(find(fields, FORWARDED_XFF, client), FORWARDED_CLIENT);
	assert_string_equal(client, "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x_forwarded_for),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_time_does_not_go_with_what_strangers_write),
		cmocka_unit_test(test_many_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
