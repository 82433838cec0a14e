#include "clock.h"

#include <stdlib.h>

_Atomic uint64_t clock_skipped_ns;

void clock_skip(uint64_t us)
{
	atomic_fetch_add_explicit(&clock_skipped_ns, us * 1000, memory_order_relaxed);
}

uint64_t clock_skipped_us(void)
{
	return atomic_load_explicit(&clock_skipped_ns, memory_order_relaxed) / 1000;
}

#if HAVE_TESTS
int64_t clock_test_offset_ms;

void clock_read_test_offset(void)
{
	const char *text = getenv("TIDEGATE_TEST_CLOCK_OFFSET_MS");
	if (text) {
		clock_test_offset_ms = strtoll(text, NULL, 10);
	}
}
#endif
