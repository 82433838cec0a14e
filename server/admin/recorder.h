/* Who adds a moment to the history each second. */
#ifndef TIDEGATE_ADMIN_RECORDER_H
#define TIDEGATE_ADMIN_RECORDER_H

#include <stdint.h>

#include "context.h"

/* Looks at all that is counted, when it is time again. Workers notice nothing: what they count is
 * read where it lies. `now_ms` is the loop's. Returns in how many ms to come back. Once a turn.
 * Thread: the admin thread, or whoever is about to start it. */
int admin_recorder_run(struct admin_context *context, uint64_t now_ms);

#endif
