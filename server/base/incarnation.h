/* One run of a node, told apart from all others of that node and of others: by when it began and 64
 * random bits. */
#ifndef TIDEGATE_INCARNATION_H
#define TIDEGATE_INCARNATION_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../../proto/ascii.h"
#include "../../proto/slice.h"

enum {
	INCARNATION_TEXT_MAX = 16 + 1 + 16 + 1, /* bytes, NUL included */
};

/* Plain data. */
struct incarnation {
	uint64_t wall_ms; /* since 1970 */
	uint64_t random;
};

static inline bool incarnation_is_same(const struct incarnation *a, const struct incarnation *b)
{
	return a->wall_ms == b->wall_ms && a->random == b->random;
}

/* Whether `a` began before `b`. */
static inline bool incarnation_is_older(const struct incarnation *a, const struct incarnation *b)
{
	return a->wall_ms != b->wall_ms ? a->wall_ms < b->wall_ms : a->random < b->random;
}

/* As it stands in events and on the admin port: both numbers in hexadecimal, `19ad0e5f2c1-...`. */
static inline void incarnation_text(
	const struct incarnation *incarnation, char ret_text[INCARNATION_TEXT_MAX])
{
	snprintf(ret_text, INCARNATION_TEXT_MAX, "%" PRIx64 "-%016" PRIx64, incarnation->wall_ms,
		incarnation->random);
}

/* Reads 1 to 16 hexadecimal digits. */
static inline bool incarnation_read_number(struct slice text, uint64_t *ret_number)
{
	uint64_t number = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = ascii_hex_value(text.data[i]);
		if (digit < 0) {
			return false;
		}
		number = number << 4 | (uint64_t)digit;
	}
	*ret_number = number;
	return text.len >= 1 && text.len <= 16;
}

/* Reads a whole text of that form. Returns whether it is one. */
static inline bool incarnation_read(struct slice text, struct incarnation *ret_incarnation)
{
	struct incarnation read;
	struct slice wall_ms = slice_cut(&text, '-');
	if (!incarnation_read_number(wall_ms, &read.wall_ms) ||
		!incarnation_read_number(text, &read.random)) {
		return false;
	}
	*ret_incarnation = read;
	return true;
}

#endif
