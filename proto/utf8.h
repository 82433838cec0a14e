/* UTF-8 validation, whole or in pieces. RFC 3629; RFC 6455 section 8.1. */
#ifndef TIDEGATE_UTF8_H
#define TIDEGATE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a check that goes on in pieces stands: the bytes of a character still to come.
 * Owner: the caller. Zero-initialised is the start. */
struct utf8_state {
	uint8_t need;  /* continuation bytes still to come, 0 to 3 */
	uint8_t lower; /* bounds of the next one: rule out overlong forms, surrogates, > U+10FFFF */
	uint8_t upper;
};

/* Whether `data` is well-formed UTF-8. Runs of ASCII cost well under a nanosecond a byte.
 * Thread: any. */
bool utf8_valid(const uint8_t *data, size_t len);

/* Goes on with a text that arrives in pieces. False as soon as the bytes so far cannot begin any
 * valid text. Thread: any. */
bool utf8_check(struct utf8_state *state, const uint8_t *data, size_t len);

/* Whether the text may end here, that is between two characters. Thread: any. */
static inline bool utf8_complete(const struct utf8_state *state)
{
	return state->need == 0;
}

#endif
