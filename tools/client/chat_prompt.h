/* The row of the terminal in which somebody types, below everything else. It is taken away before
 * something is written and put back behind it. One row whatever is typed: of a line that is longer
 * a part is shown, the one with the cursor. */
#ifndef TIDEGATE_CHAT_PROMPT_H
#define TIDEGATE_CHAT_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "chat_edit.h"
#include "chat_output.h"

#define PROMPT_MARK "> "

/* Owner:  the chat.
 * Shared: never. What it points to is borrowed; the rest begins at zero. */
struct prompt {
	const struct edit *edit;
	struct output *output; /* of the terminal */
	unsigned columns;      /* of the terminal */
	bool is_on;            /* somebody can type */
	bool is_shown;
	bool is_stale;          /* another line, cursor or width than is shown */
	size_t first;           /* the byte of the line that is shown first */
	unsigned cursor_column; /* of the row, as shown, from 0 */
};

/* Clears the row, and the cursor is at its beginning. */
void prompt_hide(struct prompt *prompt);

/* Shows the line as it is, where it is on and not shown so. */
void prompt_show(struct prompt *prompt);

/* The terminal has another width. */
void prompt_resize(struct prompt *prompt, unsigned columns);

#endif
