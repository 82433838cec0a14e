/* How long to wait before an attempt to get a line back. */
#ifndef TIDEGATE_CLIENT_BACKOFF_H
#define TIDEGATE_CLIENT_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

enum {
	BACKOFF_NO_RETRY = -1,
};

/* Draws evenly from [base_ms, cap_ms), base_ms where that is empty. `random` is a number of 32
 * random bits. */
uint32_t backoff_draw_ms(uint32_t base_ms, uint32_t cap_ms, uint32_t random);

/* The wait in front of the `attempt`-th attempt, from 1. What the gateway asked for (`retry_ms`, or
 * BACKOFF_NO_RETRY) is exact in front of the first; later the longer of both counts, so that a
 * gateway which closes at once is not dialed in a tight loop.
 * Thread: any. */
uint32_t backoff_delay_ms(
	uint32_t base_ms, uint32_t cap_ms, uint32_t random, uint32_t attempt, int32_t retry_ms);

/* Reads the text `retry_ms=N` of a Close: exactly that, N of 1 to 10 digits, up to 2^31 - 1.
 * Thread: any. Returns N, or BACKOFF_NO_RETRY. */
int32_t backoff_read_retry_ms(const char *reason, size_t len);

#endif
