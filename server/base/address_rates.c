#include "address_rates.h"

#include "bucket.h"

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
	return bucket_full_after(full_ns, per_s, now_ns) <=
	       now_ns + ADDRESS_RATES_BURST_S * BUCKET_SECOND_NS;
}

void address_rates_take(uint64_t *full_ns, uint32_t per_s, uint64_t now_ns)
{
	*full_ns = bucket_full_after(*full_ns, per_s, now_ns);
}
