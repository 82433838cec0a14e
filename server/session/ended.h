/* The last connections of one worker that ended, for people who wonder why. */
#ifndef TIDEGATE_ENDED_H
#define TIDEGATE_ENDED_H

#include <stdint.h>

#include "../../proto/user_name.h"
#include "../base/remote.h"

enum {
	ENDED_MAX = 256, /* kept by each worker */
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

/* Owner:  one worker.
 * Shared: never; others are given copies. */
struct ended {
	uint64_t count; /* ever */
	struct ended_entry entries[ENDED_MAX];
};

/* The entry to be filled in, in place of the oldest. */
static inline struct ended_entry *ended_next(struct ended *ended)
{
	return &ended->entries[ended->count++ % ENDED_MAX];
}

/* Copies up to `max`, the newest first. Returns how many. */
static inline uint32_t ended_copy(
	const struct ended *ended, struct ended_entry *ret_entries, uint32_t max)
{
	uint32_t count = 0;
	while (count < max && count < ENDED_MAX && count < ended->count) {
		ret_entries[count] = ended->entries[(ended->count - 1 - count) % ENDED_MAX];
		count++;
	}
	return count;
}

#endif
