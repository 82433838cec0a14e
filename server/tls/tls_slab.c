#include "tls_slab.h"

#include <stdbool.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "../../proto/assert.h"

/* The rest of it are its slots. */
struct tls_chunk {
	struct tls_slab *slab;
	struct tls_chunk *next; /* of those with a free slot */
	struct tls_chunk *previous;
	void *free;     /* slots that were given back: each begins with a pointer to the next */
	uint32_t fresh; /* where the first slot lies that was never taken, in bytes */
	uint32_t taken; /* slots */
};

static const uintptr_t CHUNK_MASK = TLS_SLAB_CHUNK - 1;

/* --- chunks ------------------------------------------------------------------------------------
 */

/* Twice as much as is needed has an aligned half in it. */
static struct tls_chunk *map_chunk(struct tls_slab *slab)
{
	uint8_t *pages = mmap(NULL, 2 * TLS_SLAB_CHUNK, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		return NULL;
	}
	const size_t before = -(uintptr_t)pages & CHUNK_MASK;
	if (before > 0) {
		munmap(pages, before);
	}
	struct tls_chunk *chunk = (struct tls_chunk *)(pages + before);
	munmap(pages + before + TLS_SLAB_CHUNK, TLS_SLAB_CHUNK - before);
	if (madvise(chunk, TLS_SLAB_CHUNK, MADV_DONTDUMP) != 0) {
		munmap(chunk, TLS_SLAB_CHUNK);
		return NULL;
	}
	chunk->slab = slab;
	chunk->fresh = sizeof(*chunk);
	slab->chunk_count++;
	return chunk;
}

static void unmap_chunk(struct tls_slab *slab, struct tls_chunk *chunk)
{
	munmap(chunk, TLS_SLAB_CHUNK);
	slab->chunk_count--;
}

static bool is_full(const struct tls_chunk *chunk)
{
	return !chunk->free && chunk->fresh + chunk->slab->slot_size > TLS_SLAB_CHUNK;
}

/* At the end: whatever has become free last is taken last, so that it may become empty. */
static void link_chunk(struct tls_slab *slab, struct tls_chunk *chunk)
{
	chunk->next = NULL;
	chunk->previous = slab->last;
	if (slab->last) {
		slab->last->next = chunk;
	} else {
		slab->first = chunk;
	}
	slab->last = chunk;
}

static void unlink_chunk(struct tls_slab *slab, struct tls_chunk *chunk)
{
	if (chunk->previous) {
		chunk->previous->next = chunk->next;
	} else {
		slab->first = chunk->next;
	}
	if (chunk->next) {
		chunk->next->previous = chunk->previous;
	} else {
		slab->last = chunk->previous;
	}
}

/* Makes sure that there is a free slot. */
static struct tls_chunk *open_chunk(struct tls_slab *slab)
{
	if (!slab->first) {
		struct tls_chunk *chunk = slab->spare ? slab->spare : map_chunk(slab);
		if (!chunk) {
			return NULL;
		}
		slab->spare = NULL;
		link_chunk(slab, chunk);
	}
	return slab->first;
}

/* --- slots -------------------------------------------------------------------------------------
 */

void tls_slab_init(struct tls_slab *slab, uint32_t slot_size)
{
	ASSERT(slot_size > 0 && slot_size % 8 == 0 && slot_size <= TLS_SLAB_SLOT_MAX);
	*slab = (struct tls_slab){.slot_size = slot_size};
}

void tls_slab_finish(struct tls_slab *slab)
{
	if (slab->spare) {
		unmap_chunk(slab, slab->spare);
		slab->spare = NULL;
	}
	ASSERT(slab->chunk_count == 0);
}

void *tls_slab_take(struct tls_slab *slab)
{
	struct tls_chunk *chunk = open_chunk(slab);
	if (!chunk) {
		return NULL;
	}
	void **slot = chunk->free;
	if (slot) {
		chunk->free = *slot;
		*slot = NULL;
	} else {
		slot = (void **)((uint8_t *)chunk + chunk->fresh);
		chunk->fresh += slab->slot_size;
	}
	chunk->taken++;
	if (is_full(chunk)) {
		unlink_chunk(slab, chunk);
	}
	return slot;
}

void tls_slab_give(struct tls_slab *slab, void **slot)
{
	void **given = *slot;
	if (!given) {
		return;
	}
	*slot = NULL;
	struct tls_chunk *chunk = (struct tls_chunk *)((uintptr_t)given & ~CHUNK_MASK);
	ASSERT(chunk->slab == slab && chunk->taken > 0);
	if (is_full(chunk)) {
		link_chunk(slab, chunk);
	}
	OPENSSL_cleanse(given, slab->slot_size);
	*given = chunk->free;
	chunk->free = given;
	chunk->taken--;
	if (chunk->taken > 0) {
		return;
	}
	unlink_chunk(slab, chunk);
	if (slab->spare) {
		unmap_chunk(slab, chunk);
	} else {
		slab->spare = chunk;
	}
}
