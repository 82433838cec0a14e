/* The last connections of one worker that ended, for people who wonder why.
 *
 * What ended as it should is kept apart from the rest: however many leave in good order, they push
 * out nobody who did not. */
#ifndef TIDEGATE_ENDED_H
#define TIDEGATE_ENDED_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../../proto/user_name.h"
#include "../base/remote.h"

enum {
	ENDED_MAX = 256, /* of each kind, kept by each worker */
};

enum ended_kind {
	ENDED_NORMAL, /* the client closed: with 1000 or 1001, or without a code */
	ENDED_OTHER,
	ENDED_KINDS,
};

/* Plain data. */
struct ended_entry {
	uint64_t ended_us; /* monotonic, read at the end itself: puts those of all workers in order
			    */
	uint64_t age_ms;   /* since the login */
	struct remote remote;
	uint16_t code; /* of the Close: ours, or the peer's; 0 without one */
	uint8_t reason;
	uint8_t worker;
	uint8_t name_len; /* 0: was never logged in */
	char name[USER_NAME_MAX];
};

/* Those of one kind. Plain data. */
struct ended_ring {
	uint64_t count;   /* ever */
	uint64_t lost_us; /* when the last one ended that is forgotten; 0: none is */
	struct ended_entry entries[ENDED_MAX];
};

/* Owner:  one worker.
 * Shared: never; others are given copies. Plain data. */
struct ended {
	struct ended_ring rings[ENDED_KINDS];
};

static inline enum ended_kind ended_kind_of(enum close_reason reason, uint16_t code)
{
	bool is_normal = reason == CLOSE_REASON_PEER_CLOSE &&
			 (code == CLOSE_CODE_NORMAL || code == CLOSE_CODE_GOING_AWAY ||
				 code == CLOSE_CODE_NONE);
	return is_normal ? ENDED_NORMAL : ENDED_OTHER;
}

/* The entry to be filled in, in place of the oldest. */
static inline struct ended_entry *ended_next(struct ended *ended, enum ended_kind kind)
{
	struct ended_ring *ring = &ended->rings[kind];
	struct ended_entry *entry = &ring->entries[ring->count % ENDED_MAX];
	/* Those of another process, which stand here too, may be older than what it has lost. */
	if (ring->count >= ENDED_MAX && entry->ended_us > ring->lost_us) {
		ring->lost_us = entry->ended_us;
	}
	ring->count++;
	return entry;
}

/* How many are kept: the first so many entries, in no order. */
static inline uint32_t ended_count(const struct ended_ring *ring)
{
	return ring->count < ENDED_MAX ? (uint32_t)ring->count : ENDED_MAX;
}

#endif
