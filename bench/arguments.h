/* Numbers on a command line. Whatever is none ends the program as argp does, with a line that names
 * the option. */
#ifndef TIDEGATE_BENCH_ARGUMENTS_H
#define TIDEGATE_BENCH_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

#include "../proto/quantity.h"

/* From 0 to `max`, with a fraction. */
double arguments_real(struct argp_state *state, const char *name, const char *text, double max);

/* With a unit, or as a bare number, which may have a fraction. */
double arguments_seconds(struct argp_state *state, const char *name, const char *text, double max);

/* With the units of its kind, and no fraction. */
uint64_t arguments_whole(struct argp_state *state, const char *name, const char *text,
	enum quantity kind, uint64_t min, uint64_t max);

/* Of things, which have no unit. */
uint32_t arguments_count(
	struct argp_state *state, const char *name, const char *text, uint32_t min, uint32_t max);

#endif
