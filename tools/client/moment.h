/* Moments: milliseconds of one clock that never goes back and goes on while the machine sleeps. */
#ifndef TIDEGATE_CLIENT_MOMENT_H
#define TIDEGATE_CLIENT_MOMENT_H

#include <stdint.h>

#define MOMENT_NEVER UINT64_MAX

static inline uint64_t moment_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
