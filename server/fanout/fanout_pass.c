#include "fanout.h"

#include "../conn/send.h"
#include "fanout_inner.h"

enum {
	/* Of the walks of a pass: who comes and goes all the time must not keep it from its end. */
	RESTARTS_MAX = 4,
};

/* --- to one receiver ---------------------------------------------------------------------------
 */

/* Everything but what the user has sent: by user and not by connection, or the text of a replaced
 * session would come back to its successor. */
static void append_from_others(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	struct batch_user user = recipients_user(conn);
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

/* What is for everybody is the rest of `deliveries`. */
static void note_audience(struct fanout *fanout, enum batch_aim aim, uint32_t delivered)
{
	struct stats *stats = fanout->conns->stats;
	if (aim == BATCH_TO_USER) {
		stats_add(&stats->delivered_to_user, delivered);
	} else if (aim != BATCH_TO_ALL) {
		stats_add(&stats->delivered_to_room, delivered);
	}
}

/* Appends what is for that connection of a row, which begins at `at` and ends ahead of `end`. Who
 * hears a message of it hears all behind it: they have one sender, room and device, and numbers
 * that rise. Nearly everybody hears the first one or none; for who has come to the room meanwhile
 * the first that he hears is looked for by halves. Returns how many were appended. */
static __attribute__((noinline)) uint32_t append_row(
	struct fanout *fanout, struct conn *conn, struct batch *batch, uint32_t at, uint32_t end)
{
	if (conn->state != CONN_LIVE) {
		return 0;
	}
	uint32_t heard = end; /* the first one, as far as is known; `end`: none */
	uint32_t look = at;   /* the row's first to begin with, as memberships_hears demands */
	while (at < heard) {
		if (recipients_has(fanout->node, fanout->worker, batch, look, conn)) {
			heard = look;
		} else {
			at = look + 1;
		}
		look = at + (heard - at) / 2;
	}
	if (heard == end) {
		return 0;
	}
	const struct batch_message *first = &batch->messages[heard];
	conn_share(fanout->conns, conn, &batch->buf, batch->buf.data + first->begin,
		batch->messages[end - 1].end - first->begin);
	note_audience(fanout, (enum batch_aim)batch->targets[heard].aim, end - heard);
	return end - heard;
}

/* Of some messages those that are for that connection. Returns how many that were. */
static uint32_t append_few(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	const uint64_t marks = recipients_marks(conn);
	uint32_t delivered = 0;
	uint32_t end;
	for (uint32_t at = 0; at < batch->count; at = end) {
		end = batch_row_end(batch, at);
		if (recipients_may_have(batch, at, marks)) {
			delivered += append_row(fanout, conn, batch, at, end);
		}
	}
	return delivered;
}

/* The same of a batch with chains. */
static uint32_t append_many(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	struct batch_set set;
	uint32_t delivered = 0;
	if (!recipients_candidates(batch, conn, &set)) {
		return 0;
	}
	for (uint32_t i = 0; i < batch->count; i += 64) {
		for (uint64_t bits = set.bits[i / 64]; bits; bits &= bits - 1) {
			const uint32_t at = i + (uint32_t)__builtin_ctzll(bits);
			delivered += append_row(fanout, conn, batch, at, batch_row_end(batch, at));
		}
	}
	return delivered;
}

/* Row by row, as not all are for everybody. */
static void append_aimed(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	uint32_t delivered;
	if (batch->count == 1) {
		delivered = append_row(fanout, conn, batch, 0, 1);
	} else if (batch_has_chains(batch)) {
		delivered = append_many(fanout, conn, batch);
	} else {
		delivered = append_few(fanout, conn, batch);
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
	struct batch *batch = batch_log_at(&fanout->log, conn->log_next);
	conn->log_next = fanout->log.next_number;
	for (; batch && conn->state == CONN_LIVE; batch = batch_after(batch, fanout->worker)) {
		append_batch(fanout, conn, batch);
	}
}

void fanout_catch_up(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next != fanout->log.next_number && conn->receiver_pos != CONN_NONE) {
		append_owed(fanout, conn);
	}
}

static void hand_out_to(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next != fanout->log.next_number) {
		conn_visit_begin(fanout->conns, conn);
		append_owed(fanout, conn);
		conn_visit_end(fanout->conns, conn);
	}
}

/* --- to all of them ----------------------------------------------------------------------------
 */

static void begin_pass(struct fanout *fanout)
{
	fanout->in_pass = true;
	fanout->pass_end = fanout->log.next_number;
	fanout->cursor = fanout->receiver_count;
	fanout->delivered = stats_read(&fanout->conns->stats->deliveries);
	gathering_pass_begins(&fanout->gathering, fanout->conns->loop->now_us);
	/* With anything for everybody all are visited; else those that something may be for. */
	fanout->is_partial = fanout->log.for_all == 0;
	fanout->is_walking = fanout->is_partial;
	fanout->walked = fanout->log.oldest;
	fanout->walked_number = fanout->log.oldest_number;
	fanout->walked_message = 0;
	fanout->walk = (struct recipients){0};
}

static void end_pass(struct fanout *fanout)
{
	const uint32_t logged = fanout->log.messages;
	const uint64_t delivered =
		stats_read(&fanout->conns->stats->deliveries) - fanout->delivered;
	fanout->in_pass = false;
	batch_log_trim(&fanout->log, fanout->pass_end);
	if (fanout->receiver_count == 0 || fanout->is_partial) {
		return;
	}
	/* To each receiver, also of what came while the pass was under way. Of what came so most
	 * have had their part in the pass before: then this one is none to go by. */
	const uint64_t each = delivered / fanout->receiver_count;
	if (each * 2 >= logged - fanout->log.messages) {
		gathering_pass_ends(
			&fanout->gathering, (uint32_t)each, fanout->conns->loop->now_us);
	}
}

/* A single worker has read all there is when a pass begins; and while feeders are held back,
 * nothing more is on its way. */
static bool has_to_gather(struct fanout *fanout)
{
	if (fanout->node->worker_count == 1 || fanout->log.for_all == 0 ||
		pressure_is_high(&fanout->pressure)) {
		return false;
	}
	uint32_t wait_us = gathering_wait_us(
		&fanout->gathering, fanout->log.messages, fanout->conns->loop->now_us);
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

/* Goes on with the next message. A speaker's texts come in a row, of which the first one's walk was
 * for all. */
static void walk_on(struct fanout *fanout, const struct batch *batch)
{
	do {
		fanout->walked_message++;
	} while (fanout->walked_message < batch->count &&
		 recipients_are_as_before(batch, fanout->walked_message));
	recipients_begin(&fanout->walk);
	recipients_expect(fanout->conns, batch, fanout->walked_message + 1);
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
			if (recipients_are_over(&fanout->walk)) {
				walk_on(fanout, batch);
			}
		} else if (!conn && fanout->walked_message < batch->count) {
			walk_on(fanout, batch);
		} else if (!conn) {
			fanout->walked = batch_after(batch, fanout->worker);
			fanout->walked_number++;
			fanout->walked_message = 0;
		}
	}
	return !fanout->walked || fanout->walked_number >= fanout->pass_end;
}

bool fanout_is_for_some(const struct fanout *fanout)
{
	return fanout->in_pass && fanout->is_walking;
}

bool fanout_step(struct fanout *fanout, uint32_t receivers_max)
{
	if (!fanout->log.oldest) {
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
	return fanout->log.oldest != NULL;
}
