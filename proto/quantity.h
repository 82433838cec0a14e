/* An amount as people write it: a number, and behind it a unit: 90, 90s, 1m30s, 64K. */
#ifndef TIDEGATE_QUANTITY_H
#define TIDEGATE_QUANTITY_H

#include <stdint.h>

enum quantity {
	QUANTITY_COUNT,   /* digits only */
	QUANTITY_SECONDS, /* ms, s, m, h and d may follow; a bare number is seconds */
	QUANTITY_MS,      /* the same; a bare number is milliseconds */
	QUANTITY_BYTES,   /* K, M, G and T may follow: powers of 1,024 */
};

enum {
	QUANTITY_TEXT_MAX = 24, /* bytes of what is written, NUL included */
};

/* Reads a whole text. Several times in a row add up, the longest first: 1h30m. Thread: any.
 * Errors: -EINVAL when it is no amount of that kind, -ERANGE when it is too large, -EDOM for a
 * part of a second where seconds are counted. */
int quantity_parse(const char *text, enum quantity kind, uint64_t *ret_amount);

/* Writes what quantity_parse reads as the same: bytes with the largest unit that leaves no rest,
 * the others as a bare number. Thread: any. */
void quantity_write(uint64_t amount, enum quantity kind, char ret_text[QUANTITY_TEXT_MAX]);

#endif
