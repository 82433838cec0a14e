/* `tidegate --upgrade`: has the running gateway hand everything over to a new process of it. */
#ifndef TIDEGATE_UPGRADE_COMMAND_H
#define TIDEGATE_UPGRADE_COMMAND_H

#include "config/config.h"

/* Asks the gateway that the config is of, by its admin port, says once a second how far it is, and
 * at the end what came of it, on standard output; why not, on standard error. Without an admin port
 * it says which signal does the same. Thread: main. Returns the exit code of the process: 0 when
 * the new process serves, else 1. */
int upgrade_command_run(const struct config *config);

#endif
