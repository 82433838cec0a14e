#include "chat_prompt.h"

#include <string.h>

#include "chat_glyph.h"

enum {
	MARK_COLUMNS = sizeof(PROMPT_MARK) - 1,
	NARROW = 8, /* columns under which the mark takes too much of them */
};

#define ERASE_ROW   "\r\033[K"
#define ERASE_REST  "\033[K"
#define ERASE_BELOW "\r\033[J"

void prompt_hide(struct prompt *prompt)
{
	if (prompt->is_shown) {
		output_text(prompt->output, ERASE_ROW);
		prompt->is_shown = false;
	}
}

void prompt_resize(struct prompt *prompt, unsigned columns)
{
	if (prompt->is_shown && columns > 0) {
		/* A terminal that has become narrower has made several rows of ours. */
		const unsigned rows = prompt->cursor_column / columns;
		if (rows > 0) {
			output_format(prompt->output, "\033[%uA", rows);
		}
		output_text(prompt->output, ERASE_BELOW);
		prompt->is_shown = false;
	}
	prompt->columns = columns;
}

static unsigned columns_between(const struct edit *edit, size_t begin, size_t end)
{
	unsigned columns = 0;
	for (size_t at = begin; at < end;) {
		const struct glyph glyph = glyph_at(edit->text + at, edit->len - at);
		columns += glyph.columns;
		at += glyph.len;
	}
	return columns;
}

/* Shows more of what stands before the first glyph, as long as no more than `space` columns follow
 * from there to `end`. */
static void move_back(struct prompt *prompt, size_t end, unsigned space)
{
	const struct edit *edit = prompt->edit;
	unsigned columns = columns_between(edit, prompt->first, end);

	while (prompt->first > 0) {
		const size_t before = glyph_before(edit->text, prompt->first);
		columns += columns_between(edit, before, prompt->first);
		if (columns > space) {
			break;
		}
		prompt->first = before;
	}
}

/* Moves what is shown, if need be: the cursor has to be inside of `space` columns, with something
 * of what stands before it, and no space is left empty behind the end. */
static void follow_cursor(struct prompt *prompt, unsigned space)
{
	const struct edit *edit = prompt->edit;

	if (prompt->first >= edit->cursor) {
		prompt->first = edit->cursor;
		move_back(prompt, edit->cursor, space / 2);
	}
	move_back(prompt, edit->len, space);
	unsigned columns = columns_between(edit, prompt->first, edit->cursor);
	while (columns > space) {
		const size_t next = glyph_behind(edit->text, edit->len, prompt->first);
		columns -= columns_between(edit, prompt->first, next);
		prompt->first = next;
	}
}

/* Writes glyphs from the first one on, as many as have space; returns their columns. */
static unsigned put_glyphs(struct prompt *prompt, unsigned space)
{
	const struct edit *edit = prompt->edit;
	unsigned columns = 0;

	for (size_t at = prompt->first; at < edit->len;) {
		const struct glyph glyph = glyph_at(edit->text + at, edit->len - at);
		if (columns + glyph.columns > space) {
			break;
		}
		if (glyph.is_harmful) {
			output_text(prompt->output, "?");
		} else if (glyph.code == '\t') {
			output_text(prompt->output, " ");
		} else {
			output_put(prompt->output, edit->text + at, glyph.len);
		}
		columns += glyph.columns;
		at += glyph.len;
	}
	return columns;
}

void prompt_show(struct prompt *prompt)
{
	const unsigned mark = prompt->columns >= NARROW ? MARK_COLUMNS : 0;

	if (!prompt->is_on || (prompt->is_shown && !prompt->is_stale)) {
		return;
	}
	/* The last column stays free: what a cursor behind it does, no two terminals agree on. */
	const unsigned space = prompt->columns > mark + 1 ? prompt->columns - mark - 1 : 0;
	follow_cursor(prompt, space);
	output_text(prompt->output, "\r");
	output_put(prompt->output, PROMPT_MARK, mark);
	const unsigned shown = put_glyphs(prompt, space);
	output_text(prompt->output, ERASE_REST);
	const unsigned column = columns_between(prompt->edit, prompt->first, prompt->edit->cursor);
	if (shown > column) {
		output_format(prompt->output, "\033[%uD", shown - column);
	}
	prompt->cursor_column = mark + column;
	prompt->is_shown = true;
	prompt->is_stale = false;
}
