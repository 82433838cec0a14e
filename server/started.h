/* The line that says that the gateway serves, what it is and where it can be reached. */
#ifndef TIDEGATE_STARTED_H
#define TIDEGATE_STARTED_H

#include <stdint.h>

#include "config/config.h"
#include "node/listener.h"

/* Says it. `console` is where the admin port is, NULL for none. */
void started_say(const struct config *config, uint32_t workers, const struct listeners *listeners,
	const char *console);

#endif
