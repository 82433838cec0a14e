/* Heads of HTTP, for tests of those who find and judge them. */
#ifndef TIDEGATE_TESTS_HEADS_H
#define TIDEGATE_TESTS_HEADS_H

#include <stdlib.h>
#include <string.h>

#include "../../proto/http_head.h"
#include "split.h"

/* Finds a head's end in pieces, all bytes so far in memory of their very size each time. All ways
 * to cut it must lead to the same: it ends where the text does. */
static inline void heads_find(enum http_head_kind kind, size_t limit, const char *text)
{
	const size_t len = strlen(text);

	for (size_t split = 0; split <= len; split++) {
		struct http_head_scan scan = {.state = (uint8_t)kind};
		struct slice head = {NULL, 0};
		size_t fed = 0;
		while (fed < len) {
			fed += split_piece(split, fed, len);
			char *copy = split_copy(text, fed);
			assert_int_equal(http_head_scan(&scan, copy, fed, limit, &head),
				fed < len ? HTTP_HEAD_MORE : HTTP_HEAD_COMPLETE);
			free(copy);
		}
		assert_int_equal(head.len, len);
	}
}

#endif
