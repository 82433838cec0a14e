#include "address_rates.h"

static const uint64_t SECOND_NS = 1000000000;

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct address_rate *address_rates_find(struct address_rate_set *set, uint64_t hash)
{
	struct address_rate *idle = &set->ways[0];
	for (int i = 0; i < ADDRESS_RATES_WAYS; i++) {
		struct address_rate *rate = &set->ways[i];
		if (rate->hash == hash) {
			return rate;
		}
		if (rate->admitted_ns < idle->admitted_ns) {
			idle = rate;
		}
	}
	*idle = (struct address_rate){.hash = hash};
	return idle;
}

bool address_rates_may(uint64_t full_ns, uint32_t per_s, uint64_t now_ns)
{
	const uint64_t burst_ns = ADDRESS_RATES_BURST_S * SECOND_NS;
	return later(full_ns, now_ns) + SECOND_NS / per_s <= now_ns + burst_ns;
}

void address_rates_take(uint64_t *full_ns, uint32_t per_s, uint64_t now_ns)
{
	*full_ns = later(*full_ns, now_ns) + SECOND_NS / per_s;
}
