/* The row in which somebody types, as it is written to the terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/chat_prompt.h"
#include "split.h"

static void type(struct edit *edit, const char *text)
{
	edit_apply(edit, &(struct key){.kind = KEY_TEXT, .text = text, .len = strlen(text)});
}

static void press(struct edit *edit, enum key_kind kind)
{
	edit_apply(edit, &(struct key){.kind = kind});
}

static struct edit *begin(void)
{
	struct edit *edit = calloc(1, sizeof(*edit));
	assert_non_null(edit);
	return edit;
}

static void end(struct edit *edit)
{
	edit_finish(edit);
	free(edit);
}

/* What prompt_show() writes, on a terminal of so many columns. */
static void expect_shown(struct prompt *prompt, const char *expected)
{
	prompt->is_stale = true;
	prompt_show(prompt);
	char shown[256] = "";
	if (output_len(prompt->output) > 0) {
		snprintf(shown, sizeof(shown), "%.*s", (int)output_len(prompt->output),
			prompt->output->data + prompt->output->begin);
	}
	assert_string_equal(shown, expected);
	prompt->output->begin = prompt->output->end = 0;
}

static void a_row_shows_the_part_with_the_cursor(void **state)
{
	struct edit *edit = begin();
	struct output output = OUTPUT_EMPTY;
	struct prompt prompt = {.edit = edit, .output = &output, .columns = 13, .is_on = true};

	expect_shown(&prompt, "\r> \x1b[K");
	type(edit, "abc");
	expect_shown(&prompt, "\r> abc\x1b[K");
	press(edit, KEY_LEFT);
	expect_shown(&prompt, "\r> abc\x1b[K\x1b[1D");
	press(edit, KEY_END);
	type(edit, "defghij");
	expect_shown(&prompt, "\r> abcdefghij\x1b[K");
	type(edit, "k");
	expect_shown(&prompt, "\r> bcdefghijk\x1b[K");
	press(edit, KEY_BACKSPACE);
	expect_shown(&prompt, "\r> abcdefghij\x1b[K");
	press(edit, KEY_HOME);
	type(edit, "\xe4\xb8\xad");
	expect_shown(&prompt, "\r> \xe4\xb8\xad"
			      "abcdefgh\x1b[K\x1b[8D");
	/* A wide letter is not cut. */
	press(edit, KEY_END);
	expect_shown(&prompt, "\r> abcdefghij\x1b[K");
	press(edit, KEY_LEFT);
	expect_shown(&prompt, "\r> abcdefghij\x1b[K\x1b[1D");
	/* Some of what stands before the cursor is shown with it. */
	for (unsigned i = 0; i < 9; i++) {
		press(edit, KEY_LEFT);
	}
	expect_shown(&prompt, "\r> \xe4\xb8\xad"
			      "abcdefgh\x1b[K\x1b[8D");
	output_finish(&output);
	end(edit);
}

static void a_row_comes_and_goes(void **state)
{
	struct edit *edit = begin();
	struct output output = OUTPUT_EMPTY;
	struct prompt prompt = {.edit = edit, .output = &output, .columns = 20};

	type(edit, "0123456789");
	expect_shown(&prompt, ""); /* off */
	prompt_hide(&prompt);
	expect_shown(&prompt, "");
	prompt.is_on = true;
	expect_shown(&prompt, "\r> 0123456789\x1b[K");
	prompt_show(&prompt); /* as it is */
	assert_int_equal(output_len(&output), 0);
	prompt_hide(&prompt);
	prompt_hide(&prompt);
	expect_shown(&prompt, "\r\x1b[K\r> 0123456789\x1b[K");
	/* Of one row the narrower terminal has made three. */
	prompt_resize(&prompt, 5);
	expect_shown(&prompt, "\x1b[2A\r\x1b[J\r6789\x1b[K");
	prompt_resize(&prompt, 1);
	expect_shown(&prompt, "\x1b[4A\r\x1b[J\r\x1b[K");
	prompt_resize(&prompt, 80);
	expect_shown(&prompt, "\r\x1b[J\r> 0123456789\x1b[K");
	output_finish(&output);
	end(edit);
}

/* Whatever is typed into whatever width, the cursor is on the row. */
static void the_cursor_never_leaves_the_row(void **state)
{
	static const char *const pieces[] = {"a", "\xe4\xb8\xad", "e\xcc\x81", "\xff", "\xe4",
		"\xb8", "\xad", "\t", "\xcc\x81", " ", "\x1b", "\xe2\x80\xae"};
	struct output output = OUTPUT_EMPTY;
	uint32_t random = 1;

	for (unsigned columns = 1; columns < 16; columns++) {
		struct edit *edit = begin();
		struct prompt prompt = {
			.edit = edit, .output = &output, .columns = columns, .is_on = true};
		for (unsigned step = 0; step < 2000; step++) {
			const unsigned drawn = split_random(&random) >> 8;
			if (drawn % 2) {
				type(edit, pieces[drawn / 2 % 12]);
			} else {
				press(edit, KEY_LEFT + drawn / 2 % (KEY_REDRAW - KEY_LEFT));
			}
			if (drawn % 64 == 0) {
				edit_enter(edit);
			}
			prompt.is_stale = true;
			prompt_show(&prompt);
			assert_true(prompt.first <= edit->len);
			assert_true(edit->cursor <= edit->len);
			assert_true(prompt.cursor_column < columns);
			output.begin = output.end = 0;
		}
		end(edit);
	}
	output_finish(&output);
}

static int know_widths(void **state)
{
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_shows_the_part_with_the_cursor),
		cmocka_unit_test(a_row_comes_and_goes),
		cmocka_unit_test(the_cursor_never_leaves_the_row),
	};
	return cmocka_run_group_tests(tests, know_widths, NULL);
}
