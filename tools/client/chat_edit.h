/* The line that is being typed. */
#ifndef TIDEGATE_CHAT_EDIT_H
#define TIDEGATE_CHAT_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "chat_keys.h"

enum {
	EDIT_SIZE = 65537, /* bytes; one more than can be sent, so that a longer line is told */
	EDIT_PAST_MAX = 50,
};

/* Owner:  what reads the terminal.
 * Shared: never. Zero-initialised is the start. */
struct edit {
	size_t len;                /* bytes */
	size_t cursor;             /* in front of which glyph; [0, len] */
	char *past[EDIT_PAST_MAX]; /* lines that were entered, the oldest first */
	unsigned past_count;
	unsigned recalled; /* how far back the line was fetched from; 0: it is a new one */
	char *begun;       /* the new one, while an older one is shown; NULL: nothing */
	char text[EDIT_SIZE];
};

void edit_finish(struct edit *edit);

/* Does what a key says; those that end a line are the caller's. What does not fit is left out. */
void edit_apply(struct edit *edit, const struct key *key);

/* Forgets the line, but for KEY_OLDER. */
void edit_enter(struct edit *edit);

#endif
