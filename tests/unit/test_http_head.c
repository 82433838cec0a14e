#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../proto/http_head.h"
#include "heads.h"
#include "split.h"

enum {
	LIMIT = 4096, /* bytes that a head may have here */
};

#define REQUEST "GET /?user=a HTTP/1.1\r\nHost: a\r\nX-B:\t b c \r\nX-Empty:\r\n\r\n"
#define ANSWER  "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 9\r\n\r\n"

static const struct {
	enum http_head_kind kind;
	const char *head;
} samples[] = {
	{HTTP_HEAD_REQUEST, REQUEST},
	{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\n\r\n"},
	{HTTP_HEAD_REQUEST,
		"!#$%&'*+-.^_`|~09azAZ /!\"$%?@[\\]^{|}~ HTTP/9.0\r\n!#$%&'*+-.^_`|~0:\r\n\r\n"},
	{HTTP_HEAD_REQUEST, "GET /\xe6\xbd\xae?user=\x80\xff HTTP/1.1\r\n\r\n"},
	{HTTP_HEAD_REQUEST, "A a HTTP/1.1\r\nA:\t !~\x80\xff\r\nA:\r\n\r\n"},
	{HTTP_HEAD_ANSWER, ANSWER},
	{HTTP_HEAD_ANSWER, "HTTP/1.1 101\r\n\r\n"},
	{HTTP_HEAD_ANSWER, "HTTP/1.0 999 \r\n\r\n"},
	{HTTP_HEAD_ANSWER, "HTTP/0.9 000 \t !~\x80\xff\r\nA:b\r\n\r\n"},
};

/* --- the end -----------------------------------------------------------------------------------
 */

static void heads_are_found_however_they_are_cut(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		heads_find(samples[i].kind, LIMIT, samples[i].head);
	}
}

