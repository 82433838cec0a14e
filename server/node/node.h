/* What all threads of the gateway share. */
#ifndef TIDEGATE_NODE_H
#define TIDEGATE_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/epoch.h"
#include "../conn/places.h"
#include "../conn/welcome.h"
#include "../fanout/fanout.h"
#include "../user/user_table.h"

struct worker;

/* Owner:  the gateway.
 * Shared: all its threads. */
struct node {
	struct fanout_node fanout; /* with the mailboxes */
	struct budget budget;
	struct places places;
	struct welcome welcome;     /* of browsers; the gateway's */
	struct epoch_source epochs; /* of the sockets, as they are accepted */
	struct user_table *users;
	struct worker **workers;
	uint32_t worker_count;
	_Atomic uint32_t changes_pending; /* posted, and not yet carried out by their workers */
	atomic_bool is_draining; /* newcomers are sent away: the node is not ready any more */
};

/* A node for so many workers, without limits and without a user table; `fanout_mail_kind` is that
 * of the fan-out's items. Errors: -ENOMEM; node_finish is due all the same. */
int node_init(struct node *node, uint32_t worker_count, uint32_t fanout_mail_kind);

/* Frees what node_init has made; the workers are gone, the user table is its giver's. */
void node_finish(struct node *node);

#endif
