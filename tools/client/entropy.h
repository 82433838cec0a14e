/* Random bytes from the kernel, fetched in batches: masks (RFC 6455 section 5.3), keys, jitter. */
#ifndef TIDEGATE_CLIENT_ENTROPY_H
#define TIDEGATE_CLIENT_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

enum {
	ENTROPY_BATCH = 256, /* bytes: what the kernel gives whole, whatever signals come */
};

/* Owner:  a login.
 * Shared: never. Zero-initialised is the start. */
struct entropy {
	/* Where bytes come from, for tests; NULL: getrandom(2). 0 or -errno. */
	int (*fetch)(void *data, uint8_t *ret_bytes, size_t len);
	void *data;
	size_t left; /* bytes at the end of `batch` not given out yet */
	uint8_t batch[ENTROPY_BATCH];
};

/* Writes `len` bytes, at most ENTROPY_BATCH, none of which was or will be given out again.
 * Errors: -errno of getrandom(2). */
int entropy_take(struct entropy *entropy, void *ret_bytes, size_t len);

#endif
