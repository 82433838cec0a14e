/* What all threads of the gateway share. */
#ifndef TIDEGATE_NODE_H
#define TIDEGATE_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/address_limits.h"
#include "../base/epoch.h"
#include "../conn/places.h"
#include "../conn/welcome.h"
#include "../fanout/fanout.h"
#include "../user/user_table.h"

struct key;
struct key_store;
struct rights_table;
struct worker;

/* Owner:  the gateway.
 * Shared: all its threads. */
struct node {
	struct fanout_node fanout; /* with the mailboxes */
	struct budget budget;
	struct places places;
	struct address_limits addresses;
	struct welcome welcome;     /* of browsers; the gateway's */
	struct epoch_source epochs; /* of the sockets, as they are accepted */
	struct user_table *users;
	struct key_store *keys;      /* NULL: no tokens are asked for */
	const struct key *demo_key;  /* one of theirs, which signs too; NULL: others sign */
	struct rights_table *rights; /* of tokens */
	atomic_bool keys_are_stale;  /* their file has changed and cannot be taken */
	struct worker **workers;
	uint32_t worker_count;
	_Atomic uint32_t changes_pending; /* posted, and not yet carried out by their workers */
	atomic_bool is_draining; /* newcomers are sent away: the node is not ready any more */
};

/* A node for so many workers, without limits and without users; `fanout_mail_kind` is that of the
 * fan-out's items. Errors: -ENOMEM; node_finish is due all the same. */
int node_init(struct node *node, uint32_t worker_count, uint32_t fanout_mail_kind);

/* Makes the tables of users, `expected` of whom are provided for at once, with as many devices
 * each, and of rooms. Errors: -ENOMEM. */
int node_make_tables(struct node *node, size_t expected, uint32_t devices_max);

/* Lets the tables grow. From time to time. Thread: registered, one at a time. */
void node_housekeep(struct node *node);

/* Frees everything; the workers are gone, users and rooms with them. Thread: registered where there
 * are tables. */
void node_finish(struct node *node);

#endif
