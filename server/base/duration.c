#include "duration.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* The largest first; each holds a whole number of the next. */
static const struct unit {
	char letter;
	uint64_t seconds;
} units[] = {
	{'d', 86400},
	{'h', 3600},
	{'m', 60},
	{'s', 1},
};

enum {
	LAST = sizeof(units) / sizeof(units[0]) - 1,
};

void duration_text(uint64_t ms, char ret_text[DURATION_TEXT_MAX])
{
	uint64_t seconds = ms / 1000;
	size_t i = 0;
	while (i < LAST && seconds < units[i].seconds) {
		i++;
	}
	int len = snprintf(ret_text, DURATION_TEXT_MAX, "%" PRIu64 "%c", seconds / units[i].seconds,
		units[i].letter);
	if (i < LAST) {
		snprintf(ret_text + len, DURATION_TEXT_MAX - (size_t)len, "%" PRIu64 "%c",
			seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].letter);
	}
}
