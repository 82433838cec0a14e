/* A start without a start: finds out what it would find out. */
#ifndef TIDEGATE_REHEARSAL_H
#define TIDEGATE_REHEARSAL_H

#include "config/config.h"
#include "config/sources.h"

/* Holds a config that could be read against its own rules and against this machine: addresses, the
 * folders of Unix sockets, the token's file, descriptors, what max_connections asks for. Whether a
 * port is free is not asked, as the gateway that runs has it. Says on standard error what is wrong,
 * on standard output that nothing is. Thread: main. Returns the exit code of the process: 0 without
 * a fault, warnings or not. */
int rehearsal_run(const struct config *config, const struct sources *sources);

#endif
