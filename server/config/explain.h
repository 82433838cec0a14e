/* Tells a person what is in force, and where each value came from. */
#ifndef TIDEGATE_EXPLAIN_H
#define TIDEGATE_EXPLAIN_H

#include <stdbool.h>

#include "config.h"
#include "sources.h"

/* Writes to standard output a config file that says what `config` says; behind each value stands
 * its source. With `only_changed` those are left out that have their default. Secrets are not part
 * of a config: it names files that hold them. Thread: main. Returns the exit code of the process: 1
 * when it could not be written. */
int explain_print(const struct config *config, const struct sources *sources, bool only_changed);

#endif
