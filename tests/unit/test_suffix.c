#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/suffix.h"
#include "split.h"

static void names_the_user(void **state)
{
	uint8_t written[32];
	uint8_t *end = suffix_write(written, "alice", 5);

	assert_int_equal(end - written, suffix_len(5));
	assert_int_equal(suffix_len(5), strlen(" -- FROM alice"));
	assert_memory_equal(written, " -- FROM alice", suffix_len(5));
}

static void splits_at_the_last_mark_with_a_name(void **state)
{
	static const struct {
		const char *line;
		const char *text;
		const char *user; /* NULL: there is none */
	} rows[] = {
		{"hello -- FROM alice", "hello", "alice"},
		{"a -- FROM b -- FROM c", "a -- FROM b", "c"},
		{" -- FROM b", "", "b"},
		{"a -- FROM -- FROM b", "a -- FROM", "b"},
		{"a -- FROM  -- FROM ", "a", " -- FROM "},
		{"a -- FROM ", NULL, NULL},
		{"a -- FROM", NULL, NULL},
		{"a-- FROM b", NULL, NULL},
		{"a", NULL, NULL},
		{"", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].line);
		char *line = split_copy(rows[i].line, len);
		struct slice text = {NULL, 7};
		struct slice user = {NULL, 7};

		assert_int_equal(suffix_split((struct slice){line, len}, &text, &user),
			rows[i].user != NULL);
		if (rows[i].user) {
			assert_int_equal(text.len, strlen(rows[i].text));
			assert_memory_equal(text.data, rows[i].text, text.len);
			assert_int_equal(user.len, strlen(rows[i].user));
			assert_memory_equal(user.data, rows[i].user, user.len);
		} else {
			assert_int_equal(text.len + user.len, 14);
		}
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_user),
		cmocka_unit_test(splits_at_the_last_mark_with_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
