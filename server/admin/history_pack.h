/* The history of what was counted, for the process that goes on with it: figures and ends by name,
 * so that those which only one of the two binaries knows do no harm. Of workers the first ones are
 * kept, where there are fewer. Thread: the admin thread, or one that stands in for it. */
#ifndef TIDEGATE_ADMIN_HISTORY_PACK_H
#define TIDEGATE_ADMIN_HISTORY_PACK_H

#include "../base/pack.h"
#include "history.h"

void admin_history_pack(const struct admin_history *history, struct pack *pack);

/* Makes a history that goes on from there, for so many workers; `busy_us` is how long each of them
 * has worked by now, as admin_history_add is told. Errors: -EINVAL, -ENOMEM. */
int admin_history_unpack(struct unpack *unpack, uint32_t worker_count, const uint64_t *busy_us,
	struct admin_history **ret_history);

#endif
