#include "tls_turns.h"

#include "../tls/tls_store.h"
#include "reader.h"
#include "tls_away.h"
#include "tls_opening.h"
#include "tls_worker.h"

enum {
	DROPS_STEP = 8, /* lines that are dropped in one step, for having waited too long */
};

static struct tls_newcomer *next_on_desk(const struct tls_worker *worker)
{
	return tls_desk_next(&worker->desk, worker->conns->loop->now_ms);
}

/* Who has waited for too long, or lets others wait. */
static void drop(struct tls_newcomer *newcomer)
{
	struct conns *conns = newcomer->worker->conns;
	struct conn *conn = newcomer->conn;
	if (conn->state == CONN_DEAD) {
		tls_opening_drop(newcomer);
		return;
	}
	conn_visit_begin(conns, conn);
	tls_opening_end_for_others(newcomer);
	conn_visit_end(conns, conn);
}

static struct tls_newcomer *next_to_drop(const struct tls_worker *worker)
{
	const uint64_t now_ms = worker->conns->loop->now_ms;
	struct tls_newcomer *newcomer = tls_desk_too_old(&worker->desk, now_ms);
	return newcomer ? newcomer : tls_desk_late(&worker->desk, now_ms);
}

/* Returns whether there are more. */
static bool drop_some(struct tls_worker *worker)
{
	struct tls_newcomer *newcomer = next_to_drop(worker);
	for (int i = 0; newcomer && i < DROPS_STEP; i++) {
		drop(newcomer);
		newcomer = next_to_drop(worker);
	}
	return newcomer;
}

static bool have_room(const struct tls_worker *worker, const struct tls_newcomer *newcomer)
{
	const handle_t handle = conn_table_handle(worker->conns->table, newcomer->conn);
	return tls_threads_have_room(worker->means.threads, handle_worker(handle));
}

/* Whose turn it is. NULL: nobody's, or it would be for a thread, and those have enough of ours. */
static struct tls_newcomer *next_of(struct tls_worker *worker, const struct tls_contexts *contexts)
{
	struct tls_newcomer *next = next_on_desk(worker);
	while (next && next->conn->state == CONN_DEAD) {
		tls_opening_drop(next);
		next = next_on_desk(worker);
	}
	const bool is_slow = next && (next->is_slow || tls_contexts_are_slow(contexts));
	return is_slow && !have_room(worker, next) ? NULL : next;
}

static void take_turn(struct tls_newcomer *newcomer, struct tls_contexts *contexts)
{
	struct conns *conns = newcomer->worker->conns;
	struct conn *conn = newcomer->conn;
	conn_visit_begin(conns, conn);
	if (tls_opening_on_turn(newcomer, contexts)) {
		reader_go_on(conns, conn);
	}
	conn_visit_end(conns, conn);
}

bool tls_turns_step(struct conns *conns)
{
	struct tls_worker *worker = conns->tls;
	if (!worker->means.quota) {
		return false; /* all its lines have come with their handshakes done */
	}
	bool more = drop_some(worker);
	if (!next_on_desk(worker)) {
		return more;
	}
	struct tls_contexts *contexts = tls_store_borrow(worker->means.store);
	struct tls_newcomer *next = next_of(worker, contexts);
	if (next) {
		take_turn(next, contexts);
		more |= next_of(worker, contexts) != NULL;
	}
	tls_contexts_unref(&contexts);
	return more;
}

void tls_turns_on_mail(struct conns *conns, struct mail *mail)
{
	struct tls_step step;
	struct tls_newcomer *newcomer = tls_away_return(conns->tls, mail, &step);
	if (!newcomer) {
		return;
	}
	struct conn *conn = newcomer->conn;
	conn_visit_begin(conns, conn);
	if (tls_opening_on_return(newcomer, &step)) {
		reader_go_on(conns, conn);
	}
	conn_visit_end(conns, conn);
}
