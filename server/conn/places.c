#include "places.h"

#include <stdatomic.h>

#include "../base/bucket.h"
#include "../base/seats.h"

enum {
	RETRY_MIN_S = 2,   /* over the limit: until somebody may have gone */
	RETRY_SLOTS_S = 9, /* over which they come back, in all cases */
};

bool places_take_opening(struct places *places, uint64_t now_us)
{
	uint32_t per_s = atomic_load_explicit(&places->openings, memory_order_relaxed);
	return per_s == 0 || bucket_take(&places->openings_full_ns, per_s, now_us * 1000);
}

bool places_take(struct places *places)
{
	return seats_take(&places->taken, &places->max);
}

bool places_take_refusal(struct places *places)
{
	return seats_take(&places->refusals, &places->refusals_max);
}

bool places_promote(struct places *places)
{
	if (!places_take(places)) {
		return false;
	}
	places_give(places, true);
	return true;
}

static _Atomic uint32_t *count_of(struct places *places, bool is_refusal)
{
	return is_refusal ? &places->refusals : &places->taken;
}

void places_adopt(struct places *places, bool is_refusal)
{
	atomic_fetch_add_explicit(count_of(places, is_refusal), 1, memory_order_relaxed);
}

void places_give(struct places *places, bool is_refusal)
{
	atomic_fetch_sub_explicit(count_of(places, is_refusal), 1, memory_order_relaxed);
}

void places_set_back_ms(struct places *places, uint64_t back_ms)
{
	atomic_store_explicit(&places->back_ms, back_ms, memory_order_relaxed);
}

uint32_t places_retry_s(const struct places *places, struct spread *spread, uint64_t now_ms)
{
	uint64_t back_ms = atomic_load_explicit(&places->back_ms, memory_order_relaxed);
	uint64_t least_s = RETRY_MIN_S;
	if (back_ms > 0) {
		least_s = back_ms > now_ms ? (back_ms - now_ms + 999) / 1000 : 1;
	}
	return (uint32_t)least_s + spread_next(spread, RETRY_SLOTS_S);
}
