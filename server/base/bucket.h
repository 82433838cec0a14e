/* A bucket of tokens, kept as the one moment at which it will be full again: whoever may take a
 * token moves that on by what one takes to come back. For what is refused when there is none; what
 * may be owed is in rate.h. */
#ifndef TIDEGATE_BUCKET_H
#define TIDEGATE_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BUCKET_SECOND_NS UINT64_C(1000000000)

/* When it will be full again, with one token more taken of `per_s` a second. There was one if that
 * is no further away than a whole bucket takes to fill. Thread: any. */
static inline uint64_t bucket_full_after(uint64_t full_ns, uint32_t per_s, uint64_t now_ns)
{
	return (full_ns > now_ns ? full_ns : now_ns) + BUCKET_SECOND_NS / per_s;
}

/* Takes a token of a bucket that several threads share and that fills within a second. Returns
 * false where there is none. Thread: any. */
static inline bool bucket_take(_Atomic uint64_t *full_ns, uint32_t per_s, uint64_t now_ns)
{
	uint64_t before_ns = atomic_load_explicit(full_ns, memory_order_relaxed);
	uint64_t after_ns;
	do {
		after_ns = bucket_full_after(before_ns, per_s, now_ns);
		if (after_ns > now_ns + BUCKET_SECOND_NS) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		full_ns, &before_ns, after_ns, memory_order_relaxed, memory_order_relaxed));
	return true;
}

#endif
