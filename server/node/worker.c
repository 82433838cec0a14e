#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../conn/conns.h"
#include "../conn/drain.h"
#include "../conn/reader.h"
#include "../conn/timeouts.h"
#include "../session/echo.h"
#include "../session/orders.h"
#include "../session/session.h"
#include "newcomers.h"

/* The most of each part of a turn. */
enum {
	MAIL_MAX = 256,  /* items */
	LISTS_MAX = 4,   /* of them, walks over a part of the connection table */
	READY_MAX = 256, /* connections read on */
	RECEIVERS_MAX =
		64, /* connections of a fan-out's slice: a third of a millisecond of sends */
	DEADLINES_MAX = 1024, /* connections */
	SWEEP_MAX = 4096,     /* connections, after deadlines were shortened */
	DRAIN_MAX = 256,      /* connections sent away */
	DRAIN_RETRY_S = 1,    /* beyond the drain, for those who are answered 503 meanwhile */
	LATER_MS = 1,         /* until a mailbox is looked at again whose producer was preempted */
};

/* Owner:  the gateway; all but `stats`, `load` and the mailbox is the thread's own once it runs.
 * Shared: as said there. */
struct worker {
	struct stats stats; /* first, for its alignment */
	_Alignas(64) _Atomic uint32_t load;
	struct node *node;
	uint8_t id;
	bool is_started;
	bool is_stopping;
	pthread_t thread;
	struct mailbox *mailbox;
	struct mail stop;
	struct loop loop;
	struct conns conns;
	struct fanout *fanout;
	struct sessions sessions;
	struct ended *ended; /* NULL without an admin port, where nobody asks */
	struct orders orders;
	struct drain drain;
	uint32_t sweep_cursor; /* connections already brought to shortened deadlines */
	bool is_sweeping;
};

/* --- configuration -----------------------------------------------------------------------------
 */

static void take_limits(struct worker *worker, const struct config *config)
{
	const struct conns_limits limits = {
		.deadlines.handshake = loop_ticks(config->handshake_deadline * 1000),
		.deadlines.read = loop_ticks(config->read_deadline * 1000),
		.deadlines.write = loop_ticks(config->write_deadline * 1000),
		.deadlines.close = loop_ticks(config->close_deadline * 1000),
		.deadlines.ping = loop_ticks(config->ping_interval * 1000),
		.max_message = (uint32_t)config->max_message,
		.retry_s = (uint32_t)config->drain + DRAIN_RETRY_S,
		.queue_limit = config->tx_queue_limit,
	};
	conns_set_limits(&worker->conns, &limits);
}

static void on_reload(struct worker *worker, const struct config *config)
{
	take_limits(worker, config);
	worker->sweep_cursor = 0;
	worker->is_sweeping = true;
}

/* --- mail --------------------------------------------------------------------------------------
 */

static void on_sockets(struct worker *worker, struct socket_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct accepted_socket *socket = &batch->sockets[i];
		int err = conn_open(&worker->conns, socket->fd, &socket->remote, socket->refuse);
		if (err) {
			log_error(0, "cannot take over a connection: %s", strerrordesc_np(-err));
		}
	}
	free(batch);
}

static void on_order(struct worker *worker, struct worker_order *order)
{
	switch ((enum worker_mail)order->mail.kind) {
	case WORKER_MAIL_RELOAD:
		on_reload(worker, &order->config);
		break;
	case WORKER_MAIL_DRAIN:
		drain_begin(&worker->drain, &worker->conns, order->drain_ms);
		break;
	case WORKER_MAIL_SOCKETS:
	case WORKER_MAIL_FANOUT:
	case WORKER_MAIL_KICK:
	case WORKER_MAIL_ORDER:
	case WORKER_MAIL_STOP:
		break;
	}
	atomic_fetch_sub_explicit(&worker->node->orders_pending, 1, memory_order_relaxed);
	free(order);
}

/* How many of a turn's items a mail counts as. */
static int weight_of(struct mail *mail)
{
	bool is_list = mail->kind == WORKER_MAIL_ORDER && order_of(mail)->action == ORDER_LIST;
	return is_list ? MAIL_MAX / LISTS_MAX : 1;
}

