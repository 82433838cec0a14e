#include "tls_quota.h"

#include <errno.h>

#include "../base/bucket.h"
#include "../base/seats.h"
#include "../tls/tls_handshake.h"

enum {
	MEMORY_PART = 8, /* of the memory limit that half handshakes may take */
};

void tls_quota_set_memory(struct tls_quota *quota, uint64_t memory_limit)
{
	uint64_t most = memory_limit / MEMORY_PART / TLS_HANDSHAKE_COST;
	if (most > TLS_QUOTA_HALVES_MAX) {
		most = TLS_QUOTA_HALVES_MAX;
	}
	atomic_store_explicit(
		&quota->halves_max, most > 0 ? (uint32_t)most : 1, memory_order_relaxed);
}

bool tls_quota_take(struct tls_quota *quota)
{
	const bool is_taken = seats_take(&quota->halves, &quota->halves_max);
	if (is_taken) {
		budget_change(quota->budget, BUDGET_POOLS, TLS_HANDSHAKE_COST);
	}
	return is_taken;
}

void tls_quota_give(struct tls_quota *quota)
{
	budget_change(quota->budget, BUDGET_POOLS, -TLS_HANDSHAKE_COST);
	atomic_fetch_sub_explicit(&quota->halves, 1, memory_order_relaxed);
}

uint32_t tls_quota_halves(const struct tls_quota *quota)
{
	return atomic_load_explicit(&quota->halves, memory_order_relaxed);
}

bool tls_quota_is_used_up(const struct tls_quota *quota)
{
	return tls_quota_halves(quota) >=
	       atomic_load_explicit(&quota->halves_max, memory_order_relaxed);
}

void tls_quota_note_waiting(struct tls_quota *quota, int32_t more)
{
	atomic_fetch_add_explicit(&quota->waiting, (uint32_t)more, memory_order_relaxed);
}

uint32_t tls_quota_waiting(const struct tls_quota *quota)
{
	return atomic_load_explicit(&quota->waiting, memory_order_relaxed);
}

bool tls_quota_take_refusal(struct tls_quota *quota, uint64_t now_us)
{
	return bucket_take(&quota->refusals_full_ns, TLS_QUOTA_REFUSALS_PER_S, now_us * 1000);
}

void tls_quota_pack(const struct tls_quota *quota, struct pack *pack)
{
	pack_u64(pack, atomic_load_explicit(&quota->refusals_full_ns, memory_order_relaxed));
}

int tls_quota_unpack(struct tls_quota *quota, struct unpack *unpack)
{
	const uint64_t full_ns = unpack_u64(unpack);
	if (unpack->failed) {
		return -EINVAL;
	}
	atomic_store_explicit(&quota->refusals_full_ns, full_ns, memory_order_relaxed);
	return 0;
}
