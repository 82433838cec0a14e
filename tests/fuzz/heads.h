/* Heads of HTTP, for fuzzers of those who judge them. */
#ifndef TIDEGATE_TESTS_FUZZ_HEADS_H
#define TIDEGATE_TESTS_FUZZ_HEADS_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/http_head.h"
#include "pieces.h"

/* In memory of its very size, so that a read beyond is seen. The caller's to free. */
static inline char *heads_copy(const uint8_t *data, size_t len)
{
	char *copy = malloc(len ? len : 1);
	assert(copy);
	return memcpy(copy, data, len);
}

/* The length of the head that `data` begins with, found in these pieces; 0 when there is none. */
static inline size_t heads_scan(enum http_head_kind kind, size_t limit, struct pieces pieces,
	const uint8_t *data, size_t len, enum http_head_progress *ret_progress)
{
	struct http_head_scan scan = {.state = (uint8_t)kind};
	struct slice head = {NULL, 0};

	*ret_progress = HTTP_HEAD_MORE;
	for (size_t fed = 0; fed < len && *ret_progress == HTTP_HEAD_MORE;) {
		fed += pieces_next(&pieces, len - fed);
		char *copy = heads_copy(data, fed);
		*ret_progress = http_head_scan(&scan, copy, fed, limit, &head);
		assert((head.data == copy) == (*ret_progress == HTTP_HEAD_COMPLETE));
		free(copy);
	}
	assert(head.len <= len && head.len <= limit);
	return head.len;
}

/* Pieces lead to what the whole leads to. Returns a copy of the head, for the caller to free; its
 * data is NULL where there is none. */
static inline struct slice heads_take(
	enum http_head_kind kind, size_t limit, const uint8_t *data, size_t len)
{
	const struct pieces pieces = pieces_take(&data, &len);
	enum http_head_progress progress;
	enum http_head_progress progress_in_pieces;

	const size_t head_len = heads_scan(kind, limit, (struct pieces){0}, data, len, &progress);
	assert(heads_scan(kind, limit, pieces, data, len, &progress_in_pieces) == head_len);
	assert(progress_in_pieces == progress);
	if (progress != HTTP_HEAD_COMPLETE) {
		return (struct slice){NULL, 0};
	}
	return (struct slice){heads_copy(data, head_len), head_len};
}

#endif
