/* What the proxies in front say of a client's address in a request's head: `X-Forwarded-For`, or
 * `Forwarded` of RFC 7239.
 *
 * Each proxy writes, behind what has come, who asked it. So the list is read from its end, and only
 * as far as proxies that are trusted have written it: what stands in front of that may be anybody's
 * invention. */
#ifndef TIDEGATE_FORWARDED_H
#define TIDEGATE_FORWARDED_H

#include <stdbool.h>

#include "ip_address.h"
#include "slice.h"

/* Only one of them is read, as a proxy that writes one may pass on the other as it came. */
enum forwarded_kind {
	FORWARDED_XFF,
	FORWARDED_STANDARD,
};

enum forwarded_found {
	FORWARDED_CLIENT,  /* *ret_client is set */
	FORWARDED_ABSENT,  /* there is no such field, or nothing in it */
	FORWARDED_UNCLEAR, /* a proxy has hidden it, or written what cannot be understood */
};

/* Who is trusted, but the one from whom the request has come: the caller has asked for that. */
struct forwarded_trust {
	bool (*has)(const void *context, const uint8_t address[IP_ADDRESS_LEN]);
	const void *context;
};

/* Finds the client in a request's fields, those of several lines joined: the last entry that is no
 * trusted proxy; where all are, the first one. Its time goes with what trusted proxies have
 * written. Thread: any. */
enum forwarded_found forwarded_find(struct slice fields, enum forwarded_kind kind,
	const struct forwarded_trust *trust, struct ip_address *ret_client);

#endif
