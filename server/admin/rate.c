#include "rate.h"

enum {
	CREDIT = 1000, /* of one request */
};

uint64_t admin_rate_take(struct admin_rate *rate, uint64_t per_second, uint64_t now_ms)
{
	if (per_second == 0) {
		return 0;
	}
	uint64_t most = per_second * CREDIT;
	/* A thousandth of a request per ms for each one per second. */
	uint64_t earned = (now_ms - rate->at_ms) * per_second;
	if (!rate->has_started || now_ms - rate->at_ms >= 1000 || rate->credit + earned > most) {
		rate->credit = most;
	} else {
		rate->credit += earned;
	}
	rate->has_started = true;
	rate->at_ms = now_ms;
	if (rate->credit < CREDIT) {
		return (CREDIT - rate->credit + per_second - 1) / per_second;
	}
	rate->credit -= CREDIT;
	return 0;
}
