/* An IP address, as people and proxies write it. RFC 4291 section 2.2. */
#ifndef TIDEGATE_IP_ADDRESS_H
#define TIDEGATE_IP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
	IP_ADDRESS_LEN = 16,    /* bytes of IPv6 */
	IP_ADDRESS_V4_LEN = 4,  /* bytes of IPv4 */
	IP_ADDRESS_V4_AT = 12,  /* where they begin in a v4-mapped address */
	IP_ADDRESS_V4_BITS = 96 /* of the prefix in front of them */
};

/* Plain data. */
struct ip_address {
	uint8_t bytes[IP_ADDRESS_LEN]; /* IPv6, or IPv4 as v4-mapped */
	uint16_t port;                 /* in the machine's order; 0: not told */
};

/* IPv4 as v4-mapped, without a port. Thread: any, all below. */
struct ip_address ip_address_of_v4(const uint8_t v4[IP_ADDRESS_V4_LEN]);

bool ip_address_is_v4(const uint8_t bytes[IP_ADDRESS_LEN]);

/* Reads a whole text: IPv4 in four decimal numbers without leading zeros, or IPv6, which may end in
 * such. No brackets, no port, no zone. Returns false, and sets nothing, for what is none. */
bool ip_address_read(struct slice text, struct ip_address *ret_address);

/* Reads an address behind which a port may stand: `192.0.2.1:80`, `[2001:db8::1]:80`, or either
 * without; IPv6 without a port needs no brackets. A port that begins with `_` hides the real one
 * (RFC 7239 section 6.2) and counts as none. Returns false, and sets nothing, for what is none. */
bool ip_address_read_endpoint(struct slice text, struct ip_address *ret_address);

#endif
