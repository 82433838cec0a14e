/* What tests of payloads say: of their strings, and of their beginnings. */
#ifndef TIDEGATE_TESTS_PAYLOADS_H
#define TIDEGATE_TESTS_PAYLOADS_H

#include <errno.h>

#include "../../proto/slice.h"
#include "split.h"

static inline void assert_slice(struct slice slice, const char *expected)
{
	if (!slice_equals(slice, slice_of(expected))) {
		fail_msg("\"%.*s\" is not \"%s\"", (int)slice.len, slice.data, expected);
	}
}

/* Whether `decode` refuses `wire` at each length under `whole`, read in memory of its very size,
 * and takes it whole. Decodes into `read`. */
#define ASSERT_REFUSES_BEGINNINGS(decode, wire, whole)                                             \
	for (size_t len = 0; len < (whole); len++) {                                               \
		uint8_t *piece = split_copy(wire, len);                                            \
		assert_int_equal(decode(piece, len, &read), -EBADMSG);                             \
		free(piece);                                                                       \
	}                                                                                          \
	assert_int_equal(decode(wire, whole, &read), 0);

#endif
