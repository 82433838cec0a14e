/* A thread that serves connections: its loop, its connections, its share of the fan-out.
 *
 *   a turn:  wait ─> now ─> I/O ─> mailbox ─> fan-out ─> deadlines ─> reap ─┐
 *             ^───────────────────────────────────────────────────────────────┘
 *
 * Each part is bounded, so that none starves another. */
#ifndef TIDEGATE_WORKER_H
#define TIDEGATE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "../base/stats.h"
#include "../config/config.h"
#include "node.h"

enum worker_mail {
	WORKER_MAIL_SOCKETS, /* struct socket_batch, from an acceptor */
	WORKER_MAIL_FANOUT,  /* from another worker's fan-out */
	WORKER_MAIL_KICK,    /* from the user table, by way of another worker */
	WORKER_MAIL_RELOAD,  /* struct worker_order: take over limits and deadlines */
	WORKER_MAIL_DRAIN,   /* struct worker_order: send everybody away */
	WORKER_MAIL_ORDER,   /* struct order, from the admin port, to which it returns */
	WORKER_MAIL_STOP,    /* the worker's own: end now */
};

/* What changes while running; counted in orders_pending by who posts it.
 * Owner:  the gateway until posted, then the worker, which frees it. */
struct worker_order {
	struct mail mail;
	uint64_t drain_ms;    /* of WORKER_MAIL_DRAIN: over how long */
	struct config config; /* of WORKER_MAIL_RELOAD */
};

struct worker;

/* Makes a worker; its thread does not run yet. Errors: -errno. */
int worker_create(
	struct node *node, uint8_t id, const struct config *config, struct worker **ret_worker);

/* Errors: -errno of pthread_create. */
int worker_start(struct worker *worker);

/* Tells the thread to end at once. Cannot fail for memory. Once only. Thread: any. */
void worker_stop(struct worker *worker);

/* Waits for the thread to end. Fine for one that was not started. */
void worker_join(struct worker *worker);

/* Frees a worker, once the threads of all workers have ended, with what is left in its mailbox, and
 * nulls the giver's pointer. *worker may be NULL. Thread: registered with the user table. */
void worker_destroy(struct worker **worker);

/* Hands over an item of any kind above but the last. Thread: any. */
void worker_post(struct worker *worker, enum worker_mail kind, struct mail *mail);

/* Sockets given to the worker and not closed yet; whoever posts some adds them. Thread: any. */
_Atomic uint32_t *worker_load(struct worker *worker);

/* What it has counted. Thread: any. */
const struct stats *worker_stats(const struct worker *worker);

#endif
