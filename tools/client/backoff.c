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
	const uint32_t drawn_ms = backoff_draw_ms(base_ms, cap_ms, random);
	if (retry_ms < 0) {
		return drawn_ms;
	}
	const uint32_t asked_ms = (uint32_t)retry_ms;
	return attempt <= 1 || asked_ms > drawn_ms ? asked_ms : drawn_ms;
}

int32_t backoff_read_retry_ms(const char *reason, size_t len)
{
	const struct slice key = SLICE("retry_ms=");
	enum {
		DIGITS_MAX = 10,
	};
	uint64_t value = 0;

	if (len <= key.len || len > key.len + DIGITS_MAX ||
		memcmp(reason, key.data, key.len) != 0) {
		return BACKOFF_NO_RETRY;
	}
	for (size_t i = key.len; i < len; i++) {
		if (!ascii_is_digit(reason[i])) {
			return BACKOFF_NO_RETRY;
		}
		value = value * 10 + (uint64_t)(reason[i] - '0');
	}
	return value <= INT32_MAX ? (int32_t)value : BACKOFF_NO_RETRY;
}
