/* A thread that serves connections, turn after turn; see serving.h for what a turn does. */
#ifndef TIDEGATE_WORKER_H
#define TIDEGATE_WORKER_H

#include <stdatomic.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "../base/stats.h"
#include "../config/config.h"
#include "node.h"
#include "serving.h"

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

/* Asks the thread to stand at the node's gate when its turn is over. Thread: main, as below. */
void worker_park(struct worker *worker);

/* It goes on by itself, before the gate is opened for all. */
void worker_let_go(struct worker *worker);

/* What it serves: main's while the thread stands, or has not been started. */
struct serving *worker_serving(struct worker *worker);

/* Hands over an item of any kind but SERVING_MAIL_PARK and SERVING_MAIL_STOP. Thread: any. */
void worker_post(struct worker *worker, enum serving_mail kind, struct mail *mail);

/* Sockets given to the worker and not closed yet; whoever posts some adds them. Thread: any. */
_Atomic uint32_t *worker_load(struct worker *worker);

/* The same of all workers of the node. Thread: any. */
uint64_t worker_load_of_all(const struct node *node);

/* What it has counted. Thread: any. */
const struct stats *worker_stats(const struct worker *worker);

#endif
