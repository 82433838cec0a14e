#include "fanout.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "../../proto/frame.h"
#include "../conn/send.h"
#include "../user/user_table.h"
#include "gathering.h"
#include "memberships.h"
#include "pressure.h"
#include "recipients.h"

enum {
	RECEIVERS_MIN = 1024,
	/* Of the walks of a pass: who comes and goes all the time must not keep it from its end. */
	RESTARTS_MAX = 4,
};

struct fanout {
	struct fanout_node *node;
	struct conns *conns;
	uint8_t worker;
	struct pressure pressure;
	struct gathering gathering;
	struct batch_pool pool;
	struct batch *filling;         /* of this turn; NULL until something is posted */
	struct batch *oldest, *newest; /* the log */
	uint64_t oldest_number;
	uint64_t next_number;    /* of the batch that comes next */
	uint32_t logged;         /* messages in the log */
	uint32_t logged_for_all; /* batches of the log with anything for everybody */
	bool in_pass;
	uint64_t pass_end;  /* everybody visited is at least here */
	uint32_t cursor;    /* receivers below it are still to be visited */
	uint64_t delivered; /* stats->deliveries when the pass began */
	/* A pass that visits only those whom something may be for, and where it is as long as it
	 * walks over them. */
	bool is_partial;
	bool is_walking;
	struct batch *walked;
	uint64_t walked_number;
	uint32_t walked_message;
	struct recipients walk;
	uint32_t receiver_count;
	uint32_t receiver_capacity;
	uint32_t *receivers; /* indexes of connections */
};

/* --- the log -----------------------------------------------------------------------------------
 */

static void log_append(struct fanout *fanout, struct batch *batch)
{
	batch->mails[fanout->worker].link = NULL;
	if (fanout->newest) {
		fanout->newest->mails[fanout->worker].link = batch;
	} else {
		fanout->oldest = batch;
		fanout->oldest_number = fanout->next_number;
	}
	fanout->newest = batch;
	fanout->next_number++;
	fanout->logged += batch->count;
	fanout->logged_for_all += batch_is_for_all(batch);
}

static void log_trim(struct fanout *fanout, uint64_t end)
{
	while (fanout->oldest && fanout->oldest_number < end) {
		struct batch *batch = fanout->oldest;
		fanout->oldest = batch_after(batch, fanout->worker);
		fanout->oldest_number++;
		fanout->logged -= batch->count;
		fanout->logged_for_all -= batch_is_for_all(batch);
		batch_finish(fanout->node, &batch);
	}
	if (!fanout->oldest) {
		fanout->newest = NULL;
	}
}

/* --- taking in ---------------------------------------------------------------------------------
 */

int fanout_take_batch(struct fanout *fanout, size_t frame_len, struct batch **ret_batch)
{
	if (fanout->filling && !batch_has_room(fanout->filling, frame_len) &&
		batch_grow(&fanout->pool, frame_len, &fanout->filling) < 0) {
		fanout_publish(fanout);
	}
	if (!fanout->filling) {
		int err = batch_take(&fanout->pool, frame_len, &fanout->filling);
		if (err) {
			return err;
		}
	}
	*ret_batch = fanout->filling;
	return 0;
}

void fanout_note_fed(struct fanout *fanout, struct conn *feeder, size_t bytes, bool some_lag)
{
	if (feeder->state == CONN_LIVE) {
		pressure_note_fed(&fanout->pressure, feeder, bytes, some_lag);
	}
}

uint32_t fanout_others(const struct fanout *fanout)
{
	uint64_t receivers = pressure_receivers(&fanout->pressure, fanout->receiver_count);
	return receivers > 0 ? (uint32_t)receivers - 1 : 0;
}

struct stats *fanout_stats(const struct fanout *fanout)
{
	return fanout->conns->stats;
}

const struct fanout_node *fanout_node(const struct fanout *fanout)
{
	return fanout->node;
}

handle_t fanout_handle(const struct fanout *fanout, const struct conn *conn)
{
	return conn_table_handle(fanout->conns->table, conn);
}

uint32_t fanout_now_tick(const struct fanout *fanout)
{
	return fanout->conns->loop->now_tick;
}

uint8_t fanout_worker(const struct fanout *fanout)
{
	return fanout->worker;
}

int fanout_post(struct fanout *fanout, uint16_t command, struct conn *sender, const uint8_t *text,
	size_t text_len)
{
	struct batch_user user = fanout_user(sender);
	size_t frame_len = batch_text_frame_len(command, text_len, user.name_len);
	struct batch *batch;
	int err = fanout_take_batch(fanout, frame_len, &batch);
	if (!err) {
		batch_put_text(batch, command, &user, text, text_len);
		/* Whoever lags is among them. */
		pressure_note_fed(&fanout->pressure, sender, frame_len, true);
	}
	return err;
}

