/* How many requests that change something may come in a second. */
#ifndef TIDEGATE_ADMIN_RATE_H
#define TIDEGATE_ADMIN_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* Owner: the admin thread. Zero-initialised is the start. */
struct admin_rate {
	uint64_t at_ms;   /* when `credit` was counted */
	uint64_t credit;  /* thousandths of a request */
	bool has_started; /* the first second's worth is given */
};

/* Takes one of `per_second`, of which a second's worth may be saved; 0 is no limit. Returns 0, or
 * in how many ms to come back. */
uint64_t admin_rate_take(struct admin_rate *rate, uint64_t per_second, uint64_t now_ms);

#endif
