#include "serving.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "../conn/admission.h"
#include "../conn/reader.h"
#include "../conn/shed.h"
#include "../conn/timeouts.h"
#include "../conn/tls_away.h"
#include "../conn/tls_door.h"
#include "../conn/tls_turns.h"
#include "../conn/tls_worker.h"
#include "../conn/transport_tls.h"
#include "../session/echo.h"
#include "../session/late.h"
#include "../session/session.h"
#include "../session/session_log.h"
#include "newcomers.h"

/* What each part of a turn may take, in us, and the work between two looks at the clock. */
enum {
	EVENTS_US = 200,
	READY_US = 200,
	MAIL_US = 200,
	FANOUT_US = 400,
	DEADLINES_US = 200,
	LOGINS_US = 200,
	HANDSHAKES_US = 200,
	PORCH_US = 200,      /* what has come for lines that are not open */
	MEMORY_US = 400,     /* no less than reading may: what comes in is paid for */
	MAIL_STEP = 8,       /* items, as they are weighed */
	RECEIVERS_STEP = 16, /* connections of a fan-out */
	VISITS_STEP =
		16, /* connections that a deadline, a drain or the memory limit may have come for */
	LISTS_MAX = 4,    /* of a turn's mail, walks over a part of the connection table */
	SWEEP_MAX = 4096, /* connections, after deadlines were shortened */
};

/* --- what changes while running ----------------------------------------------------------------
 */

static void take_limits(struct serving *serving, const struct config *config)
{
	const struct conns_limits limits = {
		.deadlines.handshake = loop_ticks(config->handshake_deadline * 1000),
		.deadlines.read = loop_ticks(config->read_deadline * 1000),
		.deadlines.write = loop_ticks(config->write_deadline * 1000),
		.deadlines.close = loop_ticks(config->close_deadline * 1000),
		.deadlines.ping = loop_ticks(config->ping_interval * 1000),
		.max_head = (uint32_t)config->max_head,
		.max_message = (uint32_t)config->max_message,
		.queue_limit = config->tx_queue_limit,
		.trusted = config->trusted_proxy,
		.forwarded = config->forwarded,
		.origins = config->origins,
		.message_rate = (uint32_t)config->message_rate,
		.byte_rate = (uint32_t)config->byte_rate,
	};
	conns_set_limits(&serving->conns, &limits);
	serving->sessions.logs_each = session_log_is_each(config);
	serving->sessions.rooms_max = (uint32_t)config->rooms_per_session;
	serving->sessions.may_broadcast = config->client_broadcast;
	identity_configure(&serving->sessions.identity, config);
}

