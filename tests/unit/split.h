/* Input in pieces, for tests of decoders: every decoder must tell the same whatever the pieces.
 *
 * One number says how an input is cut: 0 is byte by byte, its length is whole, and what lies
 *between is the place of the one cut. So a test runs over all of them with
 *
 *	for (size_t split = 0; split <= len; split++) ...
 */
#ifndef TIDEGATE_TESTS_SPLIT_H
#define TIDEGATE_TESTS_SPLIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the piece that begins at `offset`. */
static inline size_t split_piece(size_t split, size_t offset, size_t len)
{
	if (split == 0) {
		return 1;
	}
	return (offset < split && split < len ? split : len) - offset;
}

/* A copy in memory of its very size, so that a sanitizer sees each byte read beside it. */
static inline void *split_copy(const void *data, size_t len)
{
	void *copy = malloc(len ? len : 1);
	if (!copy) {
		abort();
	}
	return memcpy(copy, data, len);
}

/* Numbers that look random and are the same in each run. */
static inline uint32_t split_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
