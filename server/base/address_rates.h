/* How often each address opens connections: a bucket of tokens for each, in a table of fixed size.
 * Where there are more addresses than buckets, those forget what they did that have done nothing
 * for the longest time: they may do too much then, never too little.
 *
 * A bucket is told by the whole hash of its address, by a key that nobody knows, so that no two
 * share one. */
#ifndef TIDEGATE_ADDRESS_RATES_H
#define TIDEGATE_ADDRESS_RATES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ADDRESS_RATES_SLOTS = 65536,
	ADDRESS_RATES_WAYS = 4, /* buckets of one set, any of which an address may have */
	ADDRESS_RATES_SETS = ADDRESS_RATES_SLOTS / ADDRESS_RATES_WAYS,
	ADDRESS_RATES_BURST_S = 2, /* a full bucket holds what may be done in that time */
};

/* The times at which the buckets will be full again, by the clock of the callers. */
struct address_rate {
	uint64_t hash;
	uint64_t admitted_ns;
	uint64_t refused_ns; /* of those who are only told that it is too often */
};

/* Owner:  whoever holds its lock. Starts from zeros. */
struct address_rate_set {
	struct address_rate ways[ADDRESS_RATES_WAYS];
};

/* The bucket of a hash in its set; where there is none, that of whoever has been idle for longest
 * becomes it. */
struct address_rate *address_rates_find(struct address_rate_set *set, uint64_t hash);

/* Whether `full_ns`, one of a bucket's, has a token at `per_s` tokens a second; takes none. */
bool address_rates_may(uint64_t full_ns, uint32_t per_s, uint64_t now_ns);

/* Takes a token; there is one. */
void address_rates_take(uint64_t *full_ns, uint32_t per_s, uint64_t now_ns);

#endif
