/* The thread that keeps account of who is here for others: for backends, who follow presence, and
 * with a cluster for the other nodes. There is one where there is an admin port or a cluster.
 *
 * All that it keeps is its own, and it is asked by mail. Workers post and never wait for it. */
#ifndef TIDEGATE_REGISTRAR_H
#define TIDEGATE_REGISTRAR_H

#include <stdint.h>

#include "../base/incarnation.h"
#include "../base/mailbox.h"
#include "../config/config.h"
#include "node.h"
#include "registrar_mail.h"
#include "registrar_stats.h"

struct api;
struct cluster;
struct cluster_key;
struct link;
struct member_stats;

/* Owner:  the gateway.
 * Shared: as said below. */
struct registrar;

/* Makes it, before the workers, which are told of it by node->registrar and node->presence. Its
 * thread does not run yet. Thread: main, registered with the user table. Errors: -errno. */
int registrar_create(
	struct node *node, const struct config *config, struct registrar **ret_registrar);

/* How a node joins a cluster. Borrowed for the call, but for `key`: until registrar_destroy. */
struct registrar_seat {
	const struct cluster_key *key;
	const char *address; /* of the admin port, for people; empty: there is none */
	uint16_t ws_port;    /* on which browsers reach the clients' port; 0: on none */
	bool ws_tls;         /* is spoken there */
	int end_fd; /* an eventfd, written to when the node cannot go on: registrar_why_ended */
};

/* Joins the cluster of config->cluster, before the workers run: its line begins to come up. The
 * limits are set. Thread: main, registered with the user table. Errors: -errno; ret_why says what
 * is wrong. */
int registrar_join(struct registrar *registrar, const struct config *config,
	const struct registrar_seat *seat, char ret_why[CONFIG_ERROR_MAX]);

/* The workers are made. Errors: -errno of pthread_create. */
int registrar_start(struct registrar *registrar);

/* Why this node cannot go on, a line for people; NULL: it can. `registrar` may be NULL. Thread:
 * any.
 */
const char *registrar_why_ended(const struct registrar *registrar);

/* Passes on what may change while running. Thread: main. */
void registrar_reload(struct registrar *registrar, const struct config *config);

/* Requests for events that wait are answered at once from now on. Before the admin port is stopped.
 * `registrar` may be NULL. Thread: main. */
void registrar_end_waits(struct registrar *registrar);

/* Ends the thread and waits for it; one that stands goes on first. The workers must still run, for
 * orders to come back; the admin port must not. `registrar` may be NULL, or not started. */
void registrar_stop(struct registrar *registrar);

/* Frees it with what is left in its mailbox, to which nobody posts any more, and nulls the giver's
 * pointer. *registrar may be NULL. Thread: main, registered with the user table. */
void registrar_destroy(struct registrar **registrar);

/* Asks the thread to stand at the node's gate when its turn is over: see registrar_pack.h. Thread:
 * main, as below. */
void registrar_park(struct registrar *registrar);

/* Ends the thread, which stands, without another turn, and waits for it. */
void registrar_dismiss(struct registrar *registrar);

/* This run of the node. Thread: any. */
const struct incarnation *registrar_incarnation(const struct registrar *registrar);

/* The parts of a node in a cluster, as far as other threads may use them; NULL without one.
 * `registrar` may be NULL. Thread: any. */
struct cluster *registrar_cluster(const struct registrar *registrar);
struct link *registrar_link(const struct registrar *registrar);
struct api *registrar_api(const struct registrar *registrar);
const struct member_stats *registrar_member_stats(const struct registrar *registrar);

/* Thread: any. */
const struct registrar_stats *registrar_stats(const struct registrar *registrar);

#endif