static void on_mail(struct worker *worker, struct mail *mail)
{
	switch ((enum worker_mail)mail->kind) {
	case WORKER_MAIL_SOCKETS:
		on_sockets(worker, (struct socket_batch *)mail);
		break;
	case WORKER_MAIL_FANOUT:
		fanout_receive(worker->fanout, mail);
		break;
	case WORKER_MAIL_KICK:
		session_on_kick(&worker->sessions, mail);
		break;
	case WORKER_MAIL_RELOAD:
	case WORKER_MAIL_DRAIN:
		on_order(worker, (struct worker_order *)mail);
		break;
	case WORKER_MAIL_ORDER:
		orders_carry_out(&worker->orders, order_of(mail));
		break;
	case WORKER_MAIL_STOP:
		worker->is_stopping = true;
		break;
	}
}

/* Returns in how many ms to come back: -1 when the bell will tell. */
static int take_mail(struct worker *worker)
{
	for (int taken = 0; taken < MAIL_MAX;) {
		struct mail *mail;
		switch (mailbox_take(worker->mailbox, &mail)) {
		case MAILBOX_MAIL:
			taken += weight_of(mail);
			on_mail(worker, mail);
			break;
		case MAILBOX_EMPTY:
			return -1;
		case MAILBOX_LATER:
			return LATER_MS;
		}
	}
	return 0;
}

/* --- a turn ------------------------------------------------------------------------------------
 */

static void take_events(struct worker *worker, int count)
{
	for (int i = 0; i < count; i++) {
		const struct epoll_event *event = &worker->loop.events[i];
		if (handle_worker(event->data.u64) != HANDLE_WORKER_RESERVED) {
			reader_on_events(&worker->conns, event->data.u64, event->events);
		}
	}
}

/* Returns for how many ms the next turn may wait. */
static int turn(struct worker *worker, int wait_ms)
{
	struct conns *conns = &worker->conns;
	int count = loop_wait(&worker->loop, wait_ms);
	take_events(worker, count);
	int next_ms = reader_read_ready(conns, READY_MAX) ? 0 : -1;
	/* What was posted before the mail goes out before it: a kick follows the last words. */
	fanout_publish(worker->fanout);
	next_ms = loop_sooner(next_ms, take_mail(worker));
	if (fanout_step(worker->fanout, RECEIVERS_MAX)) {
		next_ms = 0;
	}
	if (timeouts_tick(conns, DEADLINES_MAX)) {
		next_ms = 0;
	}
	if (worker->is_sweeping) {
		worker->is_sweeping = timeouts_sweep(conns, &worker->sweep_cursor, SWEEP_MAX);
		next_ms = worker->is_sweeping ? 0 : next_ms;
	}
	if (worker->drain.active) {
		int drain_ms = drain_step(&worker->drain, conns, DRAIN_MAX);
		worker->drain.active = drain_ms >= 0;
		next_ms = loop_sooner(next_ms, drain_ms);
	}
	fanout_settle(worker->fanout);
	conns_reap(conns);
	stats_note(&worker->stats.turn_us, loop_spent_us(&worker->loop), 1);
	if (reader_has_ready(conns)) {
		return 0;
	}
	return loop_sooner(next_ms, loop_ms_to_next_tick(&worker->loop));
}

