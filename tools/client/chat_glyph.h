/* What the next piece of a text is, and what it takes on a terminal. */
#ifndef TIDEGATE_CHAT_GLYPH_H
#define TIDEGATE_CHAT_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glyph {
	size_t len;       /* bytes, 1 to 4 */
	uint32_t code;    /* of Unicode; of a byte that is no UTF-8: the byte */
	unsigned columns; /* 0: joins what stands before it; of what is harmful: 1 */
	bool is_harmful;  /* not to be shown as it is: a control, or no UTF-8 */
};

/* Thread: any, after setlocale(3) with a locale of UTF-8, which knows the widths: without one they
 * are all 1. `len` is 1 or more. */
struct glyph glyph_at(const char *text, size_t len);

/* Where the glyph begins that ends at `at`, 1 or more, with what joins it. Thread: any. */
size_t glyph_before(const char *text, size_t at);

/* Where the glyph ends that begins at `at`, with what joins it. Thread: any. */
size_t glyph_behind(const char *text, size_t len, size_t at);

#endif
