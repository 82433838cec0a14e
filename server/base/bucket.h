/* A bucket of tokens, kept as the one moment at which it will be full again: whoever may take a
 * token moves that on by what one takes to come back. For what is refused when there is none; what
 * may be owed is in rate.h. */
#ifndef TIDEGATE_BUCKET_H
#define TIDEGATE_BUCKET_H

#include <stdint.h>

#define BUCKET_SECOND_NS UINT64_C(1000000000)

/* When it will be full again, with one token more taken of `per_s` a second. There was one if that
 * is no further away than a whole bucket takes to fill. Thread: any. */
static inline uint64_t bucket_full_after(uint64_t full_ns, uint32_t per_s, uint64_t now_ns)
{
	return (full_ns > now_ns ? full_ns : now_ns) + BUCKET_SECOND_NS / per_s;
}

#endif
