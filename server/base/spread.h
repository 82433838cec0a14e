/* Slots for those who are sent away together, so that they come back apart.
 *
 * Each takes the next multiple of the golden ratio, of which only the fraction counts: however many
 * there are, they lie as evenly as can be, and neighbours in line lie far apart. */
#ifndef TIDEGATE_SPREAD_H
#define TIDEGATE_SPREAD_H

#include <stdint.h>

/* Owner:  one thread. */
struct spread {
	uint32_t fraction; /* in 2^-32 */
};

/* `sender` tells those apart who send away at the same time. */
static inline struct spread spread_begin(uint32_t sender)
{
	return (struct spread){.fraction = sender * 1779033703u}; /* of the root of two */
}

/* Returns the next one's slot, of 0 to `slots` - 1. */
static inline uint32_t spread_next(struct spread *spread, uint32_t slots)
{
	spread->fraction += 2654435769u;
	return (uint32_t)((uint64_t)spread->fraction * slots >> 32);
}

#endif
