/* The gateway's own allocator with the gateway's own settings, so that memory is that of the
 * gateway. */
#ifndef TIDEGATE_BENCH_SCALE_ALLOCATOR_H
#define TIDEGATE_BENCH_SCALE_ALLOCATOR_H

/* It gives back what is free, which takes it 5 s else. Nothing in a build without jemalloc. */
void allocator_purge(void);

#endif
