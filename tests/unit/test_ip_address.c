#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/ip_address.h"
#include "split.h"

/* RFC 4291 section 2.2, RFC 5952, and what the C library's own reader is known to refuse. */
static const char *const texts[] = {"192.0.2.1", "0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3",
	"1.2.3.4.5", "01.2.3.4", "1.2.3.04", "1..2.3", ".1.2.3.4", "1.2.3.4.", "1.2.3.-4",
	"1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "1.2.3.1000", "",
	"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "2001:DB8:0:0:8:800:200C:417A", "2001:db8::1",
	"FF01::101", "::1", "::", ":", ":::", "1::", "::1::", "1::2::3", "1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
	"1:2:3:4::5:6:7:8", "1::2:3:4:5:6:7:8", "12345::", "g::1", "::ffff:129.144.52.38",
	"::13.1.68.3", "::ffff:129.144.52", "::ffff:129.144.52.256", "1:2:3:4:5:6:1.2.3.4",
	"1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "fe80::1%eth0", "[::1]", "1:", ":1",
	"2001:db8:", "0:0:0:0:0:0:0:0", "::0", "2001:0db8:0000::1", "2001:00db8::1"};

static bool read_by_others(const char *text, uint8_t ret_bytes[IP_ADDRESS_LEN])
{
	uint8_t v4[IP_ADDRESS_V4_LEN];
	if (inet_pton(AF_INET, text, v4) == 1) {
		struct ip_address mapped = ip_address_of_v4(v4);
		memcpy(ret_bytes, mapped.bytes, IP_ADDRESS_LEN);
		return true;
	}
	return inet_pton(AF_INET6, text, ret_bytes) == 1;
}

static void check(const char *text)
{
	struct ip_address address = {.port = 7};
	uint8_t expected[IP_ADDRESS_LEN];
	const size_t len = strlen(text);
	char *copy = split_copy(text, len);
	const bool is_one = read_by_others(text, expected);
	if (ip_address_read((struct slice){copy, len}, &address) != is_one) {
		fail_msg("\"%s\" is %s address", text, is_one ? "an" : "no");
	}
	if (is_one) {
		assert_memory_equal(address.bytes, expected, sizeof(expected));
		assert_int_equal(address.port, 0);
	} else {
		assert_int_equal(address.port, 7);
	}
	free(copy);
}

static void test_reads_what_the_c_library_reads(void **state)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		check(texts[i]);
	}
}

/* Texts that are nearly addresses. */
static void test_reads_nothing_else(void **state)
{
	static const char alphabet[] = "0123af:::...";
	uint32_t random = 4711;
	for (int i = 0; i < 200000; i++) {
		char text[24];
		const size_t len = split_random(&random) % (sizeof(text) - 1);
		for (size_t at = 0; at < len; at++) {
			text[at] = alphabet[split_random(&random) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		check(text);
	}
}

static void test_every_written_address_reads_as_the_same(void **state)
{
	uint32_t random = 99;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[IP_ADDRESS_LEN];
		char text[INET6_ADDRSTRLEN];
		for (size_t at = 0; at < sizeof(bytes); at++) {
			bytes[at] = split_random(&random) % 3 ? 0 : (uint8_t)split_random(&random);
		}
		inet_ntop(AF_INET6, bytes, text, sizeof(text));
		check(text);
		inet_ntop(AF_INET, bytes, text, sizeof(text));
		check(text);
	}
}

static void test_v4_is_mapped(void **state)
{
	struct ip_address address;
	assert_true(ip_address_read(SLICE("192.0.2.1"), &address));
	assert_true(ip_address_is_v4(address.bytes));
	struct ip_address mapped;
	assert_true(ip_address_read(SLICE("::ffff:192.0.2.1"), &mapped));
	assert_memory_equal(&address, &mapped, sizeof(mapped));
	assert_true(ip_address_read(SLICE("::192.0.2.1"), &address));
	assert_false(ip_address_is_v4(address.bytes));
}

struct endpoint {
	const char *text;
	const char *host; /* NULL: it is none */
	uint16_t port;
};

static const struct endpoint endpoints[] = {
	{"192.0.2.1", "192.0.2.1", 0},
	{"192.0.2.1:80", "192.0.2.1", 80},
	{"192.0.2.1:65535", "192.0.2.1", 65535},
	{"192.0.2.1:65536", NULL, 0},
	{"192.0.2.1:", NULL, 0},
	{"192.0.2.1:x", NULL, 0},
	{"192.0.2.1:_x", "192.0.2.1", 0},
	{"192.0.2.1:80:80", NULL, 0},
	{"2001:db8::1", "2001:db8::1", 0},
	{"[2001:db8::1]", "2001:db8::1", 0},
	{"[2001:db8::1]:443", "2001:db8::1", 443},
	{"[2001:db8:cafe::17]:4711", "2001:db8:cafe::17", 4711},
	{"[::ffff:192.0.2.1]:443", "192.0.2.1", 443},
	{"[2001:db8::1]443", NULL, 0},
	{"[2001:db8::1]:", NULL, 0},
	{"[2001:db8::1", NULL, 0},
	{"[192.0.2.1]", NULL, 0},
	{"[192.0.2.1]:80", NULL, 0},
	{"[]", NULL, 0},
	{"[", NULL, 0},
	{":80", NULL, 0},
	{"", NULL, 0},
	{"unknown", NULL, 0},
	{"_gazonk", NULL, 0},
};

static void test_endpoints(void **state)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		const struct endpoint *row = &endpoints[i];
		const size_t len = strlen(row->text);
		struct ip_address address;
		uint8_t expected[IP_ADDRESS_LEN];
		char *copy = split_copy(row->text, len);
		if (ip_address_read_endpoint((struct slice){copy, len}, &address) !=
			(row->host != NULL)) {
			fail_msg("\"%s\"", row->text);
		}
		if (row->host) {
			assert_true(read_by_others(row->host, expected));
			assert_memory_equal(address.bytes, expected, sizeof(expected));
			assert_int_equal(address.port, row->port);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_the_c_library_reads),
		cmocka_unit_test(test_reads_nothing_else),
		cmocka_unit_test(test_every_written_address_reads_as_the_same),
		cmocka_unit_test(test_v4_is_mapped),
		cmocka_unit_test(test_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