static void *run(void *context)
{
	struct worker *worker = context;
	int wait_ms = 0;
	user_table_thread_begin();
	while (!worker->is_stopping) {
		wait_ms = turn(worker, wait_ms);
	}
	conns_finish(&worker->conns);
	fanout_destroy(&worker->fanout);
	user_table_thread_end();
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int init(struct worker *worker, const struct config *config)
{
	struct node *node = worker->node;
	int err = mailbox_create(&worker->mailbox);
	if (!err && config->admin[0]) {
		worker->ended = calloc(1, sizeof(*worker->ended));
		err = worker->ended ? 0 : -ENOMEM;
	}
	if (!err) {
		err = loop_init(&worker->loop, (int)config->event_batch);
	}
	if (!err) {
		err = loop_watch(&worker->loop, mailbox_bell_fd(worker->mailbox), EPOLLIN | EPOLLET,
			handle_make(HANDLE_WORKER_RESERVED, 0, 0));
	}
	if (!err) {
		err = conns_init(&worker->conns, worker->id, &worker->loop, &worker->stats,
			&node->budget, &worker->load, &node->refusals,
			config->echo ? &echo_ops : &session_ops, &worker->sessions);
	}
	if (!err) {
		err = fanout_create(&node->fanout, worker->id, &worker->conns, &worker->fanout);
	}
	if (!err) {
		worker->sessions = (struct sessions){
			.conns = &worker->conns,
			.fanout = worker->fanout,
			.users = node->users,
			.mailboxes = node->fanout.mailboxes,
			.kick_kind = WORKER_MAIL_KICK,
			.ended = worker->ended,
		};
		worker->orders = (struct orders){
			.worker = worker->id,
			.conns = &worker->conns,
			.fanout = worker->fanout,
			.users = node->users,
			.ended = worker->ended,
		};
		node->fanout.mailboxes[worker->id] = worker->mailbox;
		take_limits(worker, config);
	}
	return err;
}

int worker_create(
	struct node *node, uint8_t id, const struct config *config, struct worker **ret_worker)
{
	struct worker *worker = aligned_alloc(64, sizeof(*worker));
	if (!worker) {
		return -ENOMEM;
	}
	*worker = (struct worker){.node = node, .id = id, .loop = LOOP_EMPTY};
	int err = init(worker, config);
	if (err) {
		worker_destroy(&worker);
		return err;
	}
	*ret_worker = worker;
	return 0;
}

int worker_start(struct worker *worker)
{
	char name[16];
	int err = pthread_create(&worker->thread, NULL, run, worker);
	if (err) {
		return -err;
	}
	worker->is_started = true;
	snprintf(name, sizeof(name), "worker-%u", worker->id);
	pthread_setname_np(worker->thread, name);
	return 0;
}

void worker_stop(struct worker *worker)
{
	worker_post(worker, WORKER_MAIL_STOP, &worker->stop);
}

void worker_join(struct worker *worker)
{
	if (worker->is_started) {
		pthread_join(worker->thread, NULL);
		worker->is_started = false;
	}
}

static void dispose(struct worker *worker, struct mail *mail)
{
	struct socket_batch *batch;
	switch ((enum worker_mail)mail->kind) {
	case WORKER_MAIL_SOCKETS:
		batch = (struct socket_batch *)mail;
		for (uint32_t i = 0; i < batch->count; i++) {
			close(batch->sockets[i].fd);
		}
		free(batch);
		break;
	case WORKER_MAIL_FANOUT:
		fanout_dispose(&worker->node->fanout, worker->id, mail);
		break;
	case WORKER_MAIL_KICK:
		session_dispose_kick(worker->node->users, mail);
		break;
	case WORKER_MAIL_RELOAD:
	case WORKER_MAIL_DRAIN:
		free((struct worker_order *)mail);
		break;
	case WORKER_MAIL_ORDER:
		/* The admin port has waited for all of its own. */
		ASSERT(mail->kind != WORKER_MAIL_ORDER);
		break;
	case WORKER_MAIL_STOP:
		break;
	}
}

void worker_destroy(struct worker **worker)
{
	struct worker *given = *worker;
	struct mail *mail;
	if (!given) {
		return;
	}
	*worker = NULL;
	ASSERT(!given->is_started);
	/* Of one whose thread never ran; else the thread has done it. */
	conns_finish(&given->conns);
	while (given->mailbox && mailbox_take(given->mailbox, &mail) == MAILBOX_MAIL) {
		dispose(given, mail);
	}
	fanout_destroy(&given->fanout);
	mailbox_destroy(&given->mailbox);
	loop_finish(&given->loop);
	free(given->ended);
	free(given);
}

void worker_post(struct worker *worker, enum worker_mail kind, struct mail *mail)
{
	mail->kind = kind;
	mailbox_post(worker->mailbox, mail);
}

_Atomic uint32_t *worker_load(struct worker *worker)
{
	return &worker->load;
}

const struct stats *worker_stats(const struct worker *worker)
{
	return &worker->stats;
}
