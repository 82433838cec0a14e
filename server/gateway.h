/* The whole of it: builds the node from a config, runs it until a signal ends it. */
#ifndef TIDEGATE_GATEWAY_H
#define TIDEGATE_GATEWAY_H

#include "config/config.h"
#include "config/sources.h"

struct taker;

/* Runs the gateway in the foreground, in the place of the process that `taker` is the other end of;
 * NULL: of none. SIGTERM and SIGINT drain it, a second one ends it at once,
 * SIGHUP reads the config again, for which argc and argv are needed; where it stands for the end of
 * a terminal (signals.h) it drains too, and SIGUSR2 hands everything over to a new process. Thread:
 * main, before any other is started. Returns the exit code of the process: 0 after a drain or a
 * second signal, 1 when it could not start, with one line on standard error that says why. */
int gateway_run(const struct config *config, const struct sources *sources, int argc, char **argv,
	struct taker *taker);

#endif
