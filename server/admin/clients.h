/* The connections to the admin port, in the order in which they go when there are too many.
 *
 * Whoever connects must finish a request within half a minute, and again after each; who has been
 * longest about it goes first. So nobody can hold the port. */
#ifndef TIDEGATE_ADMIN_CLIENTS_H
#define TIDEGATE_ADMIN_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

/* One connection.
 * Owner: its list. */
struct admin_client {
	struct admin_client *prev, *next;
	int fd;            /* the library's */
	uint64_t since_ms; /* connected, or its last request was over */
	bool is_busy;      /* one of its requests waits for a worker */
};

/* Owner:  the admin thread. Zero-initialised is empty.
 * Shared: never. */
struct admin_clients {
	struct admin_client *oldest, *newest;
	uint64_t now_ms; /* of this turn */
	uint64_t swept_ms;
};

/* Somebody has connected. Returns NULL when memory has run out: he is served, but never shown out.
 */
struct admin_client *admin_clients_add(struct admin_clients *clients, int fd);

/* He is gone; frees him. `client` may be NULL. */
void admin_clients_remove(struct admin_clients *clients, struct admin_client *client);

/* One of his requests is over: his time begins anew. `client` may be NULL. */
void admin_clients_renew(struct admin_clients *clients, struct admin_client *client);

/* Shows out the one who has been longest about it. */
void admin_clients_cut_oldest(struct admin_clients *clients);

/* Once a turn: shows out those whose time is over. */
void admin_clients_sweep(struct admin_clients *clients, uint64_t now_ms);

/* In how many ms to come back; -1 for never. */
int admin_clients_wait_ms(const struct admin_clients *clients);

#endif
