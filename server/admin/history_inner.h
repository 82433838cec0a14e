/* What the history is made of: for history.c and history_pack.c. */
#ifndef TIDEGATE_ADMIN_HISTORY_INNER_H
#define TIDEGATE_ADMIN_HISTORY_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "moment.h"
#include "sample.h"

/* Owner:  as said in history.h.
 * The moment of number n is at n % ADMIN_HISTORY_MOMENTS. */
struct admin_history {
	uint32_t worker_count;
	uint32_t count;
	bool has_before;
	uint64_t before_ms;
	struct admin_sample before; /* that the next moment grows from */
	uint64_t *busy_us;          /* the same, of each worker */
	uint16_t *busy;             /* of each moment and worker, in thousandths */
	struct admin_moment moments[ADMIN_HISTORY_MOMENTS];
};

#endif
