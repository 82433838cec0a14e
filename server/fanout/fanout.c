#include "fanout.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "../../proto/frame.h"
#include "../user/user_table.h"
#include "fanout_inner.h"
#include "memberships.h"

enum {
	RECEIVERS_MIN = 1024,
};

/* --- for say.c ---------------------------------------------------------------------------------
 */

struct posting *fanout_posting(struct fanout *fanout)
{
	return &fanout->posting;
}

void fanout_note_fed(struct fanout *fanout, struct conn *feeder, size_t bytes, uint8_t whom)
{
	if (feeder->state == CONN_LIVE) {
		pressure_note_fed(&fanout->pressure, feeder, bytes, whom);
	}
}

bool fanout_may_announce(const struct fanout *fanout, size_t frame_len)
{
	return budget_has_room(fanout->node->budget, frame_len) &&
	       !pressure_is_congested(&fanout->pressure);
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

uint64_t fanout_wall_ms(const struct fanout *fanout)
{
	return loop_wall_ms(fanout->conns->loop);
}

uint8_t fanout_worker(const struct fanout *fanout)
{
	return fanout->worker;
}

/* --- taking in ---------------------------------------------------------------------------------
 */

uint32_t fanout_others(const struct fanout *fanout)
{
	uint64_t receivers = pressure_receivers(&fanout->pressure, fanout->receiver_count);
	return receivers > 0 ? (uint32_t)receivers - 1 : 0;
}

/* Of what is for everybody. Whoever lags is among them. */
static uint8_t whom_all(const struct fanout_node *node)
{
	return elsewhere_wants_all(node->elsewhere) ? PRESSURE_SOME_LAG | PRESSURE_ELSEWHERE
						    : PRESSURE_SOME_LAG;
}

int fanout_post(struct fanout *fanout, uint16_t command, struct conn *sender, const uint8_t *text,
	size_t text_len)
{
	struct batch_user user = recipients_user(sender);
	size_t frame_len = batch_text_frame_len(command, text_len, user.name_len);
	struct batch *batch;
	int err = posting_take(&fanout->posting, frame_len, &batch);
	if (!err) {
		batch_put_text(batch, command, &user, text, text_len);
		pressure_note_fed(&fanout->pressure, sender, frame_len, whom_all(fanout->node));
	}
	return err;
}

int fanout_announce(struct fanout *fanout, uint8_t opcode, const uint8_t *payload,
	size_t payload_len, uint64_t *ret_receivers)
{
	struct batch *batch;
	size_t frame_len = frame_header_len(payload_len) + payload_len;
	if (!fanout_may_announce(fanout, frame_len) || pressure_is_high(&fanout->pressure)) {
		return -ENOBUFS;
	}
	int err = posting_take(&fanout->posting, frame_len, &batch);
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
	return fanout->posting.filling;
}

bool fanout_is_done(const struct fanout *fanout)
{
	return !fanout->posting.filling && !fanout->log.oldest;
}

/* The worker's own part of what is published. */
static void on_published(void *context, struct batch *batch)
{
	struct fanout *fanout = context;
	note_sizes(fanout, batch);
	if (batch_is_for_worker(batch, fanout->worker)) {
		batch_log_append(&fanout->log, batch);
	}
	pressure_on_publish(&fanout->pressure);
}

void fanout_publish(struct fanout *fanout)
{
	posting_publish(&fanout->posting);
}

void fanout_receive(struct fanout *fanout, struct mail *mail)
{
	batch_log_append(&fanout->log, batch_of_mail(mail, fanout->worker));
}

void fanout_dispose(struct fanout_node *node, uint8_t worker, struct mail *mail)
{
	struct batch *batch = batch_of_mail(mail, worker);
	batch_finish(node, &batch);
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
	conn->log_next = fanout->log.next_number;
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
	batch_pool_empty(&fanout->posting.pool);
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
	fanout->log = (struct batch_log){.node = node, .worker = worker};
	posting_init(&fanout->posting, node, worker, on_published, fanout);
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
	batch_log_trim(&given->log, given->log.next_number);
	posting_finish(&given->posting);
	free(given->receivers);
	free(given);
}
