#include "chat_edit.h"

#include <stdlib.h>
#include <string.h>

#include "chat_glyph.h"

void edit_finish(struct edit *edit)
{
	for (unsigned i = 0; i < edit->past_count; i++) {
		free(edit->past[i]);
	}
	edit->past_count = 0;
	free(edit->begun);
	edit->begun = NULL;
}

/* --- text ------------------------------------------------------------------------------------ */

static void insert(struct edit *edit, const char *text, size_t len)
{
	const size_t space = EDIT_SIZE - edit->len;
	const size_t step = len < space ? len : space;

	memmove(edit->text + edit->cursor + step, edit->text + edit->cursor,
		edit->len - edit->cursor);
	memcpy(edit->text + edit->cursor, text, step);
	edit->len += step;
	edit->cursor += step;
}

/* Takes [begin, end) out; the cursor is there afterwards. */
static void cut(struct edit *edit, size_t begin, size_t end)
{
	memmove(edit->text + begin, edit->text + end, edit->len - end);
	edit->len -= end - begin;
	edit->cursor = begin;
}

/* --- places ---------------------------------------------------------------------------------- */

static size_t before(const struct edit *edit)
{
	return edit->cursor > 0 ? glyph_before(edit->text, edit->cursor) : 0;
}

static size_t behind(const struct edit *edit)
{
	return glyph_behind(edit->text, edit->len, edit->cursor);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t word_before(const struct edit *edit)
{
	size_t at = edit->cursor;
	while (at > 0 && is_blank(edit->text[at - 1])) {
		at--;
	}
	while (at > 0 && !is_blank(edit->text[at - 1])) {
		at--;
	}
	return at;
}

static size_t word_behind(const struct edit *edit)
{
	size_t at = edit->cursor;
	while (at < edit->len && is_blank(edit->text[at])) {
		at++;
	}
	while (at < edit->len && !is_blank(edit->text[at])) {
		at++;
	}
	return at;
}

/* --- lines of before ------------------------------------------------------------------------- */

static void remember(struct edit *edit)
{
	char *line = strndup(edit->text, edit->len);
	if (!line) {
		return;
	}
	if (edit->past_count == EDIT_PAST_MAX) {
		free(edit->past[0]);
		memmove(edit->past, edit->past + 1, (EDIT_PAST_MAX - 1) * sizeof(edit->past[0]));
		edit->past_count--;
	}
	edit->past[edit->past_count++] = line;
}

void edit_enter(struct edit *edit)
{
	if (edit->len > 0) {
		remember(edit);
	}
	edit->len = 0;
	edit->cursor = 0;
	edit->recalled = 0;
	free(edit->begun);
	edit->begun = NULL;
}

/* Shows the line that was entered so many steps ago; 0: the new one, as far as it was begun. */
static void recall(struct edit *edit, unsigned steps)
{
	if (edit->recalled == 0) {
		free(edit->begun);
		edit->begun = strndup(edit->text, edit->len);
	}
	const char *line = steps > 0 ? edit->past[edit->past_count - steps] : edit->begun;
	edit->recalled = steps;
	edit->len = 0;
	edit->cursor = 0;
	if (line) {
		insert(edit, line, strlen(line));
	}
}

/* --- keys ------------------------------------------------------------------------------------ */

void edit_apply(struct edit *edit, const struct key *key)
{
	switch (key->kind) {
	case KEY_TEXT:
		insert(edit, key->text, key->len);
		break;
	case KEY_LEFT:
		edit->cursor = before(edit);
		break;
	case KEY_RIGHT:
		edit->cursor = behind(edit);
		break;
	case KEY_WORD_LEFT:
		edit->cursor = word_before(edit);
		break;
	case KEY_WORD_RIGHT:
		edit->cursor = word_behind(edit);
		break;
	case KEY_HOME:
		edit->cursor = 0;
		break;
	case KEY_END:
		edit->cursor = edit->len;
		break;
	case KEY_OLDER:
		if (edit->recalled < edit->past_count) {
			recall(edit, edit->recalled + 1);
		}
		break;
	case KEY_NEWER:
		if (edit->recalled > 0) {
			recall(edit, edit->recalled - 1);
		}
		break;
	case KEY_BACKSPACE:
		cut(edit, before(edit), edit->cursor);
		break;
	case KEY_DELETE:
	case KEY_LEAVE:
		cut(edit, edit->cursor, behind(edit));
		break;
	case KEY_CUT_WORD:
		cut(edit, word_before(edit), edit->cursor);
		break;
	case KEY_CUT_LEFT:
		cut(edit, 0, edit->cursor);
		break;
	case KEY_CUT_RIGHT:
		edit->len = edit->cursor;
		break;
	case KEY_ENTER:
	case KEY_REDRAW:
		break;
	}
}
