/* What a registrar is made of, for its own files:
 *
 *   registrar.c        its life, and its thread
 *   registrar_rest.c   its last turns before a hand-over, and what comes of it
 *   registrar_pack.c   what it hands over */
#ifndef TIDEGATE_REGISTRAR_STATE_H
#define TIDEGATE_REGISTRAR_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "../base/mailbox.h"
#include "../base/park.h"
#include "../config/config.h"
#include "../config/nats_urls.h"
#include "../fanout/elsewhere.h"
#include "event_rules.h"
#include "event_waits.h"
#include "node.h"
#include "registrar_stats.h"

struct member;

/* Owner:  main; all but the mailbox, the flags and `stats` is the thread's own once it runs, and
 *         main's again while that is parked.
 * Shared: as said there. */
struct registrar {
	struct registrar_stats stats;
	struct node *node;
	struct loop loop;
	struct mailbox *mailbox;
	char id[CONFIG_ID_MAX];
	struct event_source source;
	struct event_rules rules;
	struct event_waits waits;
	struct elsewhere elsewhere; /* in a cluster */
	struct member *member;      /* NULL without one */
	int end_fd;                 /* an eventfd of main's */
	char why_ended[CONFIG_ERROR_MAX];
	atomic_bool has_ended; /* it cannot go on, and why_ended says why */
	uint64_t wall_ms;      /* of this turn */
	uint64_t resync_ms;    /* of the loop, when one may be told again */
	bool has_mail;         /* left by the last turn */
	atomic_bool waits_are_over;
	atomic_bool is_stopping;
	bool is_started;
	pthread_t thread;
	/* --- a hand-over --- */
	struct park_seat seat;
	atomic_bool
		is_resting; /* one is under way: nobody waits for events, nor asks from outside */
	bool is_released;   /* the node is another process's: no word more of it */
	bool is_taken;      /* the node was another process's: `source` is its */
	bool wants_line;    /* whose line to the cluster is up, by this server: */
	char first_url[NATS_URL_MAX];
};

/* A turn: takes its mail, looks at what is due, and brings all on its way. The loop has looked at
 * the clock. Returns for how many ms the next one may wait. */
int registrar_work(struct registrar *registrar);

#endif
