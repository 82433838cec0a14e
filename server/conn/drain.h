/* Sending one worker's connections away, one by one, so that they come back as a stream and not as
 * a herd: each Close 1012 names a time of its own after the restart. */
#ifndef TIDEGATE_DRAIN_H
#define TIDEGATE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "conns.h"

/* Owner:  one worker.
 * Shared: never. */
struct drain {
	bool active;
	uint64_t started_ms;
	uint32_t started_tick;
	uint64_t length_ms;
	uint32_t total;  /* connections at the beginning, each with a slot */
	uint32_t told;   /* slots used: of those that were live */
	uint32_t size;   /* records to go through */
	uint32_t cursor; /* records gone through */
};

/* Begins: from now on openings are answered 503, and told to come back after the drain. */
void drain_begin(struct drain *drain, struct conns *conns, uint64_t length_ms);

/* Closes those whose time has come, the first at once, at most `max`. Who connected before it and
 * has said nothing is closed without a word as it comes by. Returns the milliseconds until the
 * next, 0 when there are more right away, -1 when all have been told. */
int drain_step(struct drain *drain, struct conns *conns, uint32_t max);

#endif
