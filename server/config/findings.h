/* What is wrong with a config, told one by one to whoever asked: a terminal, the log, a test. */
#ifndef TIDEGATE_FINDINGS_H
#define TIDEGATE_FINDINGS_H

#include <stddef.h>

enum {
	FINDINGS_LINE_MAX = 768, /* bytes of what is told, NUL included */
};

enum finding {
	FINDING_WARNING, /* it works, but hardly as it was meant */
	FINDING_FAULT,   /* it does not work */
};

/* Owner: whoever asks; plain data. */
struct findings {
	void (*tell)(void *user, enum finding kind, const char *line); /* without a newline */
	void *user;
	size_t warnings; /* told so far */
	size_t faults;
};

/* A `tell` for those that come from a person at a terminal: one line each on standard error. */
void findings_tell_terminal(void *user, enum finding kind, const char *line);

/* A `tell` for those that come up while the gateway runs: one line each in the log. */
void findings_tell_log(void *user, enum finding kind, const char *line);

/* Tells and counts one. What the user wrote cannot break the line: control characters become `?`.
 * Thread: any. */
void findings_add(struct findings *findings, enum finding kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
