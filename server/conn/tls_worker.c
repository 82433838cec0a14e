#include "tls_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../tls/tls_arena.h"
#include "conns.h"

int tls_worker_create(struct conns *conns, const struct tls_means *means,
	const struct transport_ops *line_ops, struct tls_worker **ret_worker)
{
	struct tls_worker *worker = malloc(sizeof(*worker));
	if (!worker) {
		return -ENOMEM;
	}
	memset(worker, 0, offsetof(struct tls_worker, sealed));
	worker->line_ops = *line_ops;
	worker->conns = conns;
	worker->means = *means;
	worker->desk.quota = means->quota;
	worker->porch = TLS_PORCH_NONE;
	worker->tick = conns->loop->now_tick;
	tls_slab_init(&worker->short_lines, TLS_LINE_SIZE_SHORT);
	tls_slab_init(&worker->long_lines, TLS_LINE_SIZE_LONG);
	int err = means->quota ? tls_porch_init(&worker->porch, conns->loop) : 0;
	if (err) {
		tls_worker_destroy(&worker);
		return err;
	}
	*ret_worker = worker;
	return 0;
}

void tls_worker_destroy(struct tls_worker **worker)
{
	if (!*worker) {
		return;
	}
	tls_keys_empty(&(*worker)->keys);
	tls_keys_charge(&(*worker)->keys, (*worker)->conns->holders.budget);
	tls_slab_finish(&(*worker)->short_lines);
	tls_slab_finish(&(*worker)->long_lines);
	tls_porch_finish(&(*worker)->porch);
	free(*worker);
	*worker = NULL;
}

int tls_worker_enter(struct tls_worker *worker, const struct conn *conn)
{
	return tls_porch_enter(
		&worker->porch, conn->fd, conn_table_handle(worker->conns->table, conn));
}

int tls_worker_leave(struct tls_worker *worker, const struct conn *conn)
{
	return tls_porch_leave(
		&worker->porch, conn->fd, conn_table_handle(worker->conns->table, conn));
}

/* What OpenSSL has had is at hand for the next handshake; when none is under way, it goes. */
static void trim(const struct tls_desk *desk)
{
	if (!desk->waiting.oldest && !desk->seated.oldest && !desk->halves.oldest) {
		tls_arena_trim();
	}
}

void tls_worker_turn(struct tls_worker *worker)
{
	const uint32_t now = worker->conns->loop->now_tick;
	if (now != worker->tick) {
		worker->tick = now;
		tls_keys_sweep(&worker->keys);
		trim(&worker->desk);
	}
}
