#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/tls/hello.h"
#include "split.h"

static size_t record_len;

static enum hello_kind look(const void *data, size_t len)
{
	uint8_t *copy = split_copy(data, len);
	record_len = SIZE_MAX;
	enum hello_kind kind = hello_look(copy, len, &record_len);
	free(copy);
	return kind;
}

#define LOOK(literal) look(literal, sizeof(literal) - 1)

/* Every beginning of what is a hello may become one. */
static void test_a_hello_in_pieces(void **state)
{
	static const uint8_t hello[] = "\x16\x03\x01\x00\x05\x01\0\0\x01x\x14";
	for (size_t len = 0; len < sizeof(hello); len++) {
		assert_int_equal(look(hello, len), len < 10 ? HELLO_MORE : HELLO_TLS);
		assert_int_equal(record_len, len < 5 ? 0 : 10);
	}
}

/* The outer version says nothing. RFC 8446 section 5.1. */
static void test_versions(void **state)
{
	assert_int_equal(LOOK("\x16\x03\x00\0\x01\x01"), HELLO_TLS);
	assert_int_equal(LOOK("\x16\x03\x03\0\x01\x01"), HELLO_TLS);
	assert_int_equal(LOOK("\x16\x03\xff\0\x01\x01"), HELLO_TLS);
	assert_int_equal(LOOK("\x16\x02"), HELLO_OTHER);
	assert_int_equal(LOOK("\x16\xfe\xfd"), HELLO_OTHER);
}

static void test_lengths(void **state)
{
	assert_int_equal(LOOK("\x16\x03\x01\0\0"), HELLO_OTHER);
	assert_int_equal(record_len, 0);
	assert_int_equal(LOOK("\x16\x03\x01\x40\0"), HELLO_MORE);
	assert_int_equal(record_len, HELLO_RECORD_MAX);
	assert_int_equal(LOOK("\x16\x03\x01\x40\x01"), HELLO_OTHER);
	assert_int_equal(LOOK("\x16\x03\x01\xff\xff"), HELLO_OTHER);
	assert_int_equal(hello_record_len((const uint8_t *)"\x17\x03\x03\xff\xff", 5), 65540);
	assert_int_equal(hello_record_len((const uint8_t *)"\x17\x03\x03\xff\xff", 4), 0);
}

static void test_what_is_no_hello(void **state)
{
	assert_int_equal(LOOK("\x16\x03\x01\0\x10\x02"), HELLO_OTHER); /* a ServerHello */
	assert_int_equal(LOOK("\x15\x03\x03\0\x02\x02\x28"), HELLO_OTHER);
	assert_int_equal(LOOK("\x17\x03\x03\0\x20"), HELLO_OTHER);
	assert_int_equal(LOOK("\x80\x2e\x01\x03\x01"), HELLO_OTHER); /* of SSL 2.0 */
	assert_int_equal(LOOK("SSH-2.0-OpenSSH_9.2"), HELLO_OTHER);
	assert_int_equal(LOOK("\0"), HELLO_OTHER);
	assert_int_equal(LOOK("get / HTTP/1.1"), HELLO_OTHER);
	assert_int_equal(LOOK(" "), HELLO_OTHER);
	assert_int_equal(LOOK("GET\t"), HELLO_OTHER);
}

static void test_requests_in_plain(void **state)
{
	static const char request[] = "GET /?user=alice HTTP/1.1\r\n";
	for (size_t len = 0; len < sizeof(request); len++) {
		assert_int_equal(look(request, len), len < 5 ? HELLO_MORE : HELLO_HTTP);
		assert_int_equal(record_len, 0);
	}
	assert_int_equal(LOOK("OPTIONS / HTTP/1.1"), HELLO_HTTP);
	assert_int_equal(LOOK("PRI * HTTP/2.0"), HELLO_OTHER);
	assert_int_equal(LOOK("PROXY TCP4 10.0.0.1"), HELLO_OTHER);
	assert_int_equal(LOOK("ABCDEFGHIJKLMNOP"), HELLO_MORE);
	assert_int_equal(LOOK("ABCDEFGHIJKLMNOPQ"), HELLO_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hello_in_pieces),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_what_is_no_hello),
		cmocka_unit_test(test_requests_in_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