bool fanout_may_announce(const struct fanout *fanout, size_t frame_len)
{
	return budget_has_room(fanout->node->budget, frame_len) &&
	       !pressure_is_congested(&fanout->pressure);
}

int fanout_announce(struct fanout *fanout, uint8_t opcode, const uint8_t *payload,
	size_t payload_len, uint64_t *ret_receivers)
{
	struct batch *batch;
	size_t frame_len = frame_header_len(payload_len) + payload_len;
	if (!fanout_may_announce(fanout, frame_len) || pressure_is_high(&fanout->pressure)) {
		return -ENOBUFS;
	}
	int err = fanout_take_batch(fanout, frame_len, &batch);
	if (err) {
		return err;
	}
	batch_put_frame(batch, opcode, payload, payload_len);
	*ret_receivers = pressure_receivers(&fanout->pressure, fanout->receiver_count);
	fanout_publish(fanout);
	return 0;
}

/* Those that are for everybody: the others are counted by who says them, and have no such size. */
static void note_sizes(struct fanout *fanout, const struct batch *batch)
{
	struct stats *stats = fanout->conns->stats;
	const uint64_t receivers = pressure_receivers(&fanout->pressure, fanout->receiver_count);
	const uint32_t for_all = batch->count - batch->aimed;
	stats_add(&stats->fanout_messages, batch->count);
	if (for_all == 0) {
		return;
	}
	stats_add(&stats->said_to_all, for_all);
	stats_note(&stats->fanout_receivers, receivers, batch->announced);
	/* Who has sent it does not get it. */
	stats_note(&stats->fanout_receivers, receivers > 0 ? receivers - 1 : 0,
		for_all - batch->announced);
}

bool fanout_has_posted(const struct fanout *fanout)
{
	return fanout->filling;
}

void fanout_publish(struct fanout *fanout)
{
	struct fanout_node *node = fanout->node;
	struct batch *batch = fanout->filling;
	if (!batch) {
		return;
	}
	fanout->filling = NULL;
	batch_fit(&fanout->pool, &batch);
	batch_share(batch, node);
	note_sizes(fanout, batch);
	for (uint32_t worker = 0; worker < node->worker_count; worker++) {
		if (worker != fanout->worker && batch_is_for_worker(batch, worker)) {
			batch->mails[worker].kind = node->mail_kind;
			mailbox_post(node->mailboxes[worker], &batch->mails[worker]);
		}
	}
	if (batch_is_for_worker(batch, fanout->worker)) {
		log_append(fanout, batch);
	}
	batch_unref(&batch);
	pressure_on_publish(&fanout->pressure);
}

void fanout_receive(struct fanout *fanout, struct mail *mail)
{
	log_append(fanout, batch_of_mail(mail, fanout->worker));
}

void fanout_dispose(struct fanout_node *node, uint8_t worker, struct mail *mail)
{
	struct batch *batch = batch_of_mail(mail, worker);
	batch_finish(node, &batch);
}

/* --- handing out -------------------------------------------------------------------------------
 */

/* Everything but what the user has sent: by user and not by connection, or the text of a replaced
 * session would come back to its successor. */
static void append_from_others(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	struct batch_user user = fanout_user(conn);
	struct batch_span span;
	uint32_t at = 0;
	uint64_t delivered = 0;
	while (conn->state == CONN_LIVE && batch_next_span(batch, &user, &at, &span)) {
		conn_share(fanout->conns, conn, &batch->buf, batch->buf.data + span.begin,
			span.end - span.begin);
		delivered += span.count;
	}
	stats_add(&fanout->conns->stats->deliveries, delivered);
}

/* Appends one message if it is for that connection. Returns how many that were. */
static uint32_t append_message(struct fanout *fanout, struct conn *conn,
	const struct batch_user *user, struct batch *batch, uint32_t at)
{
	const struct batch_message *message = &batch->messages[at];
	if (conn->state != CONN_LIVE || !recipients_has(fanout->node, batch, at, conn, user)) {
		return 0;
	}
	conn_share(fanout->conns, conn, &batch->buf, batch->buf.data + message->begin,
		message->end - message->begin);
	return 1;
}