static void on_change(struct serving *serving, struct serving_change *change)
{
	if (change->mail.kind == SERVING_MAIL_RELOAD) {
		take_limits(serving, &change->config);
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

static void init_seat(struct serving *serving)
{
	char name[PARK_NAME_MAX];
	snprintf(name, sizeof(name), "worker-%u", serving->id);
	park_seat_init(&serving->seat, name);
}

/* Where a listener is wss. */
static int init_tls(struct serving *serving)
{
	struct node *node = serving->node;
	const struct tls_means means = {
		.store = node->tls,
		.quota = &node->tls_quota,
		.threads = node->tls_threads,
		.mailbox = serving->mailbox,
		.mail_kind = SERVING_MAIL_TLS,
	};
	return node->tls_threads ? tls_worker_create(&serving->conns, &means, &transport_tls_ops,
					   &serving->conns.tls)
				 : 0;
}

static int init_conns(struct serving *serving, const struct config *config)
{
	struct node *node = serving->node;
	int err = conns_init(&serving->conns, serving->id, serving->loop, &serving->stats,
		&node->budget, &serving->load, &node->places, &node->welcome,
		config->echo ? &echo_ops : &session_ops, &serving->sessions);
	conns_set_addresses(&serving->conns, &node->addresses);
	if (!err) {
		err = init_tls(serving);
	}
	if (!err) {
		err = fanout_create(&node->fanout, serving->id, &serving->conns, &serving->fanout);
	}
	return err;
}

int serving_init(struct serving *serving, struct node *node, uint8_t id, struct loop *loop,
	const struct config *config)
{
	*serving = (struct serving){.node = node, .id = id, .loop = loop};
	init_seat(serving);
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
		.outward = &node->outward,
		.presences.target = node->presence.mailbox ? &node->presence : NULL,
	};
	say_init(&serving->sessions.say, serving->fanout);
	identity_init(&serving->sessions.identity, node->keys, node->rights);
	serving->orders = (struct orders){
		.worker = id,
		.conns = &serving->conns,
		.fanout = serving->fanout,
		.users = node->users,
		.sessions = &serving->sessions,
		.ended = serving->ended,
	};
	node->fanout.mailboxes[id] = serving->mailbox;
	take_limits(serving, config);
	return 0;
}

void serving_end(struct serving *serving)
{
	conns_finish(&serving->conns);
	tls_worker_destroy(&serving->conns.tls);
	say_finish(&serving->sessions.say);
	waiting_finish(&serving->sessions.waiting);
	unanswered_finish(&serving->sessions.unanswered);
	presence_drop(&serving->sessions.presences);
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
	case SERVING_MAIL_LATE:
		late_dispose(mail);
		break;
	case SERVING_MAIL_TLS:
		tls_away_dispose(mail);
		break;
	case SERVING_MAIL_PARK:
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
	identity_finish(&serving->sessions.identity);
	free(serving->ended);
	serving->ended = NULL;
}

/* --- a turn ------------------------------------------------------------------------------------
 */

/* A part of the turn begins now. */
static void begin_part(struct serving *serving, uint64_t us)
{
	loop_look(serving->loop);
	serving->until_us = serving->loop->now_us + us;
}

static bool part_is_over(struct serving *serving)
{
	return loop_is_past(serving->loop, serving->until_us);
}

bool serving_has_events(const struct serving *serving)
{
	return serving->event_at < serving->event_count;
}

/* Of thousands of lines none is in a near cache when its turn comes. What a visit looks at is
 * fetched while the one before is with the kernel: the record, and what the record points at behind
 * that. */
__attribute__((noinline)) static void expect_next(const struct serving *serving)
{
	const struct epoll_event *next = &serving->loop->events[serving->event_at];
	reader_expect(&serving->conns, next->data.u64);
	if (serving->event_at + 1 < serving->event_count) {
		conn_table_expect(serving->conns.table, next[1].data.u64);
	}
}

void serving_on_events(struct serving *serving, int count)
{
	if (!serving_has_events(serving)) {
		serving->event_at = 0;
		serving->event_count = count;
	}
	serving->until_us = serving->loop->now_us + EVENTS_US;
	for (uint32_t visits = 1; serving_has_events(serving); visits++) {
		const struct epoll_event *event = &serving->loop->events[serving->event_at++];
		if (serving_has_events(serving)) {
			expect_next(serving);
		}
		if (handle_worker(event->data.u64) != HANDLE_WORKER_RESERVED) {
			reader_on_events(&serving->conns, event->data.u64, event->events);
		} else if (event->data.u64 == TLS_PORCH_BELL) {
			tls_porch_ring(&serving->conns.tls->porch);
		}
		if ((visits % READER_VISITS == 0 || reader_has_worked(&serving->conns)) &&
			part_is_over(serving)) {
			break;
		}
	}
}

void serving_before_mail(struct serving *serving)
{
	if (reader_has_ready(&serving->conns)) {
		reader_read_ready(&serving->conns, serving->loop->now_us + READY_US);
	}
	say_counts(&serving->sessions.say);
	/* What was posted before the mail goes out before it: a kick follows the last words. */
	fanout_publish(serving->fanout);
}

bool serving_mail_is_over(struct serving *serving, int taken)
{
	if (taken == 0) {
		serving->mail_look = MAIL_STEP;
	}
	if (taken < serving->mail_look) {
		return false;
	}
	/* One item may count for many. */
	bool is_first_look = serving->mail_look == MAIL_STEP;
	serving->mail_look = taken + MAIL_STEP;
	if (is_first_look) {
		begin_part(serving, MAIL_US);
		return taken >= SERVING_MAIL_MAX;
	}
	return taken >= SERVING_MAIL_MAX || part_is_over(serving);
}

static void take_over(struct serving *serving, const struct accepted_socket *socket)
{
	struct conn *conn;
	int err = admission_open(&serving->conns, socket->fd, &socket->remote, socket->epoch,
		socket->is_beyond, socket->is_proxied, socket->is_tls, &conn);
	if (err) {
		log_error(0, "cannot take over a connection: %s", strerrordesc_np(-err));
	} else if (socket->is_tls) {
		tls_door_open(&serving->conns, conn);
	}
}

static int on_sockets(struct serving *serving, struct socket_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		take_over(serving, &batch->sockets[i]);
	}
	int weight = 1 + (int)batch->count / MAIL_STEP;
	free(batch);
	return weight;
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
		return on_sockets(serving, (struct socket_batch *)mail);
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
	case SERVING_MAIL_LATE:
		late_on_mail(&serving->sessions, mail);
		break;
	case SERVING_MAIL_TLS:
		tls_turns_on_mail(&serving->conns, mail);
		break;
	case SERVING_MAIL_PARK:
		park_on_mail(&serving->seat);
		break;
	case SERVING_MAIL_STOP:
		serving->is_stopping = true;
		break;
	}
	return 1;
}

/* Each of these begins its part when the first step has shown that there is more to do. Returns
 * whether there still is. */
static bool step_fanout(struct serving *serving)
{
	if (!fanout_step(serving->fanout, RECEIVERS_STEP)) {
		return false;
	}
	bool more = true;
	const uint32_t most =
		fanout_is_for_some(serving->fanout) ? SERVING_OF_SOME_MAX : SERVING_OF_ALL_MAX;
	begin_part(serving, FANOUT_US);
	for (uint32_t given = RECEIVERS_STEP; more && given < most; given += RECEIVERS_STEP) {
		if (part_is_over(serving)) {
			break;
		}
		more = fanout_step(serving->fanout, RECEIVERS_STEP);
	}
	return more;
}

