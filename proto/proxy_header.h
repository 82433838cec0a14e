/* The PROXY protocol, versions 1 and 2: what a proxy says of a client before the client's own first
 * byte. The HAProxy project's proxy-protocol.txt, sections 2.1 and 2.2.
 *
 * Strict, since who reads it believes it; all of its lengths are bounded. */
#ifndef TIDEGATE_PROXY_HEADER_H
#define TIDEGATE_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ip_address.h"

enum {
	/* Bytes. Version 1 has at most 107; of version 2 addresses take few, and the rest are
	 * extensions, of which a client's certificate is the longest. */
	PROXY_HEADER_MAX = 8192,
};

enum proxy_header_progress {
	PROXY_HEADER_MORE,      /* it goes on */
	PROXY_HEADER_COMPLETE,  /* *ret_header is set */
	PROXY_HEADER_MALFORMED, /* these bytes cannot begin one, or break its rules */
};

/* Plain data. */
struct proxy_header {
	size_t len; /* bytes of it; what follows is the client's */
	/* False where the proxy speaks for itself (LOCAL), or for somebody without an IP address
	 * (UNKNOWN, UNSPEC, a Unix socket). */
	bool names_client;
	struct ip_address client;
};

/* Reads a header from all bytes so far. Its extensions are skipped, but for a checksum, which has
 * to be right. Thread: any. Sets *ret_header for PROXY_HEADER_COMPLETE only. */
enum proxy_header_progress proxy_header_read(
	const uint8_t *data, size_t len, struct proxy_header *ret_header);

#endif
