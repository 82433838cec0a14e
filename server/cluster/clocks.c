#include "clocks.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const int64_t first = *(const int64_t *)a;
	const int64_t second = *(const int64_t *)b;
	return (first > second) - (first < second);
}

static int64_t nearer(int64_t a, int64_t b)
{
	return (a < 0 ? -a : a) < (b < 0 ? -b : b) ? a : b;
}

bool clocks_own_is_off(int64_t *ahead_ms, size_t count, bool was_off)
{
	if (count == 0 || (count < CLOCKS_JUDGES_MIN && !was_off)) {
		return false;
	}
	qsort(ahead_ms, count, sizeof(*ahead_ms), compare);
	return clocks_other_is_off(nearer(ahead_ms[(count - 1) / 2], ahead_ms[count / 2]), was_off);
}

bool clocks_epoch_is_ahead(uint64_t epoch, uint64_t wall_ms)
{
	return epoch >> EPOCH_PER_MS_BITS > wall_ms + CLOCKS_OFF_MS;
}