static bool step_deadlines(struct serving *serving)
{
	if (!timeouts_tick(&serving->conns, VISITS_STEP)) {
		return false;
	}
	bool more = true;
	begin_part(serving, DEADLINES_US);
	while (more && !part_is_over(serving)) {
		more = timeouts_tick(&serving->conns, VISITS_STEP);
	}
	return more;
}

/* While events are left it is one login a turn: those may be of people who are in already. And no
 * more are judged as they come, or the turns would be spent on those before the events are. */
__attribute__((noinline)) static bool step_logins(struct serving *serving)
{
	bool more = session_answer_waiting(&serving->sessions);
	if (serving_has_events(serving)) {
		return more;
	}
	if (more) {
		begin_part(serving, LOGINS_US);
	}
	while (more && !part_is_over(serving)) {
		more = session_answer_waiting(&serving->sessions);
	}
	serving->sessions.judging_us = 0;
	return more;
}

/* What has come for lines that are not open. */
__attribute__((noinline)) static bool step_porch(struct serving *serving)
{
	struct tls_porch *porch = &serving->conns.tls->porch;
	const struct epoll_event *event = tls_porch_next(porch);
	begin_part(serving, PORCH_US);
	while (event) {
		reader_on_events(&serving->conns, event->data.u64, event->events);
		event = part_is_over(serving) ? NULL : tls_porch_next(porch);
	}
	return tls_porch_has_events(porch);
}

/* Likewise one handshake a turn while events are left. */
__attribute__((noinline)) static bool step_handshakes(struct serving *serving)
{
	bool more = tls_turns_step(&serving->conns);
	if (serving_has_events(serving)) {
		return more;
	}
	if (more) {
		begin_part(serving, HANDSHAKES_US);
	}
	while (more && !part_is_over(serving)) {
		more = tls_turns_step(&serving->conns);
	}
	return more;
}

/* Returns for how many ms the next wait may last, for the drain's sake. */
static int step_drain(struct serving *serving)
{
	int next_ms = drain_step(&serving->drain, &serving->conns, VISITS_STEP);
	begin_part(serving, DEADLINES_US);
	while (next_ms == 0 && !part_is_over(serving)) {
		next_ms = drain_step(&serving->drain, &serving->conns, VISITS_STEP);
	}
	serving->drain.active = next_ms >= 0;
	return next_ms;
}

/* Returns whether there is more to do here. */
static bool step_memory(struct serving *serving)
{
	bool is_tight = budget_is_tight(&serving->node->budget);
	if (is_tight) {
		fanout_empty_pool(serving->fanout);
	}
	uint32_t worker = shed_largest(&serving->conns, is_tight, VISITS_STEP);
	if (worker == BUDGET_NOBODY) {
		return false;
	}
	begin_part(serving, MEMORY_US);
	while (worker == serving->id && !part_is_over(serving)) {
		worker = shed_largest(&serving->conns, true, VISITS_STEP);
	}
	if (worker != serving->id && worker != BUDGET_NOBODY) {
		mailbox_ring(serving->node->fanout.mailboxes[worker]);
	}
	return worker == serving->id;
}

/* A wait that was cut short by its capacity leaves some behind, and what was left of an earlier one
 * says nothing of what has come since. Returns true: there is more to do. */
__attribute__((noinline)) static bool let_deadlines_wait(struct serving *serving)
{
	const bool is_short = serving->event_count < serving->loop->capacity;
	if (!serving_has_events(serving) && (is_short || serving->holds_deadlines > 1)) {
		serving->holds_deadlines--;
	}
	return true;
}

void serving_hold_deadlines(struct serving *serving)
{
	serving->holds_deadlines = serving_has_events(serving) ? 2 : 1;
}

int serving_after_mail(struct serving *serving)
{
	struct conns *conns = &serving->conns;
	bool more = step_fanout(serving);
	more |= serving->holds_deadlines ? let_deadlines_wait(serving) : step_deadlines(serving);
	if (sessions_judge_tokens(&serving->sessions)) {
		more |= step_logins(serving);
	}
	if (conns->tls) {
		if (tls_porch_has_events(&conns->tls->porch)) {
			more |= step_porch(serving);
		}
		more |= step_handshakes(serving);
		tls_worker_turn(conns->tls);
	}
	if (serving->is_sweeping && !serving->holds_deadlines) {
		serving->is_sweeping = timeouts_sweep(conns, &serving->sweep_cursor, SWEEP_MAX);
		more |= serving->is_sweeping;
	}
	int next_ms = loop_ms_to_next_tick(serving->loop);
	if (serving->drain.active) {
		next_ms = loop_sooner(next_ms, step_drain(serving));
	}
	fanout_settle(serving->fanout);
	more |= step_memory(serving);
	conns_reap(conns);
	presence_post(&serving->sessions.presences);
	/* Mail and deadlines end sessions too, of which rooms are told. */
	more |= reader_has_ready(conns) || serving_has_events(serving) ||
		fanout_has_posted(serving->fanout);
	return more ? 0 : next_ms;
}
