/* Lines of an input, whatever pieces it comes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../tools/client/chat_input.h"

enum {
	LINE_MAX_LEN = 5,
	DIARY_SIZE = 256,
};

/* Notes "number:text;" for a line, "number:!;" for one that is too long. */
static void note_lines(struct input *input, char *diary)
{
	struct input_line line;
	struct input_line again;

	while (input_peek(input, &line)) {
		assert_true(input_peek(input, &again));
		assert_ptr_equal(again.data, line.data);
		assert_int_equal(again.len, line.len);
		assert_int_equal(again.number, line.number);
		const size_t len = strlen(diary);
		if (line.is_too_long) {
			snprintf(diary + len, DIARY_SIZE - len, "%u:!;", (unsigned)line.number);
		} else {
			snprintf(diary + len, DIARY_SIZE - len, "%u:%.*s;", (unsigned)line.number,
				(int)line.len, line.data);
		}
		input_drop(input);
	}
}

static void feed(struct input *input, int fd, const char *text, size_t len, char *diary)
{
	if (len > 0) {
		assert_int_equal(write(fd, text, len), len);
		input_read(input);
		note_lines(input, diary);
	}
}

/* `text`, cut in three, reads as `expected`. */
static void check_split(const char *text, size_t first, size_t second, const char *expected)
{
	struct input *input = calloc(1, sizeof(*input));
	char diary[DIARY_SIZE] = "";
	int ends[2];

	assert_non_null(input);
	assert_int_equal(pipe(ends), 0);
	input->fd = ends[0];
	input->line_max = LINE_MAX_LEN;
	feed(input, ends[1], text, first, diary);
	feed(input, ends[1], text + first, second - first, diary);
	feed(input, ends[1], text + second, strlen(text) - second, diary);
	close(ends[1]);
	assert_false(input->is_at_end);
	input_read(input);
	assert_true(input->is_at_end);
	assert_int_equal(input->error, 0);
	note_lines(input, diary);
	assert_string_equal(diary, expected);
	close(ends[0]);
	free(input);
}

static void check(const char *text, const char *expected)
{
	for (size_t second = 0; second <= strlen(text); second++) {
		for (size_t first = 0; first <= second; first++) {
			check_split(text, first, second, expected);
		}
	}
}

static void lines_are_cut_at_their_ends(void **state)
{
	check("", "");
	check("\n", "1:;");
	check("one\ntwo\n", "1:one;2:two;");
	check("\n\na\n", "1:;2:;3:a;");
}

static void the_last_line_needs_no_end(void **state)
{
	check("one", "1:one;");
	check("one\ntwo", "1:one;2:two;");
}

static void long_lines_are_told_from_others(void **state)
{
	check("12345\n", "1:12345;");
	check("123456\n", "1:!;");
	check("1234567890123\nok\n", "1:!;2:ok;");
	check("ok\n123456", "1:ok;2:!;");
	check("123456\n\n123456\n12345", "1:!;2:;3:!;4:12345;");
}

/* More than the buffer holds: its beginning is forgotten. */
static void a_line_may_be_endless(void **state)
{
	struct input *input = calloc(1, sizeof(*input));
	char diary[DIARY_SIZE] = "";
	char piece[4096];
	int ends[2];

	assert_non_null(input);
	assert_int_equal(pipe(ends), 0);
	input->fd = ends[0];
	input->line_max = INPUT_SIZE - 1;
	memset(piece, 'x', sizeof(piece));
	for (size_t len = 0; len < 3 * (size_t)INPUT_SIZE; len += sizeof(piece)) {
		feed(input, ends[1], piece, sizeof(piece), diary);
	}
	feed(input, ends[1], "\nok\n", 4, diary);
	assert_string_equal(diary, "1:!;2:ok;");
	close(ends[0]);
	close(ends[1]);
	free(input);
}

/* Where somebody edits, whole lines are put behind those that wait. */
static void lines_can_be_put_in(void **state)
{
	struct input *input = calloc(1, sizeof(*input));
	struct input_line line;
	char diary[DIARY_SIZE] = "";

	assert_non_null(input);
	input->fd = -1;
	input->line_max = LINE_MAX_LEN;
	assert_int_equal(input_space(input), INPUT_SIZE);
	input_put_line(input, "one", 3);
	input_put_line(input, "", 0);
	assert_int_equal(input_space(input), INPUT_SIZE - 5);
	assert_true(input_peek(input, &line));
	assert_int_equal(line.len, 3);
	input_put_line(input, "123456", 6);
	note_lines(input, diary);
	assert_string_equal(diary, "1:one;2:;3:!;");
	assert_int_equal(input_space(input), INPUT_SIZE);

	/* One behind the other for longer than there is space. */
	for (unsigned i = 0; i < INPUT_SIZE; i++) {
		input_put_line(input, "abc", 3);
		assert_true(input_peek(input, &line));
		assert_memory_equal(line.data, "abc", 3);
		input_drop(input);
	}
	free(input);
}

static void an_error_is_an_end(void **state)
{
	struct input *input = calloc(1, sizeof(*input));
	struct input_line line;

	assert_non_null(input);
	input->fd = -1;
	input->line_max = LINE_MAX_LEN;
	input_read(input);
	assert_true(input->is_at_end);
	assert_true(input->error < 0);
	assert_false(input_peek(input, &line));
	free(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_cut_at_their_ends),
		cmocka_unit_test(the_last_line_needs_no_end),
		cmocka_unit_test(long_lines_are_told_from_others),
		cmocka_unit_test(a_line_may_be_endless),
		cmocka_unit_test(lines_can_be_put_in),
		cmocka_unit_test(an_error_is_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
