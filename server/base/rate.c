#include "rate.h"

enum {
	SECOND_US = 1000000,
	BURST_US = RATE_BURST_S * SECOND_US,
};

/* No more is saved than that. */
static uint64_t clear_of(const struct rate *rate, uint64_t now_us)
{
	const uint64_t earliest = now_us > BURST_US ? now_us - BURST_US : 0;
	return rate->clear_us > earliest ? rate->clear_us : earliest;
}

uint64_t rate_left(const struct rate *rate, uint64_t per_s, uint64_t now_us)
{
	const uint64_t clear_us = clear_of(rate, now_us);
	if (per_s == 0) {
		return RATE_LEFT_MAX;
	}
	return clear_us < now_us ? (now_us - clear_us) * per_s / SECOND_US : 0;
}

void rate_take(struct rate *rate, uint64_t per_s, uint64_t amount, uint64_t now_us)
{
	if (per_s == 0) {
		return;
	}
	const uint64_t before_us = clear_of(rate, now_us);
	const uint64_t latest_us = now_us + BURST_US;
	const uint64_t after_us = before_us + (amount * SECOND_US + per_s - 1) / per_s;
	rate->clear_us = after_us;
	if (before_us >= now_us && after_us > latest_us) {
		rate->clear_us = before_us > latest_us ? before_us : latest_us;
	}
}
