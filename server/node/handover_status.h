/* How it stands with handing over to a new process, for who asks by the admin port. */
#ifndef TIDEGATE_HANDOVER_STATUS_H
#define TIDEGATE_HANDOVER_STATUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/pack.h"

enum {
	HANDOVER_WHY_MAX = 256, /* bytes of a line for people, NUL included */
};

enum handover_state {
	HANDOVER_NONE,      /* nothing is under way */
	HANDOVER_PREPARING, /* the new process gets ready, or is to be started */
	HANDOVER_MOVING,    /* everything stands still, and the lines move */
};

/* Plain data. */
struct handover_figures {
	enum handover_state state;
	uint32_t pid;       /* of the new process, while one is under way; else 0 */
	uint64_t attempts;  /* that have ended, in this process and those before */
	uint64_t done;      /* of them, those after which the new process serves all lines */
	uint64_t refused;   /* those after which the old one went on */
	uint64_t broken;    /* those in which the old one died, and lines were lost */
	uint64_t lines;     /* of the last one that was done or broken: that moved */
	uint64_t lost;      /* lines, in all that were broken */
	uint64_t frozen_us; /* of the last one: for how long nobody was answered */
	uint64_t ended_ms;  /* when the last attempt ended, since 1970; 0: there was none */
	char why[HANDOVER_WHY_MAX]; /* the last one that was refused, for people; empty: the last
				       one was not */
};

/* Owner:  the node.
 * Shared: main writes, any thread reads, under the lock. */
struct handover_status {
	pthread_mutex_t lock;
	struct handover_figures figures;
};

/* Thread: main, as the others where nothing is said. */
void handover_status_init(struct handover_status *status);
void handover_status_finish(struct handover_status *status);

/* One begins, unless one is under way. Returns whether it does. Thread: any. */
bool handover_status_begin(struct handover_status *status);

/* How far it is. */
void handover_status_set(struct handover_status *status, enum handover_state state, uint32_t pid);

/* It has ended: the old process goes on; `why` is cut to HANDOVER_WHY_MAX. */
void handover_status_refuse(struct handover_status *status, const char *why);

/* It has ended, and this is the new process. With `lost` above 0 the old one has died. */
void handover_status_take(
	struct handover_status *status, uint64_t lines, uint64_t lost, uint64_t frozen_us);

/* Thread: any. */
void handover_status_look(struct handover_status *status, struct handover_figures *ret_figures);

/* What goes to the new process: the counts. */
void handover_status_pack(struct handover_status *status, struct pack *pack);

/* Errors: -EINVAL. */
int handover_status_unpack(struct handover_status *status, struct unpack *unpack);

#endif
