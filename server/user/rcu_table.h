/* What the tables of users and of rooms have in common: both are liburcu's lfht, whose keys come
 * from strangers. */
#ifndef TIDEGATE_RCU_TABLE_H
#define TIDEGATE_RCU_TABLE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

enum {
	RCU_TABLE_KEY_BYTES = crypto_shorthash_KEYBYTES,
};

/* Sets the key of a table's hashes: the given one, which nodes of a cluster have in common, or with
 * NULL a random one. Thread: any. */
static inline void rcu_table_set_key(
	unsigned char key[RCU_TABLE_KEY_BYTES], const uint8_t *given_key)
{
	if (given_key) {
		memcpy(key, given_key, RCU_TABLE_KEY_BYTES);
	} else {
		randombytes_buf(key, RCU_TABLE_KEY_BYTES);
	}
}

/* A hash that strangers cannot guess, the same on machines of all kinds. Thread: any. */
static inline uint64_t rcu_table_hash64(
	const unsigned char key[RCU_TABLE_KEY_BYTES], const char *data, size_t len)
{
	uint64_t hash;
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the whole hash fits");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)data, len, key);
	return le64toh(hash);
}

/* The hash of the tables themselves: the high half of that. Thread: any. */
static inline uint32_t rcu_table_hash(
	const unsigned char key[RCU_TABLE_KEY_BYTES], const char *data, size_t len)
{
	return (uint32_t)(rcu_table_hash64(key, data, len) >> 32);
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
