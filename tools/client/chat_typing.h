/* Somebody who types at a terminal: the keys edit a line of ours, not the terminal's, so that it is
 * known and can be shown again when a message has come in between. */
#ifndef TIDEGATE_CHAT_TYPING_H
#define TIDEGATE_CHAT_TYPING_H

#include <stdbool.h>

#include "chat_edit.h"
#include "chat_input.h"
#include "chat_keys.h"
#include "chat_show.h"
#include "chat_terminal.h"

/* Owner:  the chat.
 * Shared: never. */
struct typing {
	struct input *input; /* borrowed; gets the lines */
	struct show *show;   /* borrowed; its prompt shows the one that is being typed */
	struct terminal terminal;
	struct keys keys;
	struct edit edit;
};

/* Whether input and standard output are a terminal on which a line can be edited. Where messages go
 * elsewhere (`| less`, `| tee`) the terminal is somebody else's as well. */
bool typing_is_possible(const struct input *input, const struct show *show);

/* Errors: -ENOMEM. What it is given is borrowed for its life. */
int typing_create(struct input *input, struct show *show, struct typing **ret_typing);

/* Accepts NULL. The terminal has to be given back before. */
void typing_destroy(struct typing *typing);

/* Takes the terminal, for the first time or again, when it is ours to take: at the start and when
 * the process goes on after a stop. */
void typing_begin(struct typing *typing);

/* Whether it is somebody else's so far. A shell that brings the process to the foreground says so
 * only if it was stopped: one has to look. */
bool typing_has_to_wait(const struct typing *typing);

/* Gives it back. What has been typed stays to be seen and, should it begin again, to be edited. */
void typing_end(struct typing *typing);

/* Whether the terminal is to be read: it is ours, and there is space for the lines. */
bool typing_wants_input(const struct typing *typing);

/* Reads it once, when poll(2) says so; at the end of the input it is given back. */
void typing_read(struct typing *typing);

/* The window has another size. */
void typing_resize(struct typing *typing);

#endif
