#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../session/identity/key_store.h"
#include "../session/identity/rights.h"
#include "../tls/tls_store.h"

enum {
	/* Provided for at the start: a herd makes many before the table grows. */
	ROOMS_AT_ONCE = 4096,
};

int node_init(struct node *node, uint32_t worker_count, uint32_t fanout_mail_kind)
{
	*node = (struct node){
		.worker_count = worker_count,
		.places.max = UINT32_MAX,
	};
	node->fanout = (struct fanout_node){
		.worker_count = worker_count,
		.budget = &node->budget,
		.backlog_limit = SIZE_MAX,
		.mail_kind = fanout_mail_kind,
	};
	node->tls_quota.budget = &node->budget;
	park_init(&node->park);
	handover_status_init(&node->handover);
	int err = budget_init(&node->budget, worker_count);
	if (!err) {
		err = address_limits_init(&node->addresses, &node->budget);
	}
	node->workers = calloc(worker_count, sizeof(struct worker *));
	node->fanout.mailboxes = calloc(worker_count, sizeof(struct mailbox *));
	node->fanout.gauges = aligned_alloc(64, worker_count * sizeof(struct fanout_gauge));
	if (err || !node->workers || !node->fanout.mailboxes || !node->fanout.gauges) {
		return -ENOMEM;
	}
	memset(node->fanout.gauges, 0, worker_count * sizeof(struct fanout_gauge));
	return 0;
}

int node_make_tables(
	struct node *node, size_t expected, uint32_t devices_max, const uint8_t *hash_key)
{
	int err = user_table_create(expected, devices_max, hash_key, &node->users);
	if (!err) {
		err = rooms_create(ROOMS_AT_ONCE, &node->budget, hash_key, &node->fanout.rooms);
	}
	if (!err) {
		err = rights_table_create(&node->rights);
	}
	node->fanout.users = node->users;
	return err;
}

void node_housekeep(struct node *node)
{
	user_table_housekeep(node->users);
	rooms_housekeep(node->fanout.rooms);
}

void node_finish(struct node *node)
{
	rooms_destroy(&node->fanout.rooms);
	user_table_destroy(&node->users);
	key_store_destroy(&node->keys);
	tls_store_destroy(&node->tls);
	rights_table_destroy(&node->rights);
	free(node->fanout.gauges);
	free(node->fanout.mailboxes);
	free(node->workers);
	address_limits_finish(&node->addresses);
	budget_finish(&node->budget);
	park_finish(&node->park);
	handover_status_finish(&node->handover);
	*node = (struct node){.worker_count = 0};
}
