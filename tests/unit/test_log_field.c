#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/log_field.h"

enum {
	ROOM = 256,
};

/* Puts the fields where so many bytes are free, and nothing behind them. */
static const char *put(const struct log_field *fields, size_t count, size_t room)
{
	static char text[ROOM + 2];
	struct log_span span = {text, text + room};

	memset(text, '#', sizeof(text));
	log_fields_put(&span, fields, count);
	assert_in_range(span.at - text, 0, room);
	assert_int_equal(text[room], '#');
	assert_ptr_equal(span.end, text + room);
	*span.at = '\0';
	return text;
}

static void check(const struct log_field *field, const char *expected)
{
	assert_string_equal(put(field, 1, ROOM), expected);
}

static void test_kinds(void **state)
{
	const struct log_field members[] = {
		LOG_FIELD_NUMBER("a", 1), LOG_FIELD_TEXT("b", "x"), LOG_FIELD_NUMBER("c", 3)};

	check(&(struct log_field)LOG_FIELD_TEXT("user", "a \"b\" \n"),
		",\"user\":\"a \\\"b\\\" \\u000a\"");
	check(&(struct log_field)LOG_FIELD_TEXT("user", ""), ",\"user\":\"\"");
	check(&(struct log_field)LOG_FIELD_TEXT("user", NULL), "");
	check(&(struct log_field)LOG_FIELD_NUMBER("code", 0), ",\"code\":0");
	check(&(struct log_field)LOG_FIELD_NUMBER("code", UINT64_MAX),
		",\"code\":18446744073709551615");
	check(&(struct log_field)LOG_FIELD_OBJECT("ends", members, 3),
		",\"ends\":{\"a\":1,\"b\":\"x\",\"c\":3}");
	check(&(struct log_field)LOG_FIELD_ARRAY("urls", members, 3), ",\"urls\":[1,\"x\",3]");
	check(&(struct log_field)LOG_FIELD_OBJECT("ends", NULL, 0), ",\"ends\":{}");
	check(&(struct log_field)LOG_FIELD_ARRAY("urls", NULL, 0), ",\"urls\":[]");
}

/* Brackets and quotes that are open behind `text`; -1 when they do not fit each other. */
static int open_ends(const char *text)
{
	char open[16];
	int depth = 0;
	bool is_inside = false;

	for (; *text; text++) {
		if (*text == '"') {
			is_inside = !is_inside;
		} else if (!is_inside && (*text == '{' || *text == '[')) {
			open[depth++] = *text == '{' ? '}' : ']';
		} else if (!is_inside && (*text == '}' || *text == ']') &&
			   (depth == 0 || open[--depth] != *text)) {
			return -1;
		}
	}
	return depth + is_inside;
}

/* Whatever room there is, what stands there is whole: no comma or colon without what follows. */
static void test_what_does_not_fit_is_left_out(void **state)
{
	const struct log_field reasons[] = {LOG_FIELD_NUMBER("peer_eof", 123456),
		LOG_FIELD_NUMBER("kicked", 7), LOG_FIELD_TEXT("words", "some words of it")};
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("user", "somebody with a name"),
		LOG_FIELD_OBJECT("reasons", reasons, 3),
		LOG_FIELD_NUMBER("users", 99),
		LOG_FIELD_ARRAY("list", reasons, 3),
	};
	size_t longest = strlen(put(fields, 4, ROOM));

	for (size_t room = 0; room <= longest; room++) {
		const char *text = put(fields, 4, room);
		assert_int_equal(open_ends(text), 0);
		assert_null(strstr(text, ",,"));
		assert_null(strstr(text, ",}"));
		assert_null(strstr(text, ",]"));
		assert_null(strstr(text, "{,"));
		assert_null(strstr(text, "[,"));
		assert_null(strstr(text, ":,"));
		assert_null(strstr(text, ":}"));
		assert_true(text[0] == '\0' || text[0] == ',');
		assert_true(text[0] == '\0' || !strchr(",:", text[strlen(text) - 1]));
	}
	/* A long one makes place for those behind it. */
	assert_string_equal(put(fields, 4, 14), ",\"users\":99");
	assert_string_equal(put(fields, 1, 20), ",\"user\":\"somebod...\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_what_does_not_fit_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
