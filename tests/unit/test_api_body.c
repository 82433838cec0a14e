#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/utf8.h"
#include "../../server/node/api_body.h"

static char fault[API_FAULT_MAX];

static int read_body(const char *body, size_t most, struct api_message *ret_message)
{
	fault[0] = '\0';
	return api_body_read_message((const uint8_t *)body, strlen(body), most, ret_message, fault);
}

static void expect(const char *body, uint8_t opcode, const char *payload, size_t len)
{
	struct api_message message;
	int err = read_body(body, 1000, &message);
	if (err) {
		fail_msg("%s: %s", body, fault);
	}
	assert_int_equal(message.opcode, opcode);
	assert_int_equal(message.len, len);
	assert_memory_equal(message.payload, payload, len);
	free(message.payload);
}

static void expect_fault(const char *body, const char *what)
{
	struct api_message message;
	assert_int_equal(read_body(body, 1000, &message), -EINVAL);
	if (!strstr(fault, what)) {
		fail_msg("%s: \"%s\", not \"%s\"", body, fault, what);
	}
}

static void test_texts(void **state)
{
	expect("{\"text\":\"hi\"}", FRAME_TEXT, "hi", 2);
	expect(" { \"text\" : \"\" } ", FRAME_TEXT, "", 0);
	expect("{\"text\":\"a\\u0000b\"}", FRAME_TEXT, "a\0b", 3);
	expect("{\"from\":\"x\",\"text\":\"hi\"}", FRAME_TEXT, "hi -- FROM x", 12);
}

static void test_packets(void **state)
{
	expect("{\"packet\":{\"command\":102,\"payload\":\"hi\"}}", FRAME_BINARY,
		"\0\x66\0\0\0\2hi", 8);
	expect("{\"packet\":{\"command\":0}}", FRAME_BINARY, "\0\0\0\0\0\0", 6);
	expect("{\"packet\":{\"command\":65535,\"payload_base64\":\"AP/+\"}}", FRAME_BINARY,
		"\xff\xff\0\0\0\3\0\xff\xfe", 9);
	expect("{\"packet\":{\"command\":102,\"payload_base64\":\"aGk=\"},\"from\":\"x\"}",
		FRAME_BINARY, "\0\x66\0\0\0\x0chi -- FROM x", 18);
	expect("{\"packet\":{\"command\":1,\"payload_base64\":\"\"}}", FRAME_BINARY, "\0\1\0\0\0\0",
		6);
}

static void test_faults(void **state)
{
	expect_fault("", "not JSON");
	expect_fault("{\"text\":\"a\"}x", "not JSON");
	expect_fault("{\"text\":\"a\",\"text\":\"b\"}", "not JSON");
	expect_fault("[]", "object");
	expect_fault("{}", "either \"text\" or \"packet\"");
	expect_fault("{\"text\":\"a\",\"packet\":{\"command\":1}}", "either");
	expect_fault("{\"text\":1}", "\"text\" must be a string");
	expect_fault("{\"txt\":\"a\"}", "\"txt\" is unknown");
	expect_fault("{\"packet\":1}", "\"packet\" must be an object");
	expect_fault("{\"packet\":{\"command\":1,\"size\":1}}", "\"size\" is unknown");
	expect_fault("{\"packet\":{}}", "\"command\" must be an integer");
	expect_fault("{\"packet\":{\"command\":65536}}", "65535");
	expect_fault("{\"packet\":{\"command\":99999999999999999999}}", "");
	expect_fault("{\"packet\":{\"command\":1,\"payload_base64\":\"=\"}}", "base64");
	expect_fault(
		"{\"packet\":{\"command\":1,\"payload_base64\":\"\xc3\xa9\xc3\xa9\"}}", "base64");
	expect_fault("{\"packet\":{\"command\":102,\"payload_base64\":\"/w==\"}}", "UTF-8");
	expect_fault("{\"packet\":{\"command\":1,\"payload\":\"\",\"payload_base64\":\"\"}}",
		"not both");
	expect_fault("{\"text\":\"a\",\"from\":\"\"}", "\"from\" is not a name");
	expect_fault("{\"packet\":{\"command\":1},\"from\":\"a\"}", "packet 102");
}

/* Told before the document is built, whatever else is wrong with it. */
static void test_many_parts(void **state)
{
	static const char *const units[] = {"[", "{}", "{\"a\":", "1,", "\"\",", "[]"};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char body[1024] = "";
		for (int count = 0; count < 40; count++) {
			strcat(body, units[i]);
		}
		expect_fault(body, "so many parts");
	}
	/* What stands in strings is none. */
	expect("{\"text\":\"{[,:{[,:{[,:{[,:{[,:{[,:{[,:{[,:\\\"{[,:{[,:\\\\\"}", FRAME_TEXT,
		"{[,:{[,:{[,:{[,:{[,:{[,:{[,:{[,:\"{[,:{[,:\\", 42);
	expect_fault("{\"text\":\"\\\\\",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", "so many parts");
}

