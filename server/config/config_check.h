/* The rules that take more than one option. */
#ifndef TIDEGATE_CONFIG_CHECK_H
#define TIDEGATE_CONFIG_CHECK_H

#include "config.h"
#include "findings.h"
#include "sources.h"

/* Tells what does not go together, what deserves a warning (a read deadline of 60 s or less cannot
 * be met by hidden browser tabs), and what the file says twice. Thread: any. Errors: -EINVAL when
 * there was a fault. */
int config_check(
	const struct config *config, const struct sources *sources, struct findings *findings);

#endif
