/* The connections to the admin port, in the order in which they go when there are too many.
 *
 * Whoever connects must finish a request within half a minute, and again after each; who has been
 * longest about it goes first. So nobody can hold the port. */
#ifndef TIDEGATE_ADMIN_CLIENTS_H
#define TIDEGATE_ADMIN_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

/* One connection.
 * Owner: its line. */
struct admin_client {
	struct admin_client *prev, *next;
	uint64_t since_ms; /* connected, or its last request was over */
	bool is_busy;      /* one of its requests waits for a worker */
};

/* Owner:  the admin thread. Zero-initialised is empty.
 * Shared: never. */
struct admin_clients {
	struct admin_client *oldest, *newest;
	uint64_t now_ms; /* of this turn */
	uint32_t count;
};

/* Somebody has connected. */
void admin_clients_add(struct admin_clients *clients, struct admin_client *client);

/* He is gone. */
void admin_clients_remove(struct admin_clients *clients, struct admin_client *client);

/* One of his requests is over: his time begins anew. */
void admin_clients_renew(struct admin_clients *clients, struct admin_client *client);

/* The one who has been longest about it and waits for nobody; NULL when there is none. */
struct admin_client *admin_clients_oldest(const struct admin_clients *clients);

/* The same, when his time is over. */
struct admin_client *admin_clients_overdue(const struct admin_clients *clients);

/* In how many ms to look for the next one; -1 for never. */
int admin_clients_wait_ms(const struct admin_clients *clients);

#endif
