#include "arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/ascii.h"

double arguments_real(struct argp_state *state, const char *name, const char *text, double max)
{
	char *end;
	errno = 0;
	double value = strtod(text, &end);
	if (errno || end == text || *end || !(value >= 0 && value <= max)) {
		argp_error(
			state, "--%s takes a number from 0 to %.0f, not \"%s\"", name, max, text);
	}
	return value;
}

double arguments_seconds(struct argp_state *state, const char *name, const char *text, double max)
{
	uint64_t ms;
	if (quantity_parse(text, QUANTITY_MS, &ms) == 0 &&
		!ascii_is_digit(text[strlen(text) - 1])) {
		double value = (double)ms / 1000;
		if (value > max) {
			argp_error(state, "--%s takes at most %.0f seconds, not \"%s\"", name, max,
				text);
		}
		return value;
	}
	return arguments_real(state, name, text, max);
}

uint64_t arguments_whole(struct argp_state *state, const char *name, const char *text,
	enum quantity kind, uint64_t min, uint64_t max)
{
	uint64_t value = 0;
	if (quantity_parse(text, kind, &value) < 0 || value < min || value > max) {
		argp_error(state, "--%s takes a whole number from %llu to %llu, not \"%s\"", name,
			(unsigned long long)min, (unsigned long long)max, text);
	}
	return value;
}

uint32_t arguments_count(
	struct argp_state *state, const char *name, const char *text, uint32_t min, uint32_t max)
{
	return (uint32_t)arguments_whole(state, name, text, QUANTITY_COUNT, min, max);
}