static void garbage_is_told_at_its_first_bad_byte(void **state)
{
	static const struct {
		enum http_head_kind kind;
		const char *data;
		size_t good; /* bytes that could still begin a head */
	} garbage[] = {
		{HTTP_HEAD_REQUEST, "\x16\x03\x01\x02", 0}, /* a TLS hello */
		{HTTP_HEAD_REQUEST, "\x80\x2e\x01", 0},     /* an old one */
		{HTTP_HEAD_REQUEST, "\xff\xff", 0},
		{HTTP_HEAD_REQUEST, " GET / HTTP/1.1\r\n", 0},
		{HTTP_HEAD_REQUEST, "\r\nGET / HTTP/1.1\r\n", 0},
		{HTTP_HEAD_REQUEST, "\n", 0},
		{HTTP_HEAD_REQUEST, "(", 0},
		{HTTP_HEAD_REQUEST, "SSH-2.0-OpenSSH\r\n", 15},
		{HTTP_HEAD_REQUEST, "EHLO a\r\n", 6},
		{HTTP_HEAD_REQUEST, "GET\t/ HTTP/1.1", 3},
		{HTTP_HEAD_REQUEST, "GET\r\n", 3},
		{HTTP_HEAD_REQUEST, "GET  / HTTP/1.1", 4},
		{HTTP_HEAD_REQUEST, "GET /\r\n", 5}, /* HTTP/0.9 */
		{HTTP_HEAD_REQUEST, "GET /\n", 5},
		{HTTP_HEAD_REQUEST, "GET / \r\n", 6},
		{HTTP_HEAD_REQUEST, "GET /# HTTP/1.1", 5},
		{HTTP_HEAD_REQUEST, "GET /a b HTTP/1.1", 7},
		{HTTP_HEAD_REQUEST, "GET /\x7f HTTP/1.1", 5},
		{HTTP_HEAD_REQUEST, "GET /\x01 HTTP/1.1", 5},
		{HTTP_HEAD_REQUEST, "GET / http/1.1", 6},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1,1", 12},
		{HTTP_HEAD_REQUEST, "GET / HTTP/11.1", 12},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.10", 14},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1 \r\n", 14},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\n", 14},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\rX", 15},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\n: b\r\n", 16},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\n a: b\r\n", 16},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\n\rX", 17},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\n\r\r", 17},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na\r\n", 17},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na : b\r\n",
			17},                                          /* a space before the colon */
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: b\n", 20},  /* a bare LF */
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: b\rc", 21}, /* a bare CR */
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: b\r\n c\r\n", 22}, /* obs-fold */
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: b\r\n\tc\r\n", 22},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: \x01\r\n", 19},
		{HTTP_HEAD_REQUEST, "GET / HTTP/1.1\r\na: \x7f\r\n", 19},
		{HTTP_HEAD_ANSWER, "SSH-2.0", 0},
		{HTTP_HEAD_ANSWER, "HTTQ", 3},
		{HTTP_HEAD_ANSWER, "http/1.1", 0},
		{HTTP_HEAD_ANSWER, "HTTP/1,1", 6},
		{HTTP_HEAD_ANSWER, "HTTP/11.1", 6},
		{HTTP_HEAD_ANSWER, "HTTP/1.1  101", 9},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 1O1", 10},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 1010", 12},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\n", 14},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 \x01", 13},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\r", 15},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\n a: b", 16},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\na : b", 17},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\n: b", 16},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\na\r", 17},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\na: \x7f", 19},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\na: b\n", 20},
		{HTTP_HEAD_ANSWER, "HTTP/1.1 101 X\r\na: b\r\n\rx", 23},
	};

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		size_t len = strlen(garbage[i].data);
		struct http_head_scan scan = {.state = garbage[i].kind};
		struct slice head = {NULL, 4711};
		for (size_t fed = 1; fed <= len; fed++) {
			char *copy = split_copy(garbage[i].data, fed);
			enum http_head_progress wanted =
				fed <= garbage[i].good ? HTTP_HEAD_MORE : HTTP_HEAD_MALFORMED;
			if (http_head_scan(&scan, copy, fed, LIMIT, &head) != wanted) {
				fail_msg("%zu bytes of case %zu", fed, i);
			}
			free(copy);
		}
		assert_int_equal(head.len, 4711);
	}
}

static void a_nul_is_malformed_wherever_it_stands(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t len = strlen(samples[i].head);
		for (size_t at = 0; at < len; at++) {
			struct http_head_scan scan = {.state = samples[i].kind};
			struct slice head;
			char *copy = split_copy(samples[i].head, len);
			copy[at] = '\0';
			assert_int_equal(http_head_scan(&scan, copy, len, LIMIT, &head),
				HTTP_HEAD_MALFORMED);
			free(copy);
		}
	}
}

/* Bytes are looked at eight at a time where there are so many: each is judged alike wherever it
 * stands, in a target and in a value. */
static void each_byte_is_judged_alike_wherever_it_stands(void **state)
{
	static const char *const fronts[] = {"GET /", "GET / HTTP/1.1\r\nA: "};
	for (unsigned byte = 0; byte < 256; byte++) {
		const bool ends_target = byte == ' ';
		const bool ends_value = byte == '\r';
		const bool is_no_text = (byte < ' ' && byte != '\t') || byte == 0x7f;
		const bool wrongs[] = {
			!ends_target && (byte <= ' ' || byte == '#' || byte == 0x7f),
			!ends_value && is_no_text,
		};
		for (size_t i = 0; i < 2 * (size_t)24; i++) {
			const size_t front_len = strlen(fronts[i % 2]);
			struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
			struct slice head;
			char text[64];
			memcpy(text, fronts[i % 2], front_len);
			memset(text + front_len, 'x', 24);
			text[front_len + i / 2] = (char)byte;
			const size_t len = front_len + i / 2 + 1;
			assert_int_equal(http_head_scan(&scan, text, len, len + 24, &head),
				wrongs[i % 2] ? HTTP_HEAD_MALFORMED : HTTP_HEAD_MORE);
			scan = (struct http_head_scan){.state = HTTP_HEAD_REQUEST};
			const bool is_over = i % 2 ? ends_value : ends_target;
			assert_int_equal(http_head_scan(&scan, text, front_len + 24, 64, &head),
				wrongs[i % 2] || (is_over && i / 2 < 23) ? HTTP_HEAD_MALFORMED
									 : HTTP_HEAD_MORE);
		}
	}
}

