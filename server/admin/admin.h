/* The admin port: a thread of its own, off the way of clients' bytes, that answers machines,
 * backends and people. What it asks of workers it asks through their mailboxes. */
#ifndef TIDEGATE_ADMIN_H
#define TIDEGATE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

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
	int drain_fd;                      /* an eventfd: written to when a drain is asked for */
	uint32_t clients_max;              /* connections to the admin port */
};

/* Opens the port of config->admin; its thread does not run yet. Without a token and admin_plain
 * only addresses that nobody but this machine reaches are taken.
 * Thread: main. Errors: -errno; ret_error is a line that says what to do. */
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

/* Where it listens, as a person would type it: `http://127.0.0.1:8001/`. */
void admin_name(const struct admin *admin, char ret_name[ADDRESS_URL_MAX]);

/* Answers what is under way, ends the thread, waits for it and closes the port. The workers must
 * still run, for orders to come back. `admin` may be NULL, or not started. */
void admin_stop(struct admin *admin);

/* Frees a stopped admin and nulls the giver's pointer. The workers must have ended: one that has
 * sent an order back may be about to ring the bell. *admin may be NULL. */
void admin_destroy(struct admin **admin);

#endif
