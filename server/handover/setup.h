/* What the two processes must agree on beside the version of what they say: options that a new
 * process cannot change for lines that are there. Those of a cluster are the registrar's. */
#ifndef TIDEGATE_SETUP_H
#define TIDEGATE_SETUP_H

#include "../base/pack.h"
#include "../config/config.h"
#include "messages.h"

/* Written by the giver. */
void setup_pack(const struct config *config, struct pack *pack);

/* Holds the taker's against it. Errors: -EINVAL: those are no options; -EPERM: they differ. ret_why
 * says in what, for people. Thread: any. */
int setup_check(
	struct unpack *unpack, const struct config *config, char ret_why[HANDOVER_TEXT_MAX]);

#endif
