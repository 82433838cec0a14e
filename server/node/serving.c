#include "serving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "../conn/reader.h"
#include "../conn/timeouts.h"
#include "../session/echo.h"
#include "../session/session.h"
#include "newcomers.h"

/* The most of each part of a turn. */
enum {
	LISTS_MAX = 4,        /* of the mail, walks over a part of the connection table */
	READY_MAX = 256,      /* connections read on */
	DEADLINES_MAX = 1024, /* connections */
	SWEEP_MAX = 4096,     /* connections, after deadlines were shortened */
	DRAIN_MAX = 256,      /* connections sent away */
	DRAIN_RETRY_S = 1,    /* beyond the drain, for those who are answered 503 meanwhile */
};

/* --- what changes while running ----------------------------------------------------------------
 */

static void take_limits(struct conns *conns, const struct config *config)
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
	conns_set_limits(conns, &limits);
}

static void on_change(struct serving *serving, struct serving_change *change)
{
	if (change->mail.kind == SERVING_MAIL_RELOAD) {
		take_limits(&serving->conns, &change->config);
		serving->sweep_cursor = 0;
		serving->is_sweeping = true;
	} else {
		drain_begin(&serving->drain, &serving->conns, change->drain_ms);
	}
	atomic_fetch_sub_explicit(&serving->node->changes_pending, 1, memory_order_relaxed);
	free(change);
}

/* --- life --------------------------------------------------------------------------------------
 */

static int init_mailbox(struct serving *serving)
{
	int err = mailbox_create(&serving->mailbox);
	if (!err) {
		err = loop_watch(serving->loop, mailbox_bell_fd(serving->mailbox),
			EPOLLIN | EPOLLET, handle_make(HANDLE_WORKER_RESERVED, 0, 0));
	}
	return err;
}

static int init_conns(struct serving *serving, const struct config *config)
{
	struct node *node = serving->node;
	int err = conns_init(&serving->conns, serving->id, serving->loop, &serving->stats,
		&node->budget, &serving->load, &node->refusals,
		config->echo ? &echo_ops : &session_ops, &serving->sessions);
	if (!err) {
		err = fanout_create(&node->fanout, serving->id, &serving->conns, &serving->fanout);
	}
	return err;
}

int serving_init(struct serving *serving, struct node *node, uint8_t id, struct loop *loop,
	const struct config *config)
{
	*serving = (struct serving){.node = node, .id = id, .loop = loop};
	int err = init_mailbox(serving);
	if (!err) {
		err = init_conns(serving, config);
	}
	if (!err && config->admin[0]) {
		serving->ended = calloc(1, sizeof(*serving->ended));
		err = serving->ended ? 0 : -ENOMEM;
	}
	if (err) {
		return err;
	}
	serving->sessions = (struct sessions){
		.conns = &serving->conns,
		.fanout = serving->fanout,
		.users = node->users,
		.mailboxes = node->fanout.mailboxes,
		.kick_kind = SERVING_MAIL_KICK,
		.ended = serving->ended,
	};
	serving->orders = (struct orders){
		.worker = id,
		.conns = &serving->conns,
		.fanout = serving->fanout,
		.users = node->users,
		.ended = serving->ended,
	};
	node->fanout.mailboxes[id] = serving->mailbox;
	take_limits(&serving->conns, config);
	return 0;
}

void serving_end(struct serving *serving)
{
	conns_finish(&serving->conns);
	fanout_destroy(&serving->fanout);
}

static void dispose_sockets(struct socket_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		close(batch->sockets[i].fd);
	}
	free(batch);
}

