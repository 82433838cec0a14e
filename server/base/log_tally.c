#include "log_tally.h"

bool log_tally_admits(struct log_tally *tally, uint64_t second)
{
	uint64_t window = atomic_load_explicit(&tally->window, memory_order_relaxed);
	uint64_t counted;

	do {
		/* A thread that read the clock before another may be a second behind it. */
		counted = window >> 32 >= second ? window + 1 : second << 32 | 1;
		if ((uint32_t)counted > tally->lines_per_s) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&tally->window, &window, counted, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool log_tally_leave_out(struct log_tally *tally, const char *what)
{
	atomic_store_explicit(&tally->what, what, memory_order_relaxed);
	return atomic_fetch_add_explicit(&tally->left_out, 1, memory_order_release) == 0;
}

uint32_t log_tally_take(struct log_tally *tally)
{
	return atomic_exchange_explicit(&tally->left_out, 0, memory_order_acquire);
}
