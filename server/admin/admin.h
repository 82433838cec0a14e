/* The admin port: a thread of its own, off the way of clients' bytes, that answers machines,
 * backends and people. What it asks of workers it asks through their mailboxes. */
#ifndef TIDEGATE_ADMIN_H
#define TIDEGATE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/pack.h"
#include "../config/config.h"
#include "../node/acceptor.h"
#include "../node/listener.h"
#include "../node/worker.h"

struct admin;

/* What it is told of the gateway, all of which outlives it. */
struct admin_setup {
	const struct config *config; /* copied */
	struct node *node;
	struct acceptor *const *acceptors;
	const struct listeners *listeners; /* the clients' */
	const struct registrar *registrar;
	int drain_fd;                /* an eventfd: written to when a drain is asked for */
	int upgrade_fd;              /* likewise: when the gateway is to be handed over */
	struct inherited *inherited; /* sockets of the process before this one; NULL: none */
	uint32_t clients_max;        /* connections to the admin port */
};

/* Opens the port of config->admin, or adopts it from those that are inherited; its thread does not
 * run yet. Without a token and admin_plain only addresses that nobody but this machine reaches are
 * taken. Thread: main. Errors: -errno; ret_error is a line that says what to do. */
int admin_create(const struct admin_setup *setup, struct admin **ret_admin,
	char ret_error[CONFIG_ERROR_MAX]);

/* Errors: -errno of pthread_create. */
int admin_start(struct admin *admin);

/* Passes on what may change while running, and the tokens, whose file is read anew; what is wrong
 * with it is logged, and those of before stay. Thread: main. */
void admin_reload(struct admin *admin, const struct config *config);

/* Reads the file of the tokens anew when it has changed. Once a second. Thread: main. */
void admin_housekeep(struct admin *admin, const struct config *config);

/* Whether machines other than this one reach it. Thread: any. */
bool admin_is_for_others(const struct admin *admin);

/* Its listeners. Thread: main, while the admin thread waits or does not run. */
struct listeners *admin_listeners(struct admin *admin);

/* Where it listens, as a person would type it: `http://127.0.0.1:8001/`. */
void admin_name(const struct admin *admin, char ret_name[ADDRESS_URL_MAX]);

/* Asks the thread to stand at the node's gate, once all that requests have asked of others is back;
 * until then no new ones are heard, nor while it stands. Workers and registrar still run.
 * Connections and listeners stay. Thread: main. */
void admin_park(struct admin *admin);

/* Another process has the listeners and answers from now on. Answers that are going out do so, for
 * a second at most; who asks here is told to ask again. Then as admin_stop; paths of Unix sockets
 * were forgotten before. The thread stands, and nobody owes it anything. Thread: main. */
void admin_leave(struct admin *admin);

/* --- from one process to another; thread: main, while the admin thread waits or does not run ---
 */

/* Appends what it goes on from: when the gateway was started, the history of what is counted, and
 * what requests may still change this second. */
void admin_pack(const struct admin *admin, struct pack *pack);

/* Goes on from that, before admin_start and when the workers have what others have counted: its
 * history grows from there. Errors: -EINVAL, -ENOMEM; all of it as it was. */
int admin_unpack(struct admin *admin, struct unpack *unpack);

/* --- the end --- */

/* Answers what is under way, ends the thread, waits for it and closes the port. The workers must
 * still run, for orders to come back. `admin` may be NULL, or not started. */
void admin_stop(struct admin *admin);

/* Frees a stopped admin and nulls the giver's pointer. The workers must have ended: one that has
 * sent an order back may be about to ring the bell. *admin may be NULL. */
void admin_destroy(struct admin **admin);

#endif
