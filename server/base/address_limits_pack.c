#include "address_limits_pack.h"

#include <errno.h>
#include <string.h>

enum {
	RATE_LEN = 24, /* bytes of a bucket */
};

static bool is_full(const struct address_rate *rate, uint64_t now_ns)
{
	return rate->admitted_ns <= now_ns && rate->refused_ns <= now_ns;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static uint32_t pack_set(const struct address_rate_set *set, uint64_t now_ns, struct pack *pack)
{
	uint32_t count = 0;
	for (int i = 0; i < ADDRESS_RATES_WAYS; i++) {
		const struct address_rate *rate = &set->ways[i];
		if (!is_full(rate, now_ns)) {
			pack_u64(pack, rate->hash);
			pack_u64(pack, rate->admitted_ns);
			pack_u64(pack, rate->refused_ns);
			count++;
		}
	}
	return count;
}

void address_limits_pack(const struct address_limits *limits, uint64_t now_ns, struct pack *pack)
{
	uint32_t count = 0;
	pack_bytes(pack, limits->hash_key, sizeof(limits->hash_key));
	const size_t at = pack->len;
	pack_u32(pack, 0);
	for (uint32_t set = 0; set < ADDRESS_RATES_SETS; set++) {
		struct address_stripe *stripe = &limits->stripes[set % ADDRESS_STRIPES];
		pthread_mutex_lock(&stripe->lock);
		if (limits->rates) {
			count += pack_set(&limits->rates[set], now_ns, pack);
		}
		pthread_mutex_unlock(&stripe->lock);
	}
	pack_u32_at(pack, at, count);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool counts_any(const struct address_limits *limits)
{
	bool any = false;
	for (int i = 0; i < ADDRESS_STRIPES; i++) {
		any |= limits->stripes[i].table.used > 0;
	}
	return any;
}

/* As many as come of one set are as many as it has, unless somebody has made them up: then the
 * oldest go. */
static void take_rates(struct address_limits *limits, struct unpack *unpack, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t hash = unpack_u64(unpack);
		const uint32_t set = (uint32_t)(hash >> 32) % ADDRESS_RATES_SETS;
		const uint64_t admitted_ns = unpack_u64(unpack);
		const uint64_t refused_ns = unpack_u64(unpack);
		if (limits->rates) {
			struct address_rate *rate = address_rates_find(&limits->rates[set], hash);
			rate->admitted_ns = admitted_ns;
			rate->refused_ns = refused_ns;
		}
	}
}

int address_limits_unpack(struct address_limits *limits, struct unpack *unpack)
{
	unsigned char hash_key[ADDRESS_HASH_KEY];
	unpack_copy(unpack, hash_key, sizeof(hash_key));
	const uint32_t count = unpack_u32(unpack);
	if (unpack->failed || count > ADDRESS_RATES_SLOTS ||
		unpack_left(unpack) < (size_t)count * RATE_LEN || counts_any(limits)) {
		unpack_fail(unpack);
		return -EINVAL;
	}
	memcpy(limits->hash_key, hash_key, sizeof(hash_key));
	take_rates(limits, unpack, count);
	return 0;
}
