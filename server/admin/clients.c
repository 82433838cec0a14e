#include "clients.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
	REQUEST_MS = 30000, /* from one request's end to the next one's */
	SWEEP_MS = 1000,    /* between looks at that */
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

struct admin_client *admin_clients_add(struct admin_clients *clients, int fd)
{
	struct admin_client *client = calloc(1, sizeof(*client));
	if (client) {
		client->fd = fd;
		link_newest(clients, client);
	}
	return client;
}

void admin_clients_remove(struct admin_clients *clients, struct admin_client *client)
{
	if (client) {
		unlink_client(clients, client);
		free(client);
	}
}

void admin_clients_renew(struct admin_clients *clients, struct admin_client *client)
{
	if (client) {
		client->is_busy = false;
		unlink_client(clients, client);
		link_newest(clients, client);
	}
}

/* The library finds the end of its stream, and closes it. */
static void cut(struct admin_clients *clients, struct admin_client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	admin_clients_renew(clients, client);
}

void admin_clients_cut_oldest(struct admin_clients *clients)
{
	for (struct admin_client *client = clients->oldest; client; client = client->next) {
		if (!client->is_busy) {
			cut(clients, client);
			return;
		}
	}
}

void admin_clients_sweep(struct admin_clients *clients, uint64_t now_ms)
{
	clients->now_ms = now_ms;
	if (now_ms - clients->swept_ms < SWEEP_MS) {
		return;
	}
	clients->swept_ms = now_ms;
	while (clients->oldest && now_ms - clients->oldest->since_ms >= REQUEST_MS) {
		struct admin_client *client = clients->oldest;
		if (client->is_busy) {
			unlink_client(clients, client);
			link_newest(clients, client);
		} else {
			cut(clients, client);
		}
	}
}

int admin_clients_wait_ms(const struct admin_clients *clients)
{
	return clients->oldest ? SWEEP_MS : -1;
}