static void seen_bytes_are_not_looked_at_again(void **state)
{
	char data[] = REQUEST;
	struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
	struct slice head;

	for (size_t len = 1; len < sizeof(data) - 1; len++) {
		assert_int_equal(http_head_scan(&scan, data, len, LIMIT, &head), HTTP_HEAD_MORE);
		data[len - 1] = '\0';
	}
	assert_int_equal(
		http_head_scan(&scan, data, sizeof(data) - 1, LIMIT, &head), HTTP_HEAD_COMPLETE);
	assert_int_equal(head.len, sizeof(data) - 1);
}

static void bytes_behind_the_head_are_left_alone(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t head_len = strlen(samples[i].head);
		char data[512];
		size_t len = (size_t)snprintf(
			data, sizeof(data), "%s\x81\x80zzzz\r\n\r\n", samples[i].head);
		struct http_head_scan scan = {.state = samples[i].kind};

		/* And it stays so. */
		for (int round = 0; round < 2; round++) {
			struct slice head = {NULL, 0};
			assert_int_equal(
				http_head_scan(&scan, data, len, LIMIT, &head), HTTP_HEAD_COMPLETE);
			assert_ptr_equal(head.data, data);
			assert_int_equal(head.len, head_len);
		}
	}
}

static void a_head_may_have_as_many_bytes_as_the_limit(void **state)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t len = strlen(samples[i].head);
		for (size_t limit = 0; limit <= len; limit++) {
			struct http_head_scan scan = {.state = samples[i].kind};
			struct slice head;
			if (limit > 0) {
				assert_int_equal(http_head_scan(&scan, samples[i].head, limit - 1,
							 limit, &head),
					HTTP_HEAD_MORE);
			}
			assert_int_equal(http_head_scan(&scan, samples[i].head, len, limit, &head),
				limit < len ? HTTP_HEAD_TOO_LONG : HTTP_HEAD_COMPLETE);
		}
	}
}

/* As a reload makes it. */
static void a_limit_that_becomes_lower_holds_at_once(void **state)
{
	const size_t len = strlen(REQUEST);
	for (size_t fed = 2; fed < len; fed++) {
		struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
		struct slice head;
		assert_int_equal(http_head_scan(&scan, REQUEST, fed, LIMIT, &head), HTTP_HEAD_MORE);
		assert_int_equal(
			http_head_scan(&scan, REQUEST, len, fed - 1, &head), HTTP_HEAD_TOO_LONG);
	}
}

/* --- what is wrong -----------------------------------------------------------------------------
 */

