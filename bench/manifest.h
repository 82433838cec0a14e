/* What machine and what build a result is from. */
#ifndef TIDEGATE_BENCH_MANIFEST_H
#define TIDEGATE_BENCH_MANIFEST_H

#include <jansson.h>

#include "options.h"

/* The caller's to free. */
json_t *manifest_json(const struct options *options);

#endif
