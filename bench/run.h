/* One run from the first connection to the last answer: starts the generators, leads them through
 * the phases, takes the figures. */
#ifndef TIDEGATE_BENCH_RUN_H
#define TIDEGATE_BENCH_RUN_H

#include "measurement.h"
#include "options.h"

/* Errors: -errno when it could not begin; a server that is not there is no error but a result.
 * measurement_finish is due all the same. Thread: main. */
int run_scenario(const struct options *options, struct measurement *ret_measurement);

void measurement_finish(struct measurement *measurement);

#endif
