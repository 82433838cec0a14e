/* Many small pieces of one size that hold secrets: they are left out of core dumps, wiped when they
 * are given back, and cost no more than their size.
 *
 *   chunk: 64 KiB, aligned, so that a slot's address tells its chunk
 *   ┌────────┬──────┬──────┬──────┬───┬────────────┐
 *   │ header │ slot │ slot │ slot │ … │ not in use │    pages that no slot of has been taken yet
 *   └────────┴──────┴──────┴──────┴───┴────────────┘    are not touched
 */
#ifndef TIDEGATE_TLS_SLAB_H
#define TIDEGATE_TLS_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum {
	TLS_SLAB_CHUNK = 65536, /* bytes */
	TLS_SLAB_SLOT_MAX = 4096,
};

struct tls_chunk;

/* Owner:  one worker.
 * Shared: never. Does not move: its chunks point at it. */
struct tls_slab {
	uint32_t slot_size;      /* bytes */
	uint32_t chunk_count;    /* mapped, the spare one among them */
	struct tls_chunk *first; /* of those with a free slot: it is taken from */
	struct tls_chunk *last;
	struct tls_chunk *spare; /* one without a taken slot is kept, in no list */
};

/* Slots of so many bytes: a multiple of 8, at most TLS_SLAB_SLOT_MAX. */
void tls_slab_init(struct tls_slab *slab, uint32_t slot_size);

/* All slots have been given back. */
void tls_slab_finish(struct tls_slab *slab);

/* A slot, all zero, aligned to 8 bytes. Thread: the owner. Returns NULL without memory. */
void *tls_slab_take(struct tls_slab *slab);

/* Wipes a slot, frees it and nulls the giver's pointer. NULL is fine. Thread: the owner. */
void tls_slab_give(struct tls_slab *slab, void **slot);

#endif