/* Each message for itself, as not all are for everybody. */
static void append_aimed(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	const struct batch_user user = fanout_user(conn);
	uint32_t delivered = 0;
	if (!batch_has_chains(batch)) {
		for (uint32_t i = 0; i < batch->count; i++) {
			delivered += append_message(fanout, conn, &user, batch, i);
		}
	} else {
		struct batch_set set = recipients_candidates(batch, conn);
		for (uint32_t i = 0; i < BATCH_LARGE_MESSAGES; i += 64) {
			for (uint64_t bits = set.bits[i / 64]; bits; bits &= bits - 1) {
				delivered += append_message(fanout, conn, &user, batch,
					i + (uint32_t)__builtin_ctzll(bits));
			}
		}
	}
	stats_add(&fanout->conns->stats->deliveries, delivered);
}

/* Out of the way of those who take all at once. */
static __attribute__((noinline)) void append_some(
	struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	if (batch->aimed > 0) {
		append_aimed(fanout, conn, batch);
	} else {
		append_from_others(fanout, conn, batch);
	}
}

static void append_batch(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	if (batch_may_be_from(batch, conn->user_hash)) {
		append_some(fanout, conn, batch);
		return;
	}
	conn_share(fanout->conns, conn, &batch->buf, batch->buf.data, batch->buf.len);
	stats_add(&fanout->conns->stats->deliveries, batch->count);
}

/* To a receiver that is owed some. */
static void append_owed(struct fanout *fanout, struct conn *conn)
{
	struct batch *batch = fanout->oldest;
	for (uint64_t n = fanout->oldest_number; n < conn->log_next; n++) {
		batch = batch_after(batch, fanout->worker);
	}
	conn->log_next = fanout->next_number;
	for (; batch && conn->state == CONN_LIVE; batch = batch_after(batch, fanout->worker)) {
		append_batch(fanout, conn, batch);
	}
}

void fanout_catch_up(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next != fanout->next_number && conn->receiver_pos != CONN_NONE) {
		append_owed(fanout, conn);
	}
}

static void hand_out_to(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next != fanout->next_number) {
		conn_visit_begin(fanout->conns, conn);
		append_owed(fanout, conn);
		conn_visit_end(fanout->conns, conn);
	}
}

static void begin_pass(struct fanout *fanout)
{
	fanout->in_pass = true;
	fanout->pass_end = fanout->next_number;
	fanout->cursor = fanout->receiver_count;
	fanout->delivered = stats_read(&fanout->conns->stats->deliveries);
	gathering_pass_begins(&fanout->gathering, fanout->conns->loop->now_us);
	/* With anything for everybody all are visited; else those that something may be for. */
	fanout->is_partial = fanout->logged_for_all == 0;
	fanout->is_walking = fanout->is_partial;
	fanout->walked = fanout->oldest;
	fanout->walked_number = fanout->oldest_number;
	fanout->walked_message = 0;
	fanout->walk = (struct recipients){0};
}

static void end_pass(struct fanout *fanout)
{
	const uint32_t logged = fanout->logged;
	const uint64_t delivered =
		stats_read(&fanout->conns->stats->deliveries) - fanout->delivered;
	fanout->in_pass = false;
	log_trim(fanout, fanout->pass_end);
	if (fanout->receiver_count == 0 || fanout->is_partial) {
		return;
	}
	/* To each receiver, also of what came while the pass was under way. Of what came so most
	 * have had their part in the pass before: then this one is none to go by. */
	const uint64_t each = delivered / fanout->receiver_count;
	if (each * 2 >= logged - fanout->logged) {
		gathering_pass_ends(
			&fanout->gathering, (uint32_t)each, fanout->conns->loop->now_us);
	}
}

/* A single worker has read all there is when a pass begins; and while feeders are held back,
 * nothing more is on its way. */
static bool has_to_gather(struct fanout *fanout)
{
	if (fanout->node->worker_count == 1 || fanout->logged_for_all == 0 ||
		pressure_is_high(&fanout->pressure)) {
		return false;
	}
	uint32_t wait_us =
		gathering_wait_us(&fanout->gathering, fanout->logged, fanout->conns->loop->now_us);
	loop_wait_at_most(fanout->conns->loop, wait_us);
	return wait_us > 0;
}

/* Visits all receivers, at most `receivers_max` of them now. Returns whether the pass is over. */
static bool visit_all(struct fanout *fanout, uint32_t receivers_max)
{
	/* Downwards: who leaves is replaced by the last one, who has been visited already. */
	while (fanout->cursor > 0 && receivers_max > 0) {
		if (fanout->cursor > fanout->receiver_count) {
			fanout->cursor = fanout->receiver_count;
			continue;
		}
		fanout->cursor--;
		receivers_max--;
		hand_out_to(fanout,
			conn_table_at(fanout->conns->table, fanout->receivers[fanout->cursor]));
	}
	return fanout->cursor == 0;
}

/* The same for those that the messages of this pass may be for, one message after the other. Who
 * has had all that there is costs no more than a look. When that has begun anew too often all are
 * visited instead. */
