/* What all threads of the gateway share. */
#ifndef TIDEGATE_NODE_H
#define TIDEGATE_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/address_limits.h"
#include "../base/epoch.h"
#include "../base/park.h"
#include "../conn/places.h"
#include "../conn/tls_quota.h"
#include "../conn/welcome.h"
#include "../fanout/fanout.h"
#include "../session/outward.h"
#include "../session/presence.h"
#include "../user/user_table.h"
#include "handover_status.h"

struct api;
struct cluster;
struct key;
struct key_store;
struct link;
struct rights_table;
struct tls_store;
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
	struct key_store *keys;          /* NULL: no tokens are asked for */
	const struct key *demo_key;      /* one of theirs, which signs too; NULL: others sign */
	struct rights_table *rights;     /* of tokens */
	atomic_bool keys_are_stale;      /* their file has changed and cannot be taken */
	struct tls_store *tls;           /* certificates; NULL: there are none */
	struct tls_quota tls_quota;      /* of handshakes */
	struct tls_threads *tls_threads; /* for slow ones; NULL: no listener speaks TLS */
	struct worker **workers;
	uint32_t worker_count;
	struct outward outward;  /* to backends and other nodes, for sessions */
	struct cluster *cluster; /* to be looked at, like the link; NULL: there is none */
	struct link *link;
	const struct api *api;           /* of backends, likewise */
	struct presence_target presence; /* who wants to know who comes and goes */
	struct mailbox *registrar;       /* of registrar.h; NULL: there is none */
	struct park park; /* where its threads stand when main has to have all of it */
	struct handover_status handover;  /* to the process that is to take this one's place */
	_Atomic uint32_t changes_pending; /* posted, and not yet carried out by their workers */
	atomic_bool is_draining; /* newcomers are sent away: the node is not ready any more */
};

/* A node for so many workers, without limits and without users; `fanout_mail_kind` is that of the
 * fan-out's items. Errors: -ENOMEM; node_finish is due all the same. */
int node_init(struct node *node, uint32_t worker_count, uint32_t fanout_mail_kind);

/* Makes the tables of users, `expected` of whom are provided for at once, with as many devices
 * each, and of rooms. `hash_key`: the 16 bytes that users and rooms are hashed with in a cluster;
 * NULL: random ones. Errors: -ENOMEM. */
int node_make_tables(
	struct node *node, size_t expected, uint32_t devices_max, const uint8_t *hash_key);

/* Lets the tables grow. From time to time. Thread: registered, one at a time. */
void node_housekeep(struct node *node);

/* Frees everything; the workers are gone, users and rooms with them. Thread: registered where there
 * are tables. */
void node_finish(struct node *node);

#endif
