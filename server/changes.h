/* What a reload has changed, as the log tells it. */
#ifndef TIDEGATE_CHANGES_H
#define TIDEGATE_CHANGES_H

#include "config/config.h"

enum {
	CHANGES_TEXT_MAX = 320, /* bytes, NUL included; fits a line of the log */
};

/* Owner: one reload; plain data. */
struct changes {
	size_t count;                /* options taken over */
	size_t told;                 /* of them, those in `text` */
	char text[CHANGES_TEXT_MAX]; /* `read_deadline 120 s -> 60 s, drain 5 s -> 7 s` */
};

/* Takes over from `fresh` what may change while running, into `config`, and warns of what may not.
 * Thread: main. */
void changes_take(struct changes *ret_changes, struct config *config, const struct config *fresh);

/* Logs that the reload is done and what has changed, of very many the first. To be called when all
 * of it is in force. Thread: main. */
void changes_log(const struct changes *changes);

#endif
