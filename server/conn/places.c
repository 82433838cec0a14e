#include "places.h"

#include <stdatomic.h>

#include "../base/bucket.h"

enum {
	RETRY_MIN_S = 2,   /* over the limit: until somebody may have gone */
	RETRY_SLOTS_S = 9, /* over which they come back, in all cases */
};

static bool take(_Atomic uint32_t *taken, const _Atomic uint32_t *max)
{
	uint32_t now = atomic_load_explicit(taken, memory_order_relaxed);
	while (now < atomic_load_explicit(max, memory_order_relaxed)) {
		if (atomic_compare_exchange_weak_explicit(
			    taken, &now, now + 1, memory_order_relaxed, memory_order_relaxed)) {
			return true;
		}
	}
	return false;
}

bool places_take_opening(struct places *places, uint64_t now_us)
{
	const uint64_t now_ns = now_us * 1000;
	uint32_t per_s = atomic_load_explicit(&places->openings, memory_order_relaxed);
	if (per_s == 0) {
		return true;
	}
	uint64_t full_ns = atomic_load_explicit(&places->openings_full_ns, memory_order_relaxed);
	uint64_t next_ns;
	do {
		next_ns = bucket_full_after(full_ns, per_s, now_ns);
		if (next_ns > now_ns + BUCKET_SECOND_NS) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&places->openings_full_ns, &full_ns,
		next_ns, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool places_take(struct places *places)
{
	return take(&places->taken, &places->max);
}

bool places_take_refusal(struct places *places)
{
	return take(&places->refusals, &places->refusals_max);
}

bool places_promote(struct places *places)
{
	if (!places_take(places)) {
		return false;
	}
	places_give(places, true);
	return true;
}

void places_give(struct places *places, bool is_refusal)
{
	atomic_fetch_sub_explicit(
		is_refusal ? &places->refusals : &places->taken, 1, memory_order_relaxed);
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
