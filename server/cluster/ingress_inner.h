/* What takes in what others say: for ingress.c and ingress_pack.c only. */
#ifndef TIDEGATE_INGRESS_INNER_H
#define TIDEGATE_INGRESS_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/fields.h"
#include "../fanout/posting.h"
#include "../fanout/telling.h"
#include "../user/rcu_walk.h"
#include "ingress_types.h"
#include "sender_set.h"

/* A BATCH that waits. */
struct held {
	struct held *next;
	uint16_t node;
	size_t len;
	uint8_t payload[];
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct ingress {
	struct ingress_setup setup;
	struct fanout_node *node;
	struct posting posting;
	struct telling telling;
	uint32_t now_tick;
	bool is_congested; /* as of the last look at the backlog */
	size_t pass_left;  /* bytes of PASS */
	struct held *first;
	struct held *last;
	struct sender_set senders; /* of what is held */
	uint32_t gap;              /* batches that were lost and not told of */
	bool is_recounting;
	struct rcu_walk walk;
	struct ingress_figures figures;
};

/* Puts a BATCH behind those that wait; where there is no room for it, it is lost and counted. */
void ingress_hold(struct ingress *ingress, uint16_t node, const struct fields *payload);

#endif
