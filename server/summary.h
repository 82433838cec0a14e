/* What the log says in numbers: of logins and ends one line a second, where they are not logged one
 * by one, and the ends in all when the gateway stops. */
#ifndef TIDEGATE_SUMMARY_H
#define TIDEGATE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "../proto/close_reason.h"
#include "base/log_line.h"
#include "node/node.h"

enum {
	SUMMARY_TEXT_MAX = 1152, /* bytes of a line's message, NUL included */
};

/* Plain data. */
struct summary_counts {
	uint64_t logins;
	uint64_t ends[CLOSE_REASON_COUNT];
};

/* Owner: main. Zero-initialised is the start of a gateway. */
struct summary {
	uint64_t at_ms;             /* monotonic: when `told` was taken */
	struct summary_counts told; /* what has been said, or passed over */
};

/* Says what has come since the last time, at most once a second and nothing where nothing has come;
 * with `is_each` it is passed over, as the sessions' own lines have said it. With `is_last` the
 * second need not be over. Thread: main. */
void summary_look(struct summary *summary, const struct node *node, bool is_each, bool is_last);

/* Says how many connections there were, and their ends, of a node whose workers have ended. */
void summary_say_totals(const struct node *node);

/* --- what a line says, of numbers --- */

/* `12 logins, 3 ends (2 peer_eof, 1 read_timeout), 1204 users`. Thread: any. */
void summary_text(
	const struct summary_counts *counts, uint64_t users, char ret_text[SUMMARY_TEXT_MAX]);

/* That of the gravest end; a phone that falls silent is none. Thread: any. */
enum log_level summary_level(const struct summary_counts *counts);

#endif
