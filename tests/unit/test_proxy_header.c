#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/bytes.h"
#include "../../proto/proxy_header.h"
#include "split.h"

/* Reads all of it, and every beginning, each in memory of its very size: whatever the pieces, it is
 * told at the same byte. Behind a header that is complete something follows. */
static enum proxy_header_progress read_in_pieces(
	const void *data, size_t len, struct proxy_header *ret_header)
{
	enum proxy_header_progress progress = PROXY_HEADER_MORE;
	for (size_t fed = 0; fed <= len && progress == PROXY_HEADER_MORE; fed++) {
		uint8_t *copy = split_copy(data, fed);
		progress = proxy_header_read(copy, fed, ret_header);
		free(copy);
	}
	struct proxy_header whole;
	uint8_t *copy = split_copy(data, len);
	assert_int_equal(proxy_header_read(copy, len, &whole), progress);
	if (progress == PROXY_HEADER_COMPLETE) {
		assert_int_equal(whole.len, ret_header->len);
		assert_int_equal(whole.names_client, ret_header->names_client);
	}
	free(copy);
	return progress;
}

static void expect_client(const void *data, size_t len, const char *host, uint16_t port)
{
	struct proxy_header header;
	uint8_t expected[IP_ADDRESS_LEN];
	assert_int_equal(read_in_pieces(data, len, &header), PROXY_HEADER_COMPLETE);
	assert_int_equal(header.len, len);
	assert_true(header.names_client);
	if (strchr(host, ':')) {
		assert_int_equal(inet_pton(AF_INET6, host, expected), 1);
	} else {
		uint8_t v4[IP_ADDRESS_V4_LEN];
		assert_int_equal(inet_pton(AF_INET, host, v4), 1);
		struct ip_address mapped = ip_address_of_v4(v4);
		memcpy(expected, mapped.bytes, sizeof(expected));
	}
	assert_memory_equal(header.client.bytes, expected, sizeof(expected));
	assert_int_equal(header.client.port, port);
}

static void expect_nobody(const void *data, size_t len)
{
	struct proxy_header header;
	assert_int_equal(read_in_pieces(data, len, &header), PROXY_HEADER_COMPLETE);
	assert_int_equal(header.len, len);
	assert_false(header.names_client);
}

static void expect_malformed(const void *data, size_t len)
{
	struct proxy_header header;
	assert_int_equal(read_in_pieces(data, len, &header), PROXY_HEADER_MALFORMED);
}

/* --- version 1 ---------------------------------------------------------------------------------
 */

#define V1_CLIENT(line, host, port) expect_client(line "\r\n", sizeof(line) + 1, host, port)

/* The longest lines of the specification's section 2.1, and those of its example. */
static void test_v1_of_the_specification(void **state)
{
	V1_CLIENT(
		"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255", 65535);
	V1_CLIENT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	V1_CLIENT("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", "192.168.0.1", 56324);
	expect_nobody("PROXY UNKNOWN\r\n", 15);
	static const char longest[] = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
	assert_int_equal(sizeof(longest) - 1, 107);
	expect_nobody(longest, sizeof(longest) - 1);
}

static void test_v1_mapped(void **state)
{
	V1_CLIENT("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2", "192.0.2.1", 1);
	V1_CLIENT("PROXY TCP6 ::1 ::1 0 0", "::1", 0);
}

static void test_v1_malformed(void **state)
{
	static const char *const lines[] = {"GET / HTTP/1.1\r\n", "PROXX", "proxy TCP4 ",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
		"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY UNKNOWNS\r\n", "PROXY \r\n", "PROXY TCP4\r\n",
		"PROXY TCP6 ::1 ::2 22 NOT-A-PORT\r\n", "PROXY TCP6 ::1 ::2 2345\r\n"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect_malformed(lines[i], strlen(lines[i]));
	}
	char endless[107];
	memset(endless, 'x', sizeof(endless));
	memcpy(endless, "PROXY UNKNOWN ", 14);
	struct proxy_header header;
	assert_int_equal(read_in_pieces(endless, 106, &header), PROXY_HEADER_MORE);
	expect_malformed(endless, 107);
}

/* --- version 2 ---------------------------------------------------------------------------------
 */

#define SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define LITERAL(text) text, sizeof(text) - 1

/* As HAProxy's send-proxy-v2 sends them, over IPv4 and IPv6, and for its own health checks. */
static void test_v2_of_haproxy(void **state)
{
	expect_client(LITERAL(SIGNATURE
			      "\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x97\x32\x1f\x43"),
		"127.0.0.1", 0x9732);
	expect_client(LITERAL(SIGNATURE "\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
					"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x83\xb8\x1f\x43"),
		"::1", 0x83b8);
	expect_nobody(LITERAL(SIGNATURE "\x20\x00\x00\x00"));
}

/* As Amazon's network load balancer sends it: a checksum, then what pads. */
static const char amazon[100] =
	SIGNATURE "\x21\x11\x00\x54\x7b\x67\xc9\x9a\xac\x1f\x0c\x37\xb1\x16\x02\x4b"
		  "\x03\x00\x04\x08\x94\x22\x07\x04\x00\x3e";

