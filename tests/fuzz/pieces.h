/* The front of a fuzzer's input says how the rest is cut into pieces. */
#ifndef TIDEGATE_TESTS_PIECES_H
#define TIDEGATE_TESTS_PIECES_H

#include <stddef.h>
#include <stdint.h>

/* The sizes, less one, are used round and round; none of them: all is one piece. */
struct pieces {
	const uint8_t *sizes;
	size_t count;
	size_t next;
};

/* Takes a count, 0 to 15, and as many sizes off the front. */
static inline struct pieces pieces_take(const uint8_t **data, size_t *len)
{
	struct pieces pieces = {0};
	if (*len > 0) {
		pieces.count = **data & 15;
		pieces.count = pieces.count < *len ? pieces.count : *len - 1;
		pieces.sizes = *data + 1;
		*data += 1 + pieces.count;
		*len -= 1 + pieces.count;
	}
	return pieces;
}

/* Bytes of the next piece when `left` are there. */
static inline size_t pieces_next(struct pieces *pieces, size_t left)
{
	if (pieces->count == 0) {
		return left;
	}
	const size_t size = 1 + (size_t)pieces->sizes[pieces->next++ % pieces->count];
	return size < left ? size : left;
}

#endif
