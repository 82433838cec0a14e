/* What the tables of users and of rooms have in common: both are liburcu's lfht, whose keys come
 * from strangers. */
#ifndef TIDEGATE_RCU_TABLE_H
#define TIDEGATE_RCU_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

#include "build_config.h"

/* What liburcu orders between threads, as ThreadSanitizer is to see it, which cannot look through
 * its library calls: what is published at a place before is seen behind a look at it. `grace` is a
 * place of the unit's own, where a reader's last look and the freeing meet. */
#if HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#define PUBLISH(place)      __tsan_release(place)
#define OBSERVE(place)      __tsan_acquire(place)
#define GRACE_BEGINS(grace) __tsan_release(grace)
#define GRACE_ENDS(grace)   __tsan_acquire(grace)
#else
#define PUBLISH(place)      ((void)(place))
#define OBSERVE(place)      ((void)(place))
#define GRACE_BEGINS(grace) ((void)(grace))
#define GRACE_ENDS(grace)   ((void)(grace))
#endif

/* A hash that strangers cannot guess. Thread: any. */
static inline uint32_t rcu_table_hash(
	const unsigned char key[crypto_shorthash_KEYBYTES], const char *data, size_t len)
{
	uint64_t hash;
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the whole hash fits");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)data, len, key);
	return (uint32_t)(hash ^ hash >> 32);
}

/* Buckets for so many keys: powers of two between these. Thread: any. */
static inline size_t rcu_table_buckets(size_t count, size_t min, size_t max)
{
	size_t buckets = min;
	while (buckets < count && buckets < max) {
		buckets *= 2;
	}
	return buckets;
}

#endif
