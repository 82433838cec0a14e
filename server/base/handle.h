/* A name for a connection that any thread may keep: {worker 8, index 24, generation 32 bits}.
 *
 * Nobody dereferences another thread's connection. The owner checks the generation before it
 * follows a handle, so that one that outlived its connection finds nothing instead of a stranger.
 */
#ifndef TIDEGATE_HANDLE_H
#define TIDEGATE_HANDLE_H

#include <stdint.h>

enum {
	HANDLE_WORKERS_MAX = 255,     /* ids 0 to 254 */
	HANDLE_WORKER_RESERVED = 255, /* no worker: bells, listeners, signals */
	HANDLE_INDEX_MAX = 0xffffff,  /* connections of one worker, less one */
};

/* As epoll carries it, in epoll_event.data.u64. */
typedef uint64_t handle_t;

static inline handle_t handle_make(uint8_t worker, uint32_t index, uint32_t generation)
{
	return (uint64_t)worker << 56 | (uint64_t)(index & HANDLE_INDEX_MAX) << 32 | generation;
}

static inline uint8_t handle_worker(handle_t handle)
{
	return (uint8_t)(handle >> 56);
}

static inline uint32_t handle_index(handle_t handle)
{
	return (uint32_t)(handle >> 32) & HANDLE_INDEX_MAX;
}

static inline uint32_t handle_generation(handle_t handle)
{
	return (uint32_t)handle;
}

#endif
