/* Whose clock is off. Logins are ordered by wall clocks, so that one that is far ahead would win
 * for ever and one that is far behind never. README.md, "Epoch". Pure. */
#ifndef TIDEGATE_CLOCKS_H
#define TIDEGATE_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/epoch.h"

enum {
	CLOCKS_OFF_MS = EPOCH_AHEAD_MS, /* from here on a clock is off */
	CLOCKS_RIGHT_MS = 59000,        /* and right again from here down */
	CLOCKS_JUDGES_MIN = 2,          /* others that it takes to judge the own clock */
	CLOCKS_JUDGES_MOST = 255,
};

/* Whether the own clock is off: by the median of how far others are ahead of it. Of an even number
 * the one of the middle two counts that is nearer: one clock that is off among three must not make
 * the others doubt theirs. Fewer than CLOCKS_JUDGES_MIN judge nothing, but that one that was off
 * (`was_off`) is right again. Changes the order of `ahead_ms`. */
bool clocks_own_is_off(int64_t *ahead_ms, size_t count, bool was_off);

/* Whether another's clock is off, that is so far ahead of the own one. */
static inline bool clocks_other_is_off(int64_t ahead_ms, bool was_off)
{
	const int64_t limit = was_off ? CLOCKS_RIGHT_MS : CLOCKS_OFF_MS;
	return ahead_ms > limit || ahead_ms < -limit;
}

/* Whether an epoch is too far ahead of the wall clock to be merged or obeyed. */
bool clocks_epoch_is_ahead(uint64_t epoch, uint64_t wall_ms);

#endif
