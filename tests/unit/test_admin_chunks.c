#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/chunks.h"
#include "split.h"

static char body[32768];
static size_t body_len;
static size_t taken;

/* Gives all that there is, cut as `split` says. Returns 0, or the first error. */
static int64_t give(struct admin_chunks *chunks, const char *data, size_t len, size_t split)
{
	body_len = taken = 0;
	while (taken < len && !admin_chunks_has_ended(chunks)) {
		size_t size = split_piece(split, taken, len);
		char *copy = split_copy(data + taken, size);
		size_t at = 0;
		while (at < size && !admin_chunks_has_ended(chunks)) {
			const char *piece;
			size_t piece_len;
			int64_t step =
				admin_chunks_take(chunks, copy + at, size - at, &piece, &piece_len);
			if (step < 0) {
				free(copy);
				return step;
			}
			assert_in_range(step, 1, size - at);
			memcpy(body + body_len, piece, piece_len);
			body_len += piece_len;
			at += (size_t)step;
		}
		taken += at;
		free(copy);
	}
	return 0;
}

static void expect(const char *data, const char *said, const char *behind)
{
	size_t len = strlen(data);
	for (size_t split = 0; split <= len; split++) {
		struct admin_chunks chunks = {0};
		assert_int_equal(give(&chunks, data, len, split), 0);
		assert_true(admin_chunks_has_ended(&chunks));
		assert_int_equal(body_len, strlen(said));
		assert_memory_equal(body, said, body_len);
		assert_string_equal(data + taken, behind);
	}
}

static void test_bodies(void **state)
{
	expect("0\r\n\r\n", "", "");
	expect("5\r\nhello\r\n0\r\n\r\n", "hello", "");
	expect("1\r\na\r\n00A\r\n0\r\n\r\n56789\r\n0\r\n\r\nGET", "a0\r\n\r\n56789", "GET");
	expect("2;name=\"v\"\r\nab\r\n0;x\r\nA: b\r\nC: d\r\n\r\nrest", "ab", "rest");
	expect("2 \r\nab\r\n0\t\r\n\r\n", "ab", "");
	expect("2 \t; x = y\r\nab\r\n0 ;\r\n\r\n", "ab", "");
}

static void expect_error(const char *data, int error)
{
	size_t len = strlen(data);
	for (size_t split = 0; split <= len; split++) {
		struct admin_chunks chunks = {0};
		assert_int_equal(give(&chunks, data, len, split), error);
	}
}

static void test_what_is_no_chunk(void **state)
{
	static const char *const broken[] = {"\r\n", "x", "-1\r\n", " 1\r\n", "1\n", "1\r\r", "1x",
		"1;\n", "1\r\na\n", "1\r\nab", "0\r\n\n", "0\r\nA\n", "0\r\nA\r\r", "0\r\n\r\r",
		"0x1\r\n", ";\r\n", "1 1\r\n", "1 x\r\n"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		expect_error(broken[i], -EBADMSG);
	}
	expect_error("10000000000000000\r\n", -EMSGSIZE);
}

/* Of a body whose `unit` goes on and on. Returns how many bytes of it are taken. */
static size_t endure(const char *start, const char *unit)
{
	struct admin_chunks chunks = {0};
	assert_int_equal(give(&chunks, start, strlen(start), strlen(start)), 0);
	for (size_t count = 0; count < 1 << 20; count += strlen(unit)) {
		int64_t err = give(&chunks, unit, strlen(unit), strlen(unit));
		assert_false(admin_chunks_has_ended(&chunks));
		if (err) {
			assert_int_equal(err, -EMSGSIZE);
			return count;
		}
	}
	fail_msg("\"%s\" may go on for ever", unit);
	return 0;
}

static void test_what_goes_on_for_ever(void **state)
{
	assert_in_range(endure("", "0"), 1, ADMIN_CHUNK_LINE_MAX);
	assert_in_range(endure("1;", "x"), 1, ADMIN_CHUNK_LINE_MAX);
	assert_in_range(endure("0\r\n", "A: b\r\n"), 1, ADMIN_CHUNK_TRAILER_MAX);
	assert_in_range(endure("0\r\n", "x"), 1, ADMIN_CHUNK_TRAILER_MAX);
}

/* Each chunk's line begins anew. */
static void test_many_chunks(void **state)
{
	struct admin_chunks chunks = {0};
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(give(&chunks, "1\r\na\r\n", 6, 6), 0);
		assert_int_equal(body_len, 1);
	}
	assert_int_equal(give(&chunks, "0\r\n\r\n", 5, 5), 0);
	assert_true(admin_chunks_has_ended(&chunks));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_what_is_no_chunk),
		cmocka_unit_test(test_what_goes_on_for_ever),
		cmocka_unit_test(test_many_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
