/* Signals that come by a descriptor, one by one between other things. */
#ifndef TIDEGATE_CHAT_SIGNALS_H
#define TIDEGATE_CHAT_SIGNALS_H

#include <stdbool.h>

/* Takes what asks to end and what tells that the process goes on; `is_typing`: what asks to stop
 * and tells of another window size as well. A write to a pipe that nobody reads is an error like
 * others from now on. The descriptor is the caller's to close. Thread: main, before there are
 * others. Errors: of signalfd(2). */
int signals_open(bool is_typing, int *ret_fd);

/* The number of one that has come; 0: none has. */
int signals_read(int fd);

/* Does what the signal, which is taken, would have done: stops the process, as a shell sees it.
 * Returns when it goes on, or at once where nobody could continue it. */
void signals_stop(int number);

/* The same for one that ends the process. */
void signals_die(int number) __attribute__((noreturn));

#endif