static void dispose(struct serving *serving, struct mail *mail)
{
	switch ((enum serving_mail)mail->kind) {
	case SERVING_MAIL_SOCKETS:
		dispose_sockets((struct socket_batch *)mail);
		break;
	case SERVING_MAIL_FANOUT:
		fanout_dispose(&serving->node->fanout, serving->id, mail);
		break;
	case SERVING_MAIL_KICK:
		session_dispose_kick(serving->node->users, mail);
		break;
	case SERVING_MAIL_RELOAD:
	case SERVING_MAIL_DRAIN:
		free((struct serving_change *)mail);
		break;
	case SERVING_MAIL_ORDER:
		/* The admin port has waited for all of its own. */
		ASSERT(mail->kind != SERVING_MAIL_ORDER);
		break;
	case SERVING_MAIL_STOP:
		break;
	}
}

void serving_finish(struct serving *serving)
{
	struct mail *mail;
	serving_end(serving);
	while (serving->mailbox && mailbox_take(serving->mailbox, &mail) == MAILBOX_MAIL) {
		dispose(serving, mail);
	}
	mailbox_destroy(&serving->mailbox);
	free(serving->ended);
	serving->ended = NULL;
}

/* --- a turn ------------------------------------------------------------------------------------
 */

void serving_on_events(struct serving *serving, int count)
{
	for (int i = 0; i < count; i++) {
		const struct epoll_event *event = &serving->loop->events[i];
		if (handle_worker(event->data.u64) != HANDLE_WORKER_RESERVED) {
			reader_on_events(&serving->conns, event->data.u64, event->events);
		}
	}
}

void serving_before_mail(struct serving *serving)
{
	reader_read_ready(&serving->conns, READY_MAX);
	/* What was posted before the mail goes out before it: a kick follows the last words. */
	fanout_publish(serving->fanout);
}

static void on_sockets(struct serving *serving, struct socket_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct accepted_socket *socket = &batch->sockets[i];
		int err = conn_open(&serving->conns, socket->fd, &socket->remote, socket->epoch,
			socket->refuse);
		if (err) {
			log_error(0, "cannot take over a connection: %s", strerrordesc_np(-err));
		}
	}
	free(batch);
}

static int on_order(struct serving *serving, struct order *order)
{
	/* It belongs to its giver again once it is carried out. */
	bool is_list = order->action == ORDER_LIST;
	orders_carry_out(&serving->orders, order);
	return is_list ? SERVING_MAIL_MAX / LISTS_MAX : 1;
}

int serving_on_mail(struct serving *serving, struct mail *mail)
{
	switch ((enum serving_mail)mail->kind) {
	case SERVING_MAIL_SOCKETS:
		on_sockets(serving, (struct socket_batch *)mail);
		break;
	case SERVING_MAIL_FANOUT:
		fanout_receive(serving->fanout, mail);
		break;
	case SERVING_MAIL_KICK:
		session_on_kick(&serving->sessions, mail);
		break;
	case SERVING_MAIL_RELOAD:
	case SERVING_MAIL_DRAIN:
		on_change(serving, (struct serving_change *)mail);
		break;
	case SERVING_MAIL_ORDER:
		return on_order(serving, order_of(mail));
	case SERVING_MAIL_STOP:
		serving->is_stopping = true;
		break;
	}
	return 1;
}

int serving_after_mail(struct serving *serving)
{
	struct conns *conns = &serving->conns;
	int next_ms = loop_ms_to_next_tick(serving->loop);
	if (fanout_step(serving->fanout, SERVING_RECEIVERS_MAX)) {
		next_ms = 0;
	}
	if (timeouts_tick(conns, DEADLINES_MAX)) {
		next_ms = 0;
	}
	if (serving->is_sweeping) {
		serving->is_sweeping = timeouts_sweep(conns, &serving->sweep_cursor, SWEEP_MAX);
		next_ms = serving->is_sweeping ? 0 : next_ms;
	}
	if (serving->drain.active) {
		int drain_ms = drain_step(&serving->drain, conns, DRAIN_MAX);
		serving->drain.active = drain_ms >= 0;
		next_ms = loop_sooner(next_ms, drain_ms);
	}
	fanout_settle(serving->fanout);
	conns_reap(conns);
	return reader_has_ready(conns) ? 0 : next_ms;
}
