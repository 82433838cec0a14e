/* Where a test has one of the two processes stand still, to end it there or to make it late. */
#ifndef TIDEGATE_TEST_STOP_H
#define TIDEGATE_TEST_STOP_H

#include "build_config.h"

#if HAVE_TESTS
/* Stops the process by SIGSTOP, once, where `step` is what TIDEGATE_TEST_HANDOVER_STOP names, as
 * "giver-parked". Thread: main. */
void handover_test_stop(const char *step);

/* What TIDEGATE_TEST_HANDOVER_MS says in the place of `ms`, for tests that would wait that long.
 * Thread: main. */
int handover_test_ms(int ms);
#else
static inline void handover_test_stop(const char *step)
{
	(void)step;
}

static inline int handover_test_ms(int ms)
{
	return ms;
}
#endif

#endif
