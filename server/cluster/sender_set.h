/* Some users, by their hash; others may be taken for one of them. For what must keep its order with
 * what the same user has said before. */
#ifndef TIDEGATE_SENDER_SET_H
#define TIDEGATE_SENDER_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	SENDER_SET_PLACES = 4096,
};

/* All zero: nobody. */
struct sender_set {
	uint64_t bits[SENDER_SET_PLACES / 64];
	bool has_any;
};

static inline void sender_set_add(struct sender_set *set, uint32_t user_hash)
{
	const uint32_t place = user_hash % SENDER_SET_PLACES;
	set->bits[place / 64] |= UINT64_C(1) << place % 64;
	set->has_any = true;
}

static inline bool sender_set_may_have(const struct sender_set *set, uint32_t user_hash)
{
	const uint32_t place = user_hash % SENDER_SET_PLACES;
	return set->bits[place / 64] >> place % 64 & 1;
}

static inline void sender_set_clear(struct sender_set *set)
{
	if (set->has_any) {
		memset(set, 0, sizeof(*set));
	}
}

#endif
