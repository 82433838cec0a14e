/* Whether what a config names could be listened at, found out without listening: the gateway that
 * the config is for may be running, and hold all of it. */
#ifndef TIDEGATE_LISTENER_CHECK_H
#define TIDEGATE_LISTENER_CHECK_H

#include "../config/config.h"
#include "../config/findings.h"
#include "../config/sources.h"

/* Tells of each listener, and of the admin port, whose name stands for nothing, whose address is
 * not this machine's, whose folder cannot be written to, or that is in another's way. Waits for the
 * resolver. Returns whether somebody on another machine may reach the admin port. Thread: main. */
bool listener_check(
	const struct config *config, const struct sources *sources, struct findings *findings);

#endif