/* As a client's message would be: what is said behind it does not count. */
static void test_sizes(void **state)
{
	struct api_message message;
	assert_int_equal(read_body("{\"text\":\"12345\",\"from\":\"x\"}", 5, &message), 0);
	free(message.payload);
	assert_int_equal(read_body("{\"text\":\"123456\"}", 5, &message), -EMSGSIZE);
	assert_int_equal(
		read_body("{\"packet\":{\"command\":1,\"payload\":\"12\"}}", 8, &message), 0);
	free(message.payload);
	assert_int_equal(read_body("{\"packet\":{\"command\":1,\"payload\":\"12\"}}", 7, &message),
		-EMSGSIZE);
}

static void test_flags(void **state)
{
	static const char *const bad[] = {
		"", "{}", "{\"muted\":1}", "{\"muted\":true,\"x\":1}", "true"};
	int flag = -1;
	assert_int_equal(
		api_body_read_flag((const uint8_t *)"{\"muted\":true}", 14, "muted", &flag, fault),
		0);
	assert_int_equal(flag, 1);
	assert_int_equal(
		api_body_read_flag((const uint8_t *)"{\"muted\":false}", 15, "muted", &flag, fault),
		0);
	assert_int_equal(flag, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(api_body_read_flag((const uint8_t *)bad[i], strlen(bad[i]),
					 "muted", &flag, fault),
			-EINVAL);
	}
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "{}", "{\"n\":4}", "{\"n\":10}", "{\"n\":\"5\"}",
		"{\"n\":5.5}", "{\"n\":-5}", "{\"n\":18446744073709551620}", "{\"n\":4294967301}",
		"{\"n\":5,\"x\":1}", "{\"n\":5,\"n\":5}", "5"};
	uint32_t number = 0;
	assert_int_equal(
		api_body_read_number((const uint8_t *)"{\"n\":5}", 7, "n", 5, 9, &number, fault),
		0);
	assert_int_equal(number, 5);
	assert_int_equal(
		api_body_read_number((const uint8_t *)"{\"n\":9}", 7, "n", 5, 9, &number, fault),
		0);
	assert_int_equal(number, 9);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fault[0] = '\0';
		assert_int_equal(api_body_read_number((const uint8_t *)bad[i], strlen(bad[i]), "n",
					 5, 9, &number, fault),
			-EINVAL);
		assert_int_not_equal(fault[0], '\0');
	}
	assert_int_equal(number, 9);
}

static int read_words(const char *body, size_t most, struct api_words *ret_words)
{
	fault[0] = '\0';
	return api_body_read_words((const uint8_t *)body, strlen(body), most, ret_words, fault);
}

static void test_words(void **state)
{
	static const struct {
		const char *body;
		struct slice text;
		struct slice from;
	} rows[] = {
		{"{\"text\":\"hi\"}", {"hi", 2}, {"", 0}},
		{"{\"from\":\"x\",\"text\":\"a\\u0000b\"}", {"a\0b", 3}, {"x", 1}},
		{"{\"text\":\"\",\"from\":\"\xe4\xb8\xad\"}", {"", 0}, {"\xe4\xb8\xad", 3}},
	};
	static const struct {
		const char *body;
		const char *fault;
	} bad[] = {
		{"{}", "\"text\" is needed"},
		{"{\"text\":\"x\",\"packet\":{\"command\":102}}", "not a \"packet\""},
		{"{\"text\":1}", "must be a string"},
		{"{\"text\":\"x\",\"from\":\"\"}", "\"from\" is not a name"},
		{"{\"text\":\"x\",\"to\":\"y\"}", "\"to\" is unknown"},
		{"[]", "an object is needed"},
	};
	struct api_words words;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_words(rows[i].body, 3, &words), 0);
		assert_true(slice_equals(
			(struct slice){(const char *)words.text, words.text_len}, rows[i].text));
		assert_true(slice_equals(words.from, rows[i].from));
		free(words.text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_words(bad[i].body, 3, &words), -EINVAL);
		assert_non_null(strstr(fault, bad[i].fault));
	}
	/* The name does not count. */
	assert_int_equal(read_words("{\"text\":\"four\",\"from\":\"x\"}", 3, &words), -EMSGSIZE);
}

/* The library shows where it has stopped, and cuts that in the middle of a character. */
static void test_a_fault_is_utf8(void **state)
{
	static const char escapes[] = "\\\\";
	char body[300];
	for (int fill = 0; fill < 40; fill++) {
		int at = snprintf(body, sizeof(body), "{\"text\":\"\\u\xda\xbe");
		for (int i = 0; i < fill; i++) {
			at += snprintf(body + at, sizeof(body) - (size_t)at, "%s", escapes);
		}
		snprintf(body + at, sizeof(body) - (size_t)at, "\xd1\x91\xd1\x91\"}");
		expect_fault(body, "not JSON");
		assert_true(utf8_valid((const uint8_t *)fault, strlen(fault)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_many_parts),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_a_fault_is_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
