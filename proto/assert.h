/* ASSERT stays in release builds: what it names is a bug of ours, and going on would make it worse.
 * A peer's input never asserts. */
#ifndef TIDEGATE_ASSERT_H
#define TIDEGATE_ASSERT_H

#include <stdio.h>
#include <stdlib.h>

#define ASSERT(condition)                                                                          \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0)) {                                           \
			fprintf(stderr, "tidegate: bug: %s:%d: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
