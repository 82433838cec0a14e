#include "clients.h"

#include <stddef.h>

enum {
	REQUEST_MS = 30000, /* from one request's end to the next one's */
	LOOK_MS = 1000,     /* between looks at that */
};

static void unlink_client(struct admin_clients *clients, struct admin_client *client)
{
	*(client->prev ? &client->prev->next : &clients->oldest) = client->next;
	*(client->next ? &client->next->prev : &clients->newest) = client->prev;
	client->prev = client->next = NULL;
}

static void link_newest(struct admin_clients *clients, struct admin_client *client)
{
	client->since_ms = clients->now_ms;
	client->prev = clients->newest;
	*(clients->newest ? &clients->newest->next : &clients->oldest) = client;
	clients->newest = client;
}

void admin_clients_add(struct admin_clients *clients, struct admin_client *client)
{
	link_newest(clients, client);
	clients->count++;
}

void admin_clients_remove(struct admin_clients *clients, struct admin_client *client)
{
	unlink_client(clients, client);
	clients->count--;
}

void admin_clients_renew(struct admin_clients *clients, struct admin_client *client)
{
	unlink_client(clients, client);
	link_newest(clients, client);
}

struct admin_client *admin_clients_oldest(const struct admin_clients *clients)
{
	struct admin_client *client = clients->oldest;
	while (client && client->is_busy) {
		client = client->next;
	}
	return client;
}

struct admin_client *admin_clients_overdue(const struct admin_clients *clients)
{
	struct admin_client *client = admin_clients_oldest(clients);
	return client && clients->now_ms - client->since_ms >= REQUEST_MS ? client : NULL;
}

int admin_clients_wait_ms(const struct admin_clients *clients)
{
	return clients->oldest ? LOOK_MS : -1;
}
