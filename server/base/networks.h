/* A few networks in CIDR, as people write them, and whether an address is in one of them. */
#ifndef TIDEGATE_NETWORKS_H
#define TIDEGATE_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/ip_address.h"
#include "remote.h"

enum {
	NETWORKS_MAX = 32,
	NETWORK_TEXT_MAX = 56, /* bytes of one as text, NUL included */
};

/* IPv4 is v4-mapped. */
struct network {
	uint8_t address[IP_ADDRESS_LEN];
	uint8_t bits;  /* of the prefix, of 128 */
	bool is_local; /* not an address at all: Unix sockets */
};

/* Owner: whoever declared it; plain data, copied by assignment. */
struct networks {
	uint32_t count;
	struct network list[NETWORKS_MAX];
};

/* Adds what a text names: `192.0.2.0/24`, `2001:db8::/32`, an address alone, or `unix`. Thread:
 * any. Errors: -EINVAL for what is none, -EDOM for bits behind the prefix, -EEXIST for one that is
 * there, -ENOSPC for one too many. */
int networks_add(struct networks *networks, const char *text);

/* Writes one of them. Thread: any. */
void networks_write(const struct network *network, char ret_text[NETWORK_TEXT_MAX]);

/* Whether an address is in one of them; of `::/0` no IPv4 is. Thread: any. */
bool networks_have(const struct networks *networks, const uint8_t address[IP_ADDRESS_LEN]);

/* Whether one of them is of Unix sockets, or of addresses. Thread: any. */
bool networks_have_kind(const struct networks *networks, bool is_local);

/* The same as networks_have of whoever is at the other end, a Unix socket perhaps. Thread: any. */
bool networks_have_remote(const struct networks *networks, const struct remote *remote);

#endif
