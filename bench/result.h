/* A run's result, for people and for programs. */
#ifndef TIDEGATE_BENCH_RESULT_H
#define TIDEGATE_BENCH_RESULT_H

#include "measurement.h"
#include "options.h"

/* Writes it to standard output, warnings included. */
void result_print(const struct options *options, const struct measurement *measurement);

/* Writes it as JSON. Errors: -errno. */
int result_write(const struct options *options, const struct measurement *measurement);

#endif
