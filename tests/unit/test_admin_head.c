#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/http_head.h"
#include "../../server/admin/head.h"

static char data[16384];
static struct admin_head head;

/* Reads a head that the scan takes. */
static enum admin_head_verdict read_head(const char *text)
{
	struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
	struct slice found;
	size_t len = strlen(text);
	assert_in_range(len, 1, sizeof(data) - 1);
	memcpy(data, text, len + 1);
	assert_int_equal(
		http_head_scan(&scan, data, len, sizeof(data), &found), HTTP_HEAD_COMPLETE);
	return admin_head_read(data, found.len, &head);
}

static void expect_target(
	const char *target, const char *authority, const char *path, const char *query)
{
	char text[256];
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
	assert_int_equal(read_head(text), ADMIN_HEAD_SOUND);
	assert_string_equal(head.method, "GET");
	assert_string_equal(head.path, path);
	assert_string_equal(head.query, query);
	if (authority) {
		assert_non_null(head.authority);
		assert_string_equal(head.authority, authority);
	} else {
		assert_null(head.authority);
	}
}

static void test_targets(void **state)
{
	expect_target("/", NULL, "/", "");
	expect_target("/a/..", NULL, "/a/..", "");
	expect_target("/a?b=c+d&e?", NULL, "/a", "b=c+d&e?");
	expect_target("/?", NULL, "/", "");
	expect_target("//x/y", NULL, "//x/y", "");
	expect_target("http://h", "h", "/", "");
	expect_target("http://h:1/", "h:1", "/", "");
	expect_target("HTTPS://[::1]:8001/a?b", "[::1]:8001", "/a", "b");
	expect_target("http://h?b", "h", "/", "b");
	static const char *const bad[] = {
		"*", "a/b", "http:///x", "http://", "http:/x", "ws://h/", "h:443", "?x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", bad[i]);
		assert_int_equal(read_head(text), ADMIN_HEAD_BAD_TARGET);
	}
}

static void test_versions(void **state)
{
	assert_int_equal(read_head("GET / HTTP/1.1\r\n\r\n"), ADMIN_HEAD_SOUND);
	assert_false(head.is_http_1_0);
	assert_int_equal(read_head("GET / HTTP/1.0\r\n\r\n"), ADMIN_HEAD_SOUND);
	assert_true(head.is_http_1_0);
	assert_int_equal(read_head("GET / HTTP/1.2\r\n\r\n"), ADMIN_HEAD_BAD_VERSION);
	assert_int_equal(read_head("PRI * HTTP/2.0\r\n\r\n"), ADMIN_HEAD_BAD_VERSION);
	assert_string_equal(head.method, "");
}

static void test_fields(void **state)
{
	assert_int_equal(read_head("GET / HTTP/1.1\r\nA:1\r\nb: \t2 3 \r\nA: 4\r\nC:\r\n\r\n"),
		ADMIN_HEAD_SOUND);
	assert_int_equal(head.field_count, 4);
	assert_string_equal(admin_head_field(&head, "a"), "1");
	assert_string_equal(admin_head_field(&head, "B"), "2 3");
	assert_string_equal(admin_head_field(&head, "c"), "");
	assert_null(admin_head_field(&head, "D"));
	assert_int_equal(admin_head_count(&head, "a"), 2);
	assert_int_equal(admin_head_count(&head, "d"), 0);
}

static enum admin_head_verdict read_fields(unsigned count)
{
	char text[4096];
	size_t len = (size_t)sprintf(text, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i < count; i++) {
		len += (size_t)sprintf(text + len, "X: %u\r\n", i);
	}
	sprintf(text + len, "\r\n");
	return read_head(text);
}

static void test_number_of_fields(void **state)
{
	assert_int_equal(read_fields(ADMIN_FIELDS_MAX), ADMIN_HEAD_SOUND);
	assert_int_equal(read_fields(ADMIN_FIELDS_MAX + 1), ADMIN_HEAD_TOO_MANY);
}

static void expect_framing(const char *fields, const char *version, bool is_ambiguous,
	bool is_chunked, uint64_t content_len)
{
	char text[512];
	snprintf(text, sizeof(text), "POST / %s\r\n%s\r\n", version, fields);
	assert_int_equal(read_head(text), ADMIN_HEAD_SOUND);
	assert_int_equal(head.is_ambiguous, is_ambiguous);
	if (!is_ambiguous) {
		assert_int_equal(head.is_chunked, is_chunked);
		assert_true(head.content_len == content_len);
	}
}

static void test_where_it_ends(void **state)
{
	static const char VERSION[] = "HTTP/1.1";
	expect_framing("", VERSION, false, false, 0);
	expect_framing("Content-Length: 0\r\n", VERSION, false, false, 0);
	expect_framing("content-length: 00012\r\n", VERSION, false, false, 12);
	expect_framing(
		"Content-Length: 18446744073709551628\r\n", VERSION, false, false, UINT64_MAX);
	expect_framing("Transfer-Encoding: Chunked\r\n", VERSION, false, true, 0);
	static const char *const bad[] = {
		"Content-Length: 1\r\nContent-Length: 1\r\n",
		"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: identity\r\n",
		"Transfer-Encoding:\r\n",
		"Content-Length: -1\r\n",
		"Content-Length: +1\r\n",
		"Content-Length: 1, 1\r\n",
		"Content-Length: 0x1\r\n",
		"Content-Length: 1 1\r\n",
		"Content-Length:\r\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_framing(bad[i], VERSION, true, false, 0);
	}
	expect_framing("Transfer-Encoding: chunked\r\n", "HTTP/1.0", true, false, 0);
}

static void expect_kept(const char *version, const char *connection, bool is_kept)
{
	char text[256];
	snprintf(text, sizeof(text), "GET / %s\r\n%s\r\n", version, connection);
	assert_int_equal(read_head(text), ADMIN_HEAD_SOUND);
	assert_int_equal(admin_head_keeps_alive(&head), is_kept);
}

static void test_keeping_alive(void **state)
{
	expect_kept("HTTP/1.1", "", true);
	expect_kept("HTTP/1.1", "Connection: x, Close\r\n", false);
	expect_kept("HTTP/1.0", "", false);
	expect_kept("HTTP/1.0", "Connection: Keep-Alive\r\n", true);
	/* However many fields say it; "close" wins. */
	expect_kept("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false);
	expect_kept("HTTP/1.0", "Connection: x\r\nConnection: keep-alive\r\n", true);
	expect_kept("HTTP/1.0", "Connection: keep-alive, close\r\n", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_number_of_fields),
		cmocka_unit_test(test_where_it_ends),
		cmocka_unit_test(test_keeping_alive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
