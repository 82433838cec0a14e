/* Small blocks that a thread has freed and may take again. A handshake takes some 650 blocks,
 * nearly all of them small and soon freed; asking jemalloc for one of an arena, and giving it back,
 * are ten times as many instructions as malloc's.
 *
 * Blocks only: where they come from and what was in them is the caller's business. What lies here
 * is not written to: a pointer in a freed block would be there for a bug to alter.
 *
 * Thread: one. */
#ifndef TIDEGATE_TLS_SPARES_H
#define TIDEGATE_TLS_SPARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TLS_SPARES_CLASSES = 16,
	TLS_SPARES_MOST = 64,      /* blocks of a class */
	TLS_SPARES_SIZE_MIN = 16,  /* bytes */
	TLS_SPARES_SIZE_MAX = 512, /* bytes */
};

/* Owner:  one thread.
 * Shared: never. Zero-initialised. */
struct tls_spares {
	uint32_t counts[TLS_SPARES_CLASSES];
	void *blocks[TLS_SPARES_CLASSES][TLS_SPARES_MOST];
};

/* The block of at least `size` bytes that was put here last. NULL: there is none. */
void *tls_spares_take(struct tls_spares *spares, size_t size);

/* Puts one here that has `size` bytes, all of which may be used. False: there is no room for it. */
bool tls_spares_put(struct tls_spares *spares, void *block, size_t size);

/* Any block, to get rid of it. NULL: there is none left. */
void *tls_spares_take_any(struct tls_spares *spares);

#endif
