#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/query.h"
#include "split.h"

enum {
	VALUE_MAX = 8,
};

struct row {
	const char *query;
	const char *value; /* of `key`; NULL: `err` instead */
	int err;
};

static const struct row rows[] = {
	{"key=a", "a", 0},
	{"key=", "", 0},
	{"key", "", 0},
	{"x&key&y", "", 0},
	{"x=1&key=alice&y=2", "alice", 0},
	{"&&key=a&&", "a", 0},
	{"key=a+b%20c", "a+b c", 0},
	{"key=a%26b%3Dc%25", "a&b=c%", 0},
	{"key=a=b?c", "a=b?c", 0},
	{"key=%e6%BD%ae", "\xe6\xbd\xae", 0},
	{"k%65y=a", "a", 0},
	{"%6b%65%79=a", "a", 0},
	{"Key=b&keys=c&ke=d&xkey=e&%zz=f&key%=g&key%7=h&key=a", "a", 0},
	{"key=12345678", "12345678", 0},
	{"key=1234567%38", "12345678", 0},
	{"", NULL, -ENOENT},
	{"&=&", NULL, -ENOENT},
	{"Key=a&xkey=b", NULL, -ENOENT},
	{"ke%79s=a", NULL, -ENOENT},
	{"key=a&key=a", NULL, -EEXIST},
	{"key=a&x&k%65y", NULL, -EEXIST},
	{"key&key&key", NULL, -EEXIST},
	{"key=%&key=a", NULL, -EEXIST},
	{"key=%", NULL, -EBADMSG},
	{"key=a%4", NULL, -EBADMSG},
	{"key=%&4", NULL, -EBADMSG},
	{"key=%4g", NULL, -EBADMSG},
	{"key=%g4", NULL, -EBADMSG},
	{"key=%%41", NULL, -EBADMSG},
	{"key=123456789", NULL, -EMSGSIZE},
	{"key=12345678%39", NULL, -EMSGSIZE},
};

/* In memory of its very size, so that a read beyond is seen. */
static int find(const char *query, size_t len, char ret_value[VALUE_MAX])
{
	char *copy = split_copy(query, len);
	int found = query_find((struct slice){copy, len}, SLICE("key"), ret_value, VALUE_MAX);
	free(copy);
	return found;
}

static void the_one_value_is_found_and_decoded(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		char value[VALUE_MAX];
		int found = find(row->query, strlen(row->query), value);

		if (row->value) {
			assert_int_equal(found, strlen(row->value));
			assert_memory_equal(value, row->value, strlen(row->value));
		} else {
			assert_int_equal(found, row->err);
		}
	}
}

static void a_nul_is_a_byte(void **state)
{
	char value[VALUE_MAX] = "x";

	assert_int_equal(find("key=%00a", 8, value), 2);
	assert_memory_equal(value, "\0a", 2);
}

/* A decoder of whole texts knows pieces as texts that are shorter: each beginning has the value
 * that stands in it, or its end is within an escape. */
static void each_beginning_is_a_query(void **state)
{
	static const char query[] = "x=%41&key=%41b%43";
	static const struct {
		size_t len;
		int found;
	} steps[] = {
		{0, -ENOENT}, {9, 0}, {11, -EBADMSG}, {13, 1}, {14, 2}, {15, -EBADMSG}, {17, 3}};
	size_t step = 0;

	for (size_t len = 0; len < sizeof(query); len++) {
		char value[VALUE_MAX];
		if (step + 1 < sizeof(steps) / sizeof(steps[0]) && len == steps[step + 1].len) {
			step++;
		}
		int found = find(query, len, value);
		assert_int_equal(found, steps[step].found);
		if (found > 0) {
			assert_memory_equal(value, "AbC", found);
		}
	}
}

/* What parts a query means nothing in another part of a target. */
static void a_part_is_decoded_as_a_whole(void **state)
{
	char text[VALUE_MAX];

	assert_int_equal(query_decode(SLICE("%41=b&c+"), text, sizeof(text)), 6);
	assert_memory_equal(text, "A=b&c+", 6);
	assert_int_equal(query_decode(SLICE(""), text, sizeof(text)), 0);
	assert_int_equal(query_decode(SLICE("a%4"), text, sizeof(text)), -EBADMSG);
	assert_int_equal(query_decode(SLICE("123456789"), text, sizeof(text)), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_value_is_found_and_decoded),
		cmocka_unit_test(a_nul_is_a_byte),
		cmocka_unit_test(each_beginning_is_a_query),
		cmocka_unit_test(a_part_is_decoded_as_a_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
