/* The signals that steer the process, taken by main as they come. */
#ifndef TIDEGATE_SIGNALS_H
#define TIDEGATE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* Owner:  the gateway.
 * Shared: never. */
struct signals {
	int fd;              /* readable when one has come */
	bool ends_at_hangup; /* when its terminal goes it is to end */
	uint64_t
		hangup_until_ms; /* a SIGHUP came shortly before: the terminal may still be there */
};

#define SIGNALS_EMPTY ((struct signals){.fd = -1})

/* Blocks them for all threads that are started from here on, and has them come to `fd`. `has_file`:
 * SIGHUP is there to have a config file read again. Else, started from a terminal and not by
 * nohup(1), the process goes with it. Thread: main, before others are started. Errors: -errno. */
int signals_catch(struct signals *signals, bool has_file);

/* The number of the one that has come, SIGTERM, SIGINT, SIGHUP or SIGUSR2; 0 for none. SIGTERM
 * where the terminal has gone. To be asked every second or so: a shell passes SIGHUP on before its
 * terminal is gone. Thread: main. */
int signals_take(struct signals *signals);

/* Whether SIGTERM or SIGINT has come and is still to be taken. Thread: main. */
bool signals_have_end(void);

/* Fine with SIGNALS_EMPTY. The signals stay blocked. */
void signals_finish(struct signals *signals);

#endif
