/* Memory that is left out of core dumps: an arena of jemalloc's of its own. Where the program is
 * not linked with jemalloc, as for a sanitizer, it is malloc's, and core dumps have it.
 *
 * One for the process. */
#ifndef TIDEGATE_TLS_ARENA_H
#define TIDEGATE_TLS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Before anything is taken. Thread: main, while it is the only one. Errors: -ENOMEM. */
int tls_arena_create(void);

/* Whether it is left out of core dumps. Thread: any. */
bool tls_arena_is_undumped(void);

/* As malloc, realloc, free and malloc_usable_size; `size` is not 0, `memory` not NULL. Thread: any.
 */
void *tls_arena_take(size_t size);
void *tls_arena_resize(void *memory, size_t size);
void tls_arena_give(void *memory);
size_t tls_arena_size(void *memory);

/* Gives back what the calling thread keeps at hand, to be taken again without a lock. From the
 * first call on it keeps small blocks ahead of jemalloc's own cache too, 192 KiB at most: that is
 * for a thread which calls this whenever it has no handshake under way. Thread: any. */
void tls_arena_trim(void);

#endif
