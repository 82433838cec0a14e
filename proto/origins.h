/* Which web pages may open a line: patterns that a request's Origin is held against. RFC 6454
 * section 7; RFC 6455 section 10.2.
 *
 * A pattern is an origin, scheme and host and maybe a port. `*.example.org` in the place of the
 * host is every subdomain, however deep, but not example.org itself; `*` in that of the port is any
 * port. `null` are pages without an origin: files, sandboxed frames. */
#ifndef TIDEGATE_ORIGINS_H
#define TIDEGATE_ORIGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum {
	ORIGINS_MAX = 32,
	ORIGIN_MAX = 128, /* bytes of a pattern, NUL included */
};

/* Owner: whoever declared it; plain data, copied by assignment. */
struct origins {
	uint32_t count;
	char patterns[ORIGINS_MAX][ORIGIN_MAX];
};

/* Adds a pattern. Thread: any. Errors: -EINVAL for what is none, -EEXIST for one that is there,
 * -ENOSPC for one too many. */
int origins_add(struct origins *origins, const char *pattern);

/* Whether an origin, as a browser sends it, is one that a pattern means; in the manner of hosts,
 * case does not count. Thread: any. */
bool origins_have(const struct origins *origins, struct slice origin);

#endif
