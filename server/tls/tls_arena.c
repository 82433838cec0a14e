#include "tls_arena.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "build_config.h"
#include "tls_spares.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>

/* Only the gateway itself is linked with it. */
#pragma weak mallctl
#pragma weak mallocx
#pragma weak rallocx
#pragma weak dallocx
#pragma weak sallocx

/* Set before there are other threads. */
static bool exists;
static unsigned arena;
static extent_hooks_t *usual;
static extent_hooks_t hooks;
static pthread_key_t cache_key; /* whose value tells a thread that ends that it has a cache */

static _Thread_local int flags;                 /* of this thread's calls; 0: it has made none */
static _Thread_local unsigned cache;            /* of this thread, where `flags` have one */
static _Thread_local struct tls_spares *spares; /* likewise; NULL: it has never trimmed */

/* --- the arena ---------------------------------------------------------------------------------
 */

/* The mark is the pages' own: they keep it while jemalloc cuts and joins them, gives them back to
 * the kernel and takes them again. */
static void *map(extent_hooks_t *ours, void *wanted, size_t size, size_t alignment, bool *zero,
	bool *commit, unsigned of_arena)
{
	void *pages = usual->alloc(usual, wanted, size, alignment, zero, commit, of_arena);
	if (pages && madvise(pages, size, MADV_DONTDUMP) != 0) {
		usual->dalloc(usual, pages, size, *commit, of_arena);
		return NULL;
	}
	return pages;
}

/* --- a thread's cache --------------------------------------------------------------------------
 */

static int flags_without_cache(void)
{
	return (int)(MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
}

static void give_spares_back(void)
{
	void *block;
	while (spares && (block = tls_spares_take_any(spares))) {
		dallocx(block, flags);
	}
}

/* Of a thread that ends. What is freed behind this costs a lock. */
static void end_cache(void *value)
{
	give_spares_back();
	free(spares);
	spares = NULL;
	flags = flags_without_cache();
	mallctl("tcache.destroy", NULL, NULL, &cache, sizeof(cache));
}

/* A thread's usual cache holds blocks of its usual arena, so it gets another; without one each
 * block costs a lock, and all of them a tenth of a handshake. */
static void begin_cache(void)
{
	size_t size = sizeof(cache);
	flags = flags_without_cache();
	if (mallctl("tcache.create", &cache, &size, NULL, 0) != 0) {
		return;
	}
	if (pthread_setspecific(cache_key, &cache) != 0) {
		end_cache(NULL);
		return;
	}
	flags = (int)(MALLOCX_ARENA(arena) | MALLOCX_TCACHE(cache));
}

static int flags_of_thread(void)
{
	if (flags == 0) {
		begin_cache();
	}
	return flags;
}

/* --- what others call --------------------------------------------------------------------------
 */

int tls_arena_create(void)
{
	size_t size = sizeof(usual);
	extent_hooks_t *given = &hooks;
	if (!mallctl) {
		return 0;
	}
	if (pthread_key_create(&cache_key, end_cache) != 0 ||
		mallctl("arena.0.extent_hooks", &usual, &size, NULL, 0) != 0) {
		return -ENOMEM;
	}
	hooks = *usual;
	hooks.alloc = map;
	size = sizeof(arena);
	if (mallctl("arenas.create", &arena, &size, &given, sizeof(given)) != 0) {
		return -ENOMEM;
	}
	exists = true;
	return 0;
}

bool tls_arena_is_undumped(void)
{
	return exists;
}

/* So that the block may become a spare one. */
static size_t at_least(size_t size)
{
	return size > TLS_SPARES_SIZE_MIN ? size : TLS_SPARES_SIZE_MIN;
}

void *tls_arena_take(size_t size)
{
	if (!exists) {
		return malloc(size);
	}
	void *block = spares ? tls_spares_take(spares, size) : NULL;
	return block ? block : mallocx(at_least(size), flags_of_thread());
}

void *tls_arena_resize(void *memory, size_t size)
{
	return exists ? rallocx(memory, size, flags_of_thread()) : realloc(memory, size);
}

void tls_arena_give(void *memory)
{
	if (!exists) {
		free(memory);
	} else if (!spares || !tls_spares_put(spares, memory, sallocx(memory, 0))) {
		dallocx(memory, flags_of_thread());
	}
}

size_t tls_arena_size(void *memory)
{
	return exists ? sallocx(memory, 0) : malloc_usable_size(memory);
}

void tls_arena_trim(void)
{
	if (exists && flags != 0 && flags != flags_without_cache()) {
		give_spares_back();
		mallctl("tcache.flush", NULL, NULL, &cache, sizeof(cache));
		if (!spares) {
			spares = calloc(1, sizeof(*spares)); /* NULL: the thread goes without */
		}
	}
}

#else

int tls_arena_create(void)
{
	return 0;
}

bool tls_arena_is_undumped(void)
{
	return false;
}

void *tls_arena_take(size_t size)
{
	return malloc(size);
}

void *tls_arena_resize(void *memory, size_t size)
{
	return realloc(memory, size);
}

void tls_arena_give(void *memory)
{
	free(memory);
}

size_t tls_arena_size(void *memory)
{
	return malloc_usable_size(memory);
}

void tls_arena_trim(void)
{
}

#endif
