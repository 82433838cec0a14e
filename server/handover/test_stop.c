#include "test_stop.h"

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_TESTS
void handover_test_stop(const char *step)
{
	static bool has_stopped;
	const char *wanted = getenv("TIDEGATE_TEST_HANDOVER_STOP");
	if (wanted && !has_stopped && strcmp(wanted, step) == 0) {
		has_stopped = true;
		raise(SIGSTOP);
	}
}

int handover_test_ms(int ms)
{
	const char *text = getenv("TIDEGATE_TEST_HANDOVER_MS");
	long wanted = text ? strtol(text, NULL, 10) : 0;
	return wanted > 0 && wanted < INT_MAX ? (int)wanted : ms;
}
#endif
