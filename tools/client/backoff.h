/* How long to wait before an attempt to get a line back. */
#ifndef TIDEGATE_CLIENT_BACKOFF_H
#define TIDEGATE_CLIENT_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

enum {
	BACKOFF_NO_RETRY = -1,
	BACKOFF_RETRY_MAX_MS = 600000, /* who asks for more does not mean it, or not us */
	BACKOFF_STEP_MS = 2000, /* what the span of the waits grows by from attempt to attempt */
};

/* Draws evenly from [base_ms, cap_ms), base_ms where that is empty. `random` is a number of 32
 * random bits. */
uint32_t backoff_draw_ms(uint32_t base_ms, uint32_t cap_ms, uint32_t random);

/* The wait in front of the `attempt`-th attempt, from 1: what must be waited, and full jitter on
 * top. Its span is 8 s for the first attempt and BACKOFF_STEP_MS more for each further one, until
 * it ends at cap_ms: who finds nobody for long knocks less often. What must be waited is what the
 * gateway asked for (`retry_ms`, or BACKOFF_NO_RETRY); in front of later attempts no less than
 * base_ms, so that a gateway which closes at once is not dialed in a tight loop. Thread: any. */
uint32_t backoff_delay_ms(
	uint32_t base_ms, uint32_t cap_ms, uint32_t random, uint32_t attempt, int32_t retry_ms);

/* Reads the text `retry_ms=N` of a Close: exactly that. Thread: any. Returns N, at most
 * BACKOFF_RETRY_MAX_MS, or BACKOFF_NO_RETRY. */
int32_t backoff_read_retry_ms(const char *reason, size_t len);

/* The same for the seconds of a Retry-After, of which -1 is none. Thread: any. */
int32_t backoff_retry_ms_of_seconds(int32_t seconds);

#endif
