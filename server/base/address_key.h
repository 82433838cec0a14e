/* Under what an address is counted. IPv4 by itself; IPv6 by its /64, which is what one customer has
 * at least, and by its /48, which one may have at most. */
#ifndef TIDEGATE_ADDRESS_KEY_H
#define TIDEGATE_ADDRESS_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/bytes.h"
#include "../../proto/ip_address.h"
#include "remote.h"

enum {
	ADDRESS_WIDE_TIMES = 16, /* what a /48 may do, in what a /64 may */
};

/* Plain data. */
struct address_key {
	uint64_t prefix;
	uint64_t rest; /* of IPv4 its lower half; else which prefix it is */
};

/* Plain data. */
struct address_keys {
	struct address_key narrow;
	struct address_key wide; /* with has_wide */
	bool has_wide;
};

/* Returns false for what has no address. Thread: any. */
static inline bool address_keys_of(const struct remote *remote, struct address_keys *ret_keys)
{
	const uint64_t high = load_be64(remote->address);
	if (!remote->is_inet) {
		return false;
	}
	if (ip_address_is_v4(remote->address)) {
		*ret_keys = (struct address_keys){.narrow = {high, load_be64(remote->address + 8)}};
	} else {
		*ret_keys = (struct address_keys){
			.narrow = {high, 64},
			.wide = {high & ~UINT64_C(0xffff), 48},
			.has_wide = true,
		};
	}
	return true;
}

static inline bool address_key_is_same(const struct address_key *a, const struct address_key *b)
{
	return a->prefix == b->prefix && a->rest == b->rest;
}

#endif
