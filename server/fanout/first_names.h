/* Of many names that come in any order the first ones, in the order of their bytes, each once. */
#ifndef TIDEGATE_FIRST_NAMES_H
#define TIDEGATE_FIRST_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/slice.h"

enum {
	FIRST_NAMES_MAX = 256,
};

/* Owner:  the caller, of what the names point to as well. */
struct first_names {
	struct slice after; /* only names behind it */
	uint32_t most;      /* at most FIRST_NAMES_MAX */
	uint32_t count;     /* at most `most`, and one that tells that there are more */
	struct slice names[FIRST_NAMES_MAX + 1];
};

void first_names_begin(struct first_names *first, struct slice after, uint32_t most);
void first_names_add(struct first_names *first, struct slice name);

/* How many there are of those asked for. */
static inline uint32_t first_names_count(const struct first_names *first)
{
	return first->count < first->most ? first->count : first->most;
}

/* Whether no others come behind them. */
static inline bool first_names_are_all(const struct first_names *first)
{
	return first->count <= first->most;
}

#endif
