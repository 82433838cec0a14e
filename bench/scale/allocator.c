#include "allocator.h"

#include "build_config.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>

/* As in main.c. */
extern const char *malloc_conf;
const char *malloc_conf = "metadata_thp:auto,dirty_decay_ms:5000,muzzy_decay_ms:0";

void allocator_purge(void)
{
	mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* MALLCTL_ARENAS_ALL */
}
#else
void allocator_purge(void)
{
}
#endif
