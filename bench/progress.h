/* One line on a terminal that says how far the run is; nothing where standard error is none. */
#ifndef TIDEGATE_BENCH_PROGRESS_H
#define TIDEGATE_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "measurement.h"

/* How far a phase is, from 0 to 1, and what it is doing. */
void progress_show(const char *what, double done, const struct sample *sample, const char *unit);

/* Wipes the line. */
void progress_clear(void);

#endif
