#include "backoff.h"

#include "../../proto/ascii.h"
#include "../../proto/slice.h"

uint32_t backoff_draw_ms(uint32_t base_ms, uint32_t cap_ms, uint32_t random)
{
	const uint32_t range = cap_ms > base_ms ? cap_ms - base_ms : 0;
	return base_ms + (uint32_t)((uint64_t)range * random >> 32);
}

uint32_t backoff_delay_ms(
	uint32_t base_ms, uint32_t cap_ms, uint32_t random, uint32_t attempt, int32_t retry_ms)
{
	const uint64_t span_end_ms = base_ms + BACKOFF_STEP_MS * ((uint64_t)attempt + 3);
	const uint32_t end_ms = cap_ms < span_end_ms ? cap_ms : (uint32_t)span_end_ms;
	const uint32_t jitter_ms = backoff_draw_ms(base_ms, end_ms, random) - base_ms;
	uint64_t least_ms = base_ms;
	if (retry_ms >= 0 && (attempt <= 1 || (uint32_t)retry_ms > base_ms)) {
		least_ms = (uint32_t)retry_ms;
	}
	const uint64_t delay_ms = least_ms + jitter_ms;
	return delay_ms < UINT32_MAX ? (uint32_t)delay_ms : UINT32_MAX;
}

int32_t backoff_read_retry_ms(const char *reason, size_t len)
{
	const struct slice key = SLICE("retry_ms=");
	int32_t value = 0;

	if (len <= key.len || memcmp(reason, key.data, key.len) != 0) {
		return BACKOFF_NO_RETRY;
	}
	for (size_t i = key.len; i < len; i++) {
		if (!ascii_is_digit(reason[i])) {
			return BACKOFF_NO_RETRY;
		}
		value = value * 10 + (reason[i] - '0');
		if (value > BACKOFF_RETRY_MAX_MS) {
			value = BACKOFF_RETRY_MAX_MS;
		}
	}
	return value;
}

int32_t backoff_retry_ms_of_seconds(int32_t seconds)
{
	if (seconds < 0) {
		return BACKOFF_NO_RETRY;
	}
	return seconds < BACKOFF_RETRY_MAX_MS / 1000 ? seconds * 1000 : BACKOFF_RETRY_MAX_MS;
}