static bool visit_recipients(struct fanout *fanout, uint32_t receivers_max)
{
	if (fanout->walk.restarts > RESTARTS_MAX) {
		fanout->is_walking = false;
		fanout->cursor = fanout->receiver_count;
		return false;
	}
	while (fanout->walked && fanout->walked_number < fanout->pass_end && receivers_max > 0) {
		struct batch *batch = fanout->walked;
		struct conn *conn = NULL;
		if (fanout->walked_message < batch->count) {
			conn = recipients_next(&fanout->walk, fanout->node, fanout->conns,
				fanout->worker, batch, fanout->walked_message);
		}
		receivers_max--;
		if (conn && conn->state == CONN_LIVE && conn->receiver_pos != CONN_NONE) {
			hand_out_to(fanout, conn);
		} else if (!conn && fanout->walked_message < batch->count) {
			fanout->walked_message++;
			recipients_begin(&fanout->walk);
		} else if (!conn) {
			fanout->walked = batch_after(batch, fanout->worker);
			fanout->walked_number++;
			fanout->walked_message = 0;
		}
	}
	return !fanout->walked || fanout->walked_number >= fanout->pass_end;
}

bool fanout_step(struct fanout *fanout, uint32_t receivers_max)
{
	if (!fanout->oldest) {
		return false;
	}
	if (!fanout->in_pass) {
		if (has_to_gather(fanout)) {
			return false;
		}
		begin_pass(fanout);
	}
	bool is_over = fanout->is_walking ? visit_recipients(fanout, receivers_max)
					  : visit_all(fanout, receivers_max);
	if (is_over) {
		end_pass(fanout);
	}
	return fanout->oldest != NULL;
}

/* --- receivers ---------------------------------------------------------------------------------
 */

static int grow_receivers(struct fanout *fanout)
{
	uint32_t capacity =
		fanout->receiver_capacity ? fanout->receiver_capacity * 2 : RECEIVERS_MIN;
	uint32_t *grown = realloc(fanout->receivers, capacity * sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	fanout->receivers = grown;
	fanout->receiver_capacity = capacity;
	return 0;
}

int fanout_join(struct fanout *fanout, struct conn *conn)
{
	if (fanout->receiver_count == fanout->receiver_capacity && grow_receivers(fanout) < 0) {
		return -ENOMEM;
	}
	conn->receiver_pos = fanout->receiver_count;
	conn->log_next = fanout->next_number;
	fanout->receivers[fanout->receiver_count++] = conn->index;
	pressure_note_receivers(&fanout->pressure, fanout->receiver_count);
	return 0;
}

void fanout_leave(struct fanout *fanout, struct conn *conn)
{
	if (conn->receiver_pos == CONN_NONE) {
		return;
	}
	uint32_t last = fanout->receivers[--fanout->receiver_count];
	fanout->receivers[conn->receiver_pos] = last;
	conn_table_at(fanout->conns->table, last)->receiver_pos = conn->receiver_pos;
	conn->receiver_pos = CONN_NONE;
	pressure_note_receivers(&fanout->pressure, fanout->receiver_count);
}

/* --- pressure ----------------------------------------------------------------------------------
 */

size_t fanout_may_read(struct fanout *fanout, struct conn *feeder)
{
	return pressure_may_read(&fanout->pressure, feeder);
}

void fanout_note_lag(struct fanout *fanout, struct conn *conn, bool lags)
{
	memberships_note_lag(conn, lags);
	fanout_node_note_lag(fanout->node, conn->user_hash, lags);
}

void fanout_settle(struct fanout *fanout)
{
	pressure_settle(&fanout->pressure);
}

void fanout_empty_pool(struct fanout *fanout)
{
	batch_pool_empty(&fanout->pool);
}

/* --- life --------------------------------------------------------------------------------------
 */

int fanout_create(
	struct fanout_node *node, uint8_t worker, struct conns *conns, struct fanout **ret_fanout)
{
	struct fanout *fanout = calloc(1, sizeof(*fanout));
	if (!fanout) {
		return -ENOMEM;
	}
	fanout->node = node;
	fanout->worker = worker;
	fanout->conns = conns;
	fanout->pool.node = node;
	pressure_init(&fanout->pressure, node, conns, worker);
	*ret_fanout = fanout;
	return 0;
}

void fanout_destroy(struct fanout **fanout)
{
	struct fanout *given = *fanout;
	if (!given) {
		return;
	}
	*fanout = NULL;
	ASSERT(given->receiver_count == 0);
	fanout_publish(given);
	log_trim(given, given->next_number);
	batch_pool_finish(&given->pool);
	free(given->receivers);
	free(given);
}
