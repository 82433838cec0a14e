/* How much may be done in a second: a token bucket, kept as the one moment from which on all that
 *was taken is paid for. What five seconds are worth may be saved, and as much may be owed.
 *
 *	now - 5 s             now             now + 5 s
 *	    │     clear_us     │     clear_us     │
 *	    └ nothing is taken │ some is left     │
 *	                       └ it is used up    └ and owed
 *
 * Thread: the owner's. */
#ifndef TIDEGATE_RATE_H
#define TIDEGATE_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	RATE_BURST_S = 5, /* what may be saved, and owed */
};

#define RATE_LEFT_MAX UINT64_MAX /* where there is no limit */

/* Owner: whoever declared it. Zero-initialised is the start: all is saved. */
struct rate {
	uint64_t clear_us; /* of the owner's clock */
};

/* Whether anything is left of `per_s` in a second; 0 is no limit. */
static inline bool rate_is_clear(const struct rate *rate, uint64_t per_s, uint64_t now_us)
{
	return per_s == 0 || rate->clear_us < now_us;
}

/* What may be taken by now, rounded down: 0 may be a part of one. */
uint64_t rate_left(const struct rate *rate, uint64_t per_s, uint64_t now_us);

/* Takes `amount`, whether or not so much is left. Where nothing is, no more is owed for it than
 * five seconds are worth, so that who is quiet for ten may begin anew. */
void rate_take(struct rate *rate, uint64_t per_s, uint64_t amount, uint64_t now_us);

#endif
