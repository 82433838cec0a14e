/* The line that is typed, by its keys. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/chat_edit.h"

static void type(struct edit *edit, const char *text)
{
	edit_apply(edit, &(struct key){.kind = KEY_TEXT, .text = text, .len = strlen(text)});
}

static void press(struct edit *edit, enum key_kind kind)
{
	edit_apply(edit, &(struct key){.kind = kind});
}

/* `expected` has a bar where the cursor is. */
static void expect(const struct edit *edit, const char *expected)
{
	char shown[256];

	snprintf(shown, sizeof(shown), "%.*s|%.*s", (int)edit->cursor, edit->text,
		(int)(edit->len - edit->cursor), edit->text + edit->cursor);
	assert_string_equal(shown, expected);
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

static void keys_move_and_cut(void **state)
{
	static const struct {
		const char *before; /* with a bar */
		enum key_kind kind;
		const char *after;
	} rows[] = {
		{"|", KEY_LEFT, "|"},
		{"|", KEY_RIGHT, "|"},
		{"|", KEY_BACKSPACE, "|"},
		{"|", KEY_DELETE, "|"},
		{"|", KEY_WORD_LEFT, "|"},
		{"|", KEY_WORD_RIGHT, "|"},
		{"|", KEY_CUT_WORD, "|"},
		{"|", KEY_CUT_LEFT, "|"},
		{"|", KEY_CUT_RIGHT, "|"},
		{"|", KEY_OLDER, "|"},
		{"|", KEY_NEWER, "|"},
		{"ab|c", KEY_LEFT, "a|bc"},
		{"ab|c", KEY_RIGHT, "abc|"},
		{"ab|c", KEY_HOME, "|abc"},
		{"ab|c", KEY_END, "abc|"},
		{"ab|c", KEY_BACKSPACE, "a|c"},
		{"ab|c", KEY_DELETE, "ab|"},
		{"a|bc", KEY_LEAVE, "a|c"},
		{"ab|c", KEY_CUT_LEFT, "|c"},
		{"ab|c", KEY_CUT_RIGHT, "ab|"},
		{"ab|c", KEY_REDRAW, "ab|c"},
		{"one  two|", KEY_WORD_LEFT, "one  |two"},
		{"one  |two", KEY_WORD_LEFT, "|one  two"},
		{"one|  two", KEY_WORD_RIGHT, "one  two|"},
		{"|one two", KEY_WORD_RIGHT, "one| two"},
		{"one two  |x", KEY_CUT_WORD, "one |x"},
		{"  |x", KEY_CUT_WORD, "|x"},
		{"\xe4\xb8\xad|", KEY_LEFT, "|\xe4\xb8\xad"},
		{"\xe4\xb8\xad|", KEY_BACKSPACE, "|"},
		{"e\xcc\x81|", KEY_BACKSPACE, "|"},
		{"|e\xcc\x81x", KEY_RIGHT, "e\xcc\x81|x"},
		{"|e\xcc\x81x", KEY_DELETE, "|x"},
		{"\xe4\xb8|", KEY_BACKSPACE, "\xe4|"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct edit *edit = begin();
		const char *bar = strchr(rows[i].before, '|');
		type(edit, bar + 1);
		edit->cursor = 0;
		edit_apply(edit, &(struct key){.kind = KEY_TEXT,
					 .text = rows[i].before,
					 .len = (size_t)(bar - rows[i].before)});
		expect(edit, rows[i].before);
		press(edit, rows[i].kind);
		expect(edit, rows[i].after);
		end(edit);
	}
}

static void what_has_no_space_is_left_out(void **state)
{
	struct edit *edit = begin();
	char text[1001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < 70; i++) {
		type(edit, text);
	}
	assert_int_equal(edit->len, EDIT_SIZE);
	assert_int_equal(edit->cursor, EDIT_SIZE);
	press(edit, KEY_HOME);
	type(edit, "y");
	assert_int_equal(edit->len, EDIT_SIZE);
	assert_int_equal(edit->cursor, 0);
	press(edit, KEY_CUT_RIGHT);
	type(edit, "y");
	expect(edit, "y|");
	end(edit);
}

static void lines_of_before_are_kept_in_order(void **state)
{
	struct edit *edit = begin();
	char text[16];

	for (unsigned i = 0; i < EDIT_PAST_MAX + 10; i++) {
		snprintf(text, sizeof(text), "line %u", i);
		type(edit, text);
		edit_enter(edit);
		expect(edit, "|");
		edit_enter(edit); /* an empty line is none */
	}
	type(edit, "begun");
	for (unsigned i = 0; i < EDIT_PAST_MAX; i++) {
		press(edit, KEY_OLDER);
		snprintf(text, sizeof(text), "line %u|", EDIT_PAST_MAX + 9 - i);
		expect(edit, text);
	}
	press(edit, KEY_OLDER);
	expect(edit, "line 10|");
	for (unsigned i = 0; i < EDIT_PAST_MAX; i++) {
		press(edit, KEY_NEWER);
	}
	expect(edit, "begun|");
	press(edit, KEY_NEWER);
	expect(edit, "begun|");
	press(edit, KEY_OLDER);
	type(edit, "!");
	edit_enter(edit);
	press(edit, KEY_NEWER);
	expect(edit, "|");
	press(edit, KEY_OLDER);
	expect(edit, "line 59!|");
	end(edit);
}

static int know_widths(void **state)
{
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_move_and_cut),
		cmocka_unit_test(what_has_no_space_is_left_out),
		cmocka_unit_test(lines_of_before_are_kept_in_order),
	};
	return cmocka_run_group_tests(tests, know_widths, NULL);
}
