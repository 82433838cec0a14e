/* What this node's users say, on its way to other nodes: out of the workers' batches into messages
 * to all of them or to one, at the end of the registrar's turn or when one is full.
 *
 *   batch ─┬─ to everybody ──────────────> all       one publish, however many nodes
 *          ├─ to a room ─────────────────> each node that has members, by the directory
 *          └─ who comes and goes ────────> each node that has some who want to know
 *
 * From one sender to one receiver, order is kept: what goes to all goes before what goes to nodes,
 * and who has something on its way to a node has that sent before he says something to all.
 *
 * Thread: the registrar's, registered with the user table. */
#ifndef TIDEGATE_EGRESS_H
#define TIDEGATE_EGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "../fanout/fanout_node.h"
#include "directory.h"

struct egress;

enum {
	EGRESS_PAYLOAD_MAX = 240 * 1024, /* bytes of one message, if the link takes as many */
};

/* How it is sent: the payload of a BATCH, borrowed for the call. Errors: -errno: it is lost, which
 * the receiver sees by its number. */
struct egress_ops {
	int (*to_all)(void *context, const uint8_t *payload, size_t len);
	int (*to_node)(void *context, uint16_t node, const uint8_t *payload, size_t len);
	/* Bytes that a payload may have now. */
	size_t (*payload_max)(void *context);
};

/* Borrowed, but for the struct itself. */
struct egress_setup {
	struct fanout_node *node; /* in a cluster */
	const struct directory *directory;
	const struct egress_ops *ops;
	void *context;
};

/* What has been sent. */
struct egress_figures {
	uint64_t messages; /* of users, one for each node or all of them at once */
	uint64_t sends;    /* of batches of those */
	uint64_t bytes;
	uint64_t lost; /* batches that could not be sent, or did not get so far */
};

/* Errors: -ENOMEM. */
int egress_create(const struct egress_setup *setup, struct egress **ret_egress);

/* Frees it with what has not been sent and nulls the giver's pointer. *egress may be NULL. */
void egress_destroy(struct egress **egress);

/* Takes over a batch of a worker: mail of kind elsewhere->batch_kind. What there is no memory for
 * is counted in elsewhere->egress_lost. */
void egress_put(struct egress *egress, struct mail *mail);

/* Sends what there is: at the end of each turn, and before anything else goes to a node that a user
 * has said. */
void egress_flush(struct egress *egress);

/* A node has gone: what is to go there is dropped. */
void egress_drop_node(struct egress *egress, uint16_t node);

/* What another process has counted before: goes on from there. */
void egress_count_on(struct egress *egress, const struct egress_figures *before);

struct egress_figures egress_look(const struct egress *egress);

#endif