static void test_v2_checksum(void **state)
{
	expect_client(amazon, sizeof(amazon), "123.103.201.154", 45334);
	/* Each bit of it counts, be it of the checksum itself. */
	for (size_t at = 16; at < sizeof(amazon); at++) {
		char broken[sizeof(amazon)];
		memcpy(broken, amazon, sizeof(broken));
		broken[at] = (char)(broken[at] ^ 1);
		struct proxy_header header;
		assert_int_equal(proxy_header_read((uint8_t *)broken, sizeof(broken), &header),
			at == 28 ? PROXY_HEADER_COMPLETE : PROXY_HEADER_MALFORMED);
	}
}

static void test_v2_datagrams_name_a_client_too(void **state)
{
	expect_client(LITERAL(SIGNATURE
			      "\x21\x12\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\xca\x2b\x04\x01"),
		"127.0.0.1", 51755);
}

static void test_v2_mapped(void **state)
{
	expect_client(LITERAL(SIGNATURE "\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
					"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x1f\x43"),
		"192.0.2.1", 80);
}

static void test_v2_of_nobody(void **state)
{
	static char path[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/run/client";
	expect_nobody(path, sizeof(path));
	expect_nobody(LITERAL(SIGNATURE "\x21\x00\x00\x00"));
	expect_nobody(LITERAL(SIGNATURE "\x21\x00\x00\x03\x99\xff\xff"));
	/* What the proxy says of itself does not matter, addresses or not. */
	expect_nobody(LITERAL(
		SIGNATURE "\x20\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x97\x32\x1f\x43"));
	expect_nobody(LITERAL(SIGNATURE "\x20\xff\x00\x01x"));
}

#define V4 "\x7f\x00\x00\x01\x7f\x00\x00\x01\x97\x32\x1f\x43"

static void test_v2_extensions_are_skipped(void **state)
{
	expect_client(
		LITERAL(SIGNATURE "\x21\x11\x00\x12" V4 "\x01\x00\x03h21"), "127.0.0.1", 0x9732);
	expect_client(LITERAL(SIGNATURE "\x21\x11\x00\x15" V4 "\x02\x00\x00\x04\x00\x03\0\0\0"),
		"127.0.0.1", 0x9732);
	expect_malformed(LITERAL(SIGNATURE "\x21\x11\x00\x0d" V4 "\x01"));
	expect_malformed(LITERAL(SIGNATURE "\x21\x11\x00\x0f" V4 "\x01\x00\x01"));
	expect_malformed(LITERAL(SIGNATURE "\x21\x11\x00\x11" V4 "\x03\x00\x02zz"));
}

static void test_v2_malformed(void **state)
{
	expect_malformed(LITERAL("\r\n\r\n\0\r\nQUIX"));
	expect_malformed(LITERAL(SIGNATURE "\x11\x11\x00\x0c" V4));
	expect_malformed(LITERAL(SIGNATURE "\x22\x11\x00\x0c" V4));
	expect_malformed(LITERAL(SIGNATURE "\x21\x41\x00\x0c" V4));
	expect_malformed(LITERAL(SIGNATURE "\x21\x13\x00\x0c" V4));
	expect_malformed(
		LITERAL(SIGNATURE "\x21\x11\x00\x0b\x7f\x00\x00\x01\x7f\x00\x00\x01\0\0\0"));
	expect_malformed(LITERAL(SIGNATURE "\x21\x21\x00\x0c" V4));
	/* By its length alone. */
	expect_malformed(LITERAL(SIGNATURE "\x21\x11\xff\xff"));
}

static void test_v2_longest(void **state)
{
	static uint8_t header[PROXY_HEADER_MAX + 1];
	memcpy(header, SIGNATURE "\x21\x11\x00\x00" V4, 28);
	store_be16(header + 14, PROXY_HEADER_MAX - 16);
	header[28] = 4;
	store_be16(header + 29, PROXY_HEADER_MAX - 31);
	expect_client(header, PROXY_HEADER_MAX, "127.0.0.1", 0x9732);
	store_be16(header + 14, PROXY_HEADER_MAX - 15);
	expect_malformed(header, PROXY_HEADER_MAX + 1);
}

static void test_nothing_yet(void **state)
{
	struct proxy_header header;
	assert_int_equal(proxy_header_read((const uint8_t *)"", 0, &header), PROXY_HEADER_MORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1_of_the_specification),
		cmocka_unit_test(test_v1_mapped),
		cmocka_unit_test(test_v1_malformed),
		cmocka_unit_test(test_v2_of_haproxy),
		cmocka_unit_test(test_v2_checksum),
		cmocka_unit_test(test_v2_datagrams_name_a_client_too),
		cmocka_unit_test(test_v2_mapped),
		cmocka_unit_test(test_v2_of_nobody),
		cmocka_unit_test(test_v2_extensions_are_skipped),
		cmocka_unit_test(test_v2_malformed),
		cmocka_unit_test(test_v2_longest),
		cmocka_unit_test(test_nothing_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
