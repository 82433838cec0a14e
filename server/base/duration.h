/* A length of time as people say it. */
#ifndef TIDEGATE_DURATION_H
#define TIDEGATE_DURATION_H

#include <stdint.h>

enum {
	DURATION_TEXT_MAX = 32, /* bytes, NUL included */
};

/* In its two largest units, from seconds on, rounded down: `0s`, `59s`, `3m12s`, `1h0m`, `2d23h`.
 * Thread: any. */
void duration_text(uint64_t ms, char ret_text[DURATION_TEXT_MAX]);

#endif
