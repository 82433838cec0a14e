/* How far it has come to make equal with its owner what is known of one node: of resync.h alone,
 * but kept in struct peer. */
#ifndef TIDEGATE_RESYNC_STATE_H
#define TIDEGATE_RESYNC_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "directory.h"

enum resync_step {
	RESYNC_NONE,
	RESYNC_WAITS,   /* until `due_ms` and a place among those under way */
	RESYNC_DIGESTS, /* asked for; with `due_ms` the owner is given up */
	RESYNC_SHARDS,  /* likewise */
};

/* Zeroed: nothing is known to be wrong. */
struct resync_state {
	uint8_t step;    /* enum resync_step */
	uint8_t unequal; /* heartbeats in a row */
	uint8_t failures;
	bool is_large;         /* shards of more than a page */
	bool is_hasty;         /* something was lost, or all is new: the next heartbeat decides */
	uint8_t kinds_waiting; /* of digests: a bit for each kind */
	uint16_t asked_count;
	uint32_t pages_left; /* that the owner may still send: it is believed, but not for ever */
	uint64_t ask;
	uint64_t due_ms;
	uint64_t wanted[DIRECTORY_KINDS][DIRECTORY_SHARDS / 64];
	uint64_t asked[DIRECTORY_KINDS][DIRECTORY_SHARDS / 64];
};

static inline void resync_state_finish(struct resync_state *state)
{
	*state = (struct resync_state){0};
}

#endif
