/* The request for the last minutes of what is counted. */
#ifndef TIDEGATE_ADMIN_HISTORY_ANSWER_H
#define TIDEGATE_ADMIN_HISTORY_ANSWER_H

#include "history.h"
#include "request.h"
#include "text.h"

void admin_history_show(struct admin_request *request);

/* Writes moments from number `from` on, as JSON. `now_ms` is since the start, as moments are;
 * `started_ms` is that start by the calendar, since 1970. */
void admin_history_write(struct admin_text *text, const struct admin_history *history,
	uint32_t worker_count, uint32_t from, uint64_t now_ms, uint64_t started_ms);

#endif
