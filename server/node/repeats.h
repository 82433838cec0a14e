/* Ids of messages that were pushed lately, with what came of them: who sends one again, since he
 * does not know whether it arrived, makes no double. */
#ifndef TIDEGATE_REPEATS_H
#define TIDEGATE_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"

enum {
	REPEATS_MS = 60000,  /* how long one is remembered at least, unless there are too many */
	REPEATS_MAX = 65536, /* of a generation: with as many in a shorter time the oldest go */
};

/* What came of one: numbers of the asker's. */
struct repeat {
	uint64_t key; /* of the id; 0: the place is free */
	uint32_t numbers[2];
};

/* A generation: those of one minute, as a hash table with open addressing. */
struct repeats_table {
	struct repeat *places;
	uint32_t capacity; /* a power of two; 0 before the first */
	uint32_t count;
};

/* Of two generations the older one is forgotten at once. Zeroed but for its key, it is empty.
 * Owner:  one thread.
 * Shared: never. */
struct repeats {
	uint8_t hash_key[16];
	uint64_t since_ms; /* when the present generation began */
	struct repeats_table now;
	struct repeats_table before;
};

void repeats_init(struct repeats *repeats);
void repeats_finish(struct repeats *repeats);

/* The number that an id for those is known by, which nobody can foresee: two of them are equal by
 * chance once in 2^64. */
uint64_t repeats_key(const struct repeats *repeats, char kind, struct slice to, struct slice id);

/* What came of it; NULL: it is not known. Until the next call. */
const struct repeat *repeats_find(struct repeats *repeats, uint64_t key, uint64_t now_ms);

/* Remembers what came of one that is not known. Without memory for it nothing is remembered. */
void repeats_put(struct repeats *repeats, const struct repeat *repeat, uint64_t now_ms);

#endif
