/* How messages, states and errors look. */
#ifndef TIDEGATE_CHAT_SHOW_H
#define TIDEGATE_CHAT_SHOW_H

#include <stdbool.h>

#include "chat_output.h"
#include "chat_prompt.h"
#include "tidegate-client.h"

/* Owner:  the chat.
 * Shared: never. */
struct show {
	struct output out;    /* messages */
	struct output err;    /* everything else */
	bool is_quiet;        /* shows no states */
	bool marks_audiences; /* what is for everybody never looks as if it were for others */
	struct prompt prompt; /* on `out`; off unless somebody types */
};

/* Opens standard output and standard error. Errors: of dup(2). */
int show_init(struct show *show);
void show_finish(struct show *show);

/* A message as it came, on a line of its own: whatever could end the line, move the cursor or turn
 * the order of letters is written as an escape, such as \n, \x1b or \u202e. What is for a user or a
 * room begins with that in brackets: `[#room] TEXT -- FROM user`. */
void show_message(struct show *show, const struct tg_message *message);

/* What happens to the line: after an asterisk. */
void show_state(struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Likewise, what was asked for: also when quiet. */
void show_reply(struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What went wrong: after the program's name. Escaped like a message. */
void show_error(struct show *show, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line for logs, as it is. */
void show_note(struct show *show, const char *text);

/* What was typed on the screen, as it is left there: behind the mark of the prompt, escaped. */
void show_typed(struct show *show, const char *text, size_t len);

/* Writes what can be written without waiting, and the prompt below it. */
void show_flush(struct show *show);

#endif
