/* The terminal that is typed on: who edits the line, it or we, and how wide it is. */
#ifndef TIDEGATE_CHAT_TERMINAL_H
#define TIDEGATE_CHAT_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

/* Owner:  what reads it.
 * Shared: with whoever else has the terminal; it is given back as it was found. */
struct terminal {
	int fd; /* borrowed */
	bool is_taken;
	struct termios found;
};

/* Each byte comes as it is typed, and is not shown; what is a signal stays one. False: somebody
 * else has the terminal now (the process is in the background), or it is none. To be called again
 * when the process was stopped meanwhile. */
bool terminal_take(struct terminal *terminal);

/* As it was found. */
void terminal_give_back(struct terminal *terminal);

/* Columns of the terminal behind `fd`, 80 where it does not know. */
unsigned terminal_columns(int fd);

#endif