static void faults_are_told(void **state)
{
	static const struct {
		const char *data;
		const char *words;
	} faults[] = {
		{"\xff", "no HTTP request"},
		{"(", "no HTTP request"},
		{"GET\t/ HTTP/1.1", "no HTTP request"},
		{"GET  / HTTP/1.1", "must be percent-encoded"},
		{"GET /\x7f HTTP/1.1", "must be percent-encoded"},
		{"GET /# HTTP/1.1", "must be percent-encoded"},
		{"GET /\r\n\r\n", "does not end in a version of HTTP"},
		{"GET /?user=a b HTTP/1.1", "its target holds a blank"},
		{"GET / HTTP/1.1 \r\n", "does not end in a version of HTTP"},
		{"GET / HTTP/1.1\n", "ends in LF alone"},
		{"GET / HTTP/1.1\r\na: b\n", "ends in LF alone"},
		{"GET / HTTP/1.1\rX", "ends in CR alone"},
		{"GET / HTTP/1.1\r\na: b\r\n\rX", "ends in CR alone"},
		{"GET / HTTP/1.1\r\na: b\r\n c\r\n", "folded"},
		{"GET / HTTP/1.1\r\na: b\r\n\tc\r\n", "folded"},
		{"GET / HTTP/1.1\r\n: b\r\n", "what no name begins with"},
		{"GET / HTTP/1.1\r\na : b\r\n", "name holds a wrong byte"},
		{"GET / HTTP/1.1\r\na\r\n", "no colon"},
		{"GET / HTTP/1.1\r\na: \x01\r\n", "control character"},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const size_t len = strlen(faults[i].data);
		char *copy = split_copy(faults[i].data, len);
		const char *fault = http_head_fault((struct slice){copy, len});
		free(copy);
		if (!strstr(fault, faults[i].words)) {
			fail_msg("\"%s\" of case %zu", fault, i);
		}
	}
}

/* --- the parts ---------------------------------------------------------------------------------
 */

static void expect(struct slice slice, const char *text)
{
	assert_int_equal(slice.len, strlen(text));
	assert_memory_equal(slice.data, text, slice.len);
}

/* `parts` are the three of the first line, then name and value of each field, and NULL. */
static void expect_parts(const char *text, const char *const *parts)
{
	char *copy = split_copy(text, strlen(text));
	struct slice rest = {copy, strlen(text)};
	struct slice line[3];
	struct slice name;
	struct slice value;

	http_head_cut_line(&rest, line);
	for (int i = 0; i < 3; i++) {
		expect(line[i], *parts++);
	}
	while (http_head_cut_field(&rest, &name, &value)) {
		assert_non_null(*parts);
		expect(name, *parts++);
		expect(value, *parts++);
	}
	assert_null(*parts);
	assert_int_equal(rest.len, 0);
	free(copy);
}

static void parts_are_cut_where_they_lie(void **state)
{
	expect_parts(REQUEST, (const char *const[]){"GET", "/?user=a", "HTTP/1.1", "Host", "a",
				      "X-B", "b c", "X-Empty", "", NULL});
	expect_parts(ANSWER, (const char *const[]){"HTTP/1.1", "503", "Service Unavailable",
				     "Retry-After", "9", NULL});
	expect_parts("HTTP/1.1 101\r\n\r\n", (const char *const[]){"HTTP/1.1", "101", "", NULL});
	expect_parts("GET / HTTP/1.1\r\na: b: c\r\n\r\n",
		(const char *const[]){"GET", "/", "HTTP/1.1", "a", "b: c", NULL});
}

static void tokens_are_found_in_lists(void **state)
{
	assert_true(http_list_has(SLICE("a"), SLICE("A")));
	assert_true(http_list_has(SLICE("b ,\tA ,c"), SLICE("a")));
	assert_true(http_list_has(SLICE(",,a,,"), SLICE("a")));
	assert_false(http_list_has(SLICE(""), SLICE("a")));
	assert_false(http_list_has(SLICE("aa, b a, ;a"), SLICE("a")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_found_however_they_are_cut),
		cmocka_unit_test(garbage_is_told_at_its_first_bad_byte),
		cmocka_unit_test(a_nul_is_malformed_wherever_it_stands),
		cmocka_unit_test(each_byte_is_judged_alike_wherever_it_stands),
		cmocka_unit_test(seen_bytes_are_not_looked_at_again),
		cmocka_unit_test(bytes_behind_the_head_are_left_alone),
		cmocka_unit_test(a_head_may_have_as_many_bytes_as_the_limit),
		cmocka_unit_test(a_limit_that_becomes_lower_holds_at_once),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(parts_are_cut_where_they_lie),
		cmocka_unit_test(tokens_are_found_in_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
