#include "fanout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../conn/reader.h"

enum {
	BATCH_BYTES =
		16384, /* of frames in an ordinary batch; a larger message gets one of its own */
	BATCH_MESSAGES = 256,
	POOL_BATCHES = 8, /* kept for the next turns, so that none is allocated */
	RECEIVERS_MIN = 1024,
	/* Bytes of one read from a feeder, so that what it is worth to each receiver stays well
	 * below their limits; and bytes for each that make it a flooder, when said in one tick. */
	FEED_READ = 16384,
	FLOOD_BYTES = 16384,
};

static const char SUFFIX[] = " -- FROM ";

/* Where one message lies in its batch, and whom it must not reach. */
struct posted {
	uint32_t begin;
	uint32_t end;
	uint32_t sender_hash;
	uint8_t sender_len; /* bytes of the sender's name, which the frame ends with */
};

/* The messages of one turn of one worker, encoded once for all.
 * Owner:  its maker, while it is filled; then nobody: it is not written any more.
 * Shared: by all workers, each with one reference, and by queues of slow peers with one each.
 * Freed:  with the last reference; the maker keeps some for its next turns. */
struct batch {
	struct buf buf;              /* first: its memory is the batch's */
	_Atomic uint32_t unfinished; /* workers that have not handed it out yet */
	uint32_t count;
	uint32_t announced; /* of them, those that no user has sent */
	uint64_t
		senders; /* a bit for each sender's hash: who is not among them takes all at once */
	struct posted posted[BATCH_MESSAGES];
	struct mail mails[]; /* one for each worker; in its log, the link to the next batch */
};

struct fanout {
	struct fanout_node *node;
	struct conns *conns;
	uint8_t worker;
	struct batch *filling; /* of this turn; NULL until something is posted */
	struct batch *pool[POOL_BATCHES];
	struct batch *oldest, *newest; /* the log */
	uint64_t oldest_number;
	uint64_t next_number; /* of the batch that comes next */
	bool in_pass;
	uint64_t pass_end; /* everybody visited is at least here */
	uint32_t cursor;   /* receivers below it are still to be visited */
	uint32_t receiver_count;
	uint32_t receiver_capacity;
	uint32_t *receivers;    /* indexes of connections */
	bool is_lagging;        /* some receiver, somewhere; as of the last settling */
	uint32_t unpaused_tick; /* when paused feeders were last let go on */
	bool is_congested;      /* as of the last settling */
};

/* --- batches -----------------------------------------------------------------------------------
 */

static size_t batch_prefix(const struct fanout_node *node)
{
	return sizeof(struct batch) + node->worker_count * sizeof(struct mail);
}

static struct batch *batch_of_mail(struct mail *mail, uint8_t worker)
{
	return (struct batch *)((uint8_t *)(mail - worker) - offsetof(struct batch, mails));
}

static struct batch *batch_after(const struct batch *batch, uint8_t worker)
{
	return batch->mails[worker].link;
}

static int make_batch(struct fanout *fanout, struct memory_budget *budget, uint32_t capacity,
	struct batch **ret_batch)
{
	struct buf *buf;
	int err = buf_create(budget, batch_prefix(fanout->node), capacity, &buf);
	if (!err) {
		*ret_batch = (struct batch *)buf;
	}
	return err;
}

static void unref_batch(struct batch **batch)
{
	struct buf *buf = &(*batch)->buf;
	*batch = NULL;
	buf_unref(&buf);
}

/* One that nobody holds any more, or a new one. The caller's reference is its own. */
static int take_batch(struct fanout *fanout, uint32_t capacity, struct batch **ret_batch)
{
	struct batch **empty = NULL;
	for (int i = 0; i < POOL_BATCHES && capacity <= BATCH_BYTES; i++) {
		struct batch **pooled = &fanout->pool[i];
		if (!*pooled) {
			empty = pooled;
			break;
		}
		if (buf_is_exclusive(&(*pooled)->buf)) {
			buf_ref(&(*pooled)->buf);
			*ret_batch = *pooled;
			return 0;
		}
	}
	struct memory_budget *budget = empty ? &fanout->node->pooled : fanout->node->budget;
	int err = make_batch(
		fanout, budget, capacity < BATCH_BYTES ? BATCH_BYTES : capacity, ret_batch);
	if (!err && empty) {
		*empty = *ret_batch;
		buf_ref(&(*empty)->buf);
	}
	return err;
}

/* The batch being filled, with room for one more frame. */
static int batch_with_room(struct fanout *fanout, size_t frame_len, struct batch **ret_batch)
{
	struct batch *batch = fanout->filling;
	if (batch && (batch->count == BATCH_MESSAGES ||
			     batch->buf.capacity - batch->buf.len < frame_len)) {
		fanout_publish(fanout);
		batch = NULL;
	}
	if (!batch) {
		int err = take_batch(fanout, (uint32_t)frame_len, &batch);
		if (err) {
			return err;
		}
		batch->buf.len = 0;
		batch->count = 0;
		batch->announced = 0;
		batch->senders = 0;
		fanout->filling = batch;
	}
	*ret_batch = batch;
	return 0;
}

static uint64_t sender_bit(uint32_t hash)
{
	return UINT64_C(1) << (hash & 63);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static void note_fed(struct fanout *fanout, struct conn *feeder, size_t bytes)
{
	uint32_t now = fanout->conns->loop->now_tick;
	feeder->flags |= CONN_FEEDER;
	feeder->fed_bytes = (feeder->fed_tick == now ? feeder->fed_bytes : 0) + (uint32_t)bytes;
	feeder->fed_tick = now;
}

int fanout_post(struct fanout *fanout, enum fanout_format format, struct conn *sender,
	const uint8_t *text, size_t text_len)
{
	if (memory_budget_is_exceeded(fanout->node->budget) && !fanout->conns->others_can_give) {
		return -ENOBUFS;
	}
	size_t name_len;
	const char *name = user_entry_name(sender->user, &name_len);
	size_t line_len = text_len + sizeof(SUFFIX) - 1 + name_len;
	size_t payload_len = line_len + (format == FANOUT_PACKET ? PACKET_HEADER_LEN : 0);
	size_t frame_len = frame_header_len(payload_len) + payload_len;
	struct batch *batch;
	int err = batch_with_room(fanout, frame_len, &batch);
	if (err) {
		return err;
	}
	uint8_t *at = batch->buf.data + batch->buf.len;
	at += frame_header_write(
		at, format == FANOUT_PACKET ? FRAME_BINARY : FRAME_TEXT, payload_len, NULL);
	if (format == FANOUT_PACKET) {
		packet_header_write(at, PACKET_TEXT, (uint32_t)line_len);
		at += PACKET_HEADER_LEN;
	}
	at = put(at, text, text_len);
	at = put(at, SUFFIX, sizeof(SUFFIX) - 1);
	put(at, name, name_len);
	batch->posted[batch->count++] = (struct posted){
		.begin = batch->buf.len,
		.end = batch->buf.len + (uint32_t)frame_len,
		.sender_hash = sender->user_hash,
		.sender_len = (uint8_t)name_len,
	};
	batch->senders |= sender_bit(sender->user_hash);
	batch->buf.len += (uint32_t)frame_len;
	note_fed(fanout, sender, frame_len);
	return 0;
}

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
}

/* One worker has handed it out. */
static void finish_batch(struct fanout_node *node, struct batch **batch)
{
	if (atomic_fetch_sub_explicit(&(*batch)->unfinished, 1, memory_order_relaxed) == 1) {
		atomic_fetch_sub_explicit(&node->backlog, (*batch)->buf.len, memory_order_relaxed);
	}
	unref_batch(batch);
}

static void log_trim(struct fanout *fanout, uint64_t end)
{
	while (fanout->oldest && fanout->oldest_number < end) {
		struct batch *batch = fanout->oldest;
		fanout->oldest = batch_after(batch, fanout->worker);
		fanout->oldest_number++;
		finish_batch(fanout->node, &batch);
	}
	if (!fanout->oldest) {
		fanout->newest = NULL;
	}
}

static uint32_t load32(const _Atomic uint32_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* Of all workers: our own as they are, the others' as of their last turn. */
static uint64_t receivers_of_node(const struct fanout *fanout)
{
	uint64_t receivers = fanout->receiver_count;
	for (uint32_t i = 0; i < fanout->node->worker_count; i++) {
		receivers += i == fanout->worker ? 0 : load32(&fanout->node->gauges[i].receivers);
	}
	return receivers;
}

static void note_sizes(struct fanout *fanout, const struct batch *batch)
{
	struct stats *stats = fanout->conns->stats;
	uint64_t receivers = receivers_of_node(fanout);
	stats_add(&stats->fanout_messages, batch->count);
	stats_note(&stats->fanout_receivers, receivers, batch->announced);
	/* Who has sent it does not get it. */
	stats_note(&stats->fanout_receivers, receivers > 0 ? receivers - 1 : 0,
		batch->count - batch->announced);
}

void fanout_publish(struct fanout *fanout)
{
	struct fanout_node *node = fanout->node;
	struct batch *batch = fanout->filling;
	if (!batch) {
		return;
	}
	fanout->filling = NULL;
	atomic_store_explicit(&batch->unfinished, node->worker_count, memory_order_relaxed);
	atomic_fetch_add_explicit(&batch->buf.refs, node->worker_count, memory_order_relaxed);
	atomic_fetch_add_explicit(&node->backlog, batch->buf.len, memory_order_relaxed);
	note_sizes(fanout, batch);
	for (uint32_t worker = 0; worker < node->worker_count; worker++) {
		if (worker != fanout->worker) {
			batch->mails[worker].kind = node->mail_kind;
			mailbox_post(node->mailboxes[worker], &batch->mails[worker]);
		}
	}
	log_append(fanout, batch);
	unref_batch(&batch);
}

void fanout_receive(struct fanout *fanout, struct mail *mail)
{
	log_append(fanout, batch_of_mail(mail, fanout->worker));
}

void fanout_dispose(struct fanout_node *node, uint8_t worker, struct mail *mail)
{
	struct batch *batch = batch_of_mail(mail, worker);
	finish_batch(node, &batch);
}

/* --- handing out -------------------------------------------------------------------------------
 */

static bool is_from(const struct batch *batch, const struct posted *posted, const struct conn *conn)
{
	if (posted->sender_hash != conn->user_hash) {
		return false;
	}
	size_t name_len;
	const char *name = user_entry_name(conn->user, &name_len);
	return name_len == posted->sender_len &&
	       memcmp(batch->buf.data + posted->end - name_len, name, name_len) == 0;
}

/* Everything but what the user has sent: by user and not by connection, or the text of a replaced
 * session would come back to its successor. */
static void append_from_others(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	uint32_t begin = 0;
	uint32_t end = 0;
	uint64_t delivered = 0;
	for (uint32_t i = 0; i <= batch->count && conn->state == CONN_LIVE; i++) {
		const struct posted *posted = i < batch->count ? &batch->posted[i] : NULL;
		if (posted && !is_from(batch, posted, conn)) {
			end = posted->end;
			delivered++;
			continue;
		}
		if (end > begin) {
			conn_share(fanout->conns, conn, &batch->buf, batch->buf.data + begin,
				end - begin);
		}
		begin = end = posted ? posted->end : end;
	}
	stats_add(&fanout->conns->stats->deliveries, delivered);
}

static void append_batch(struct fanout *fanout, struct conn *conn, struct batch *batch)
{
	if (batch->senders & sender_bit(conn->user_hash)) {
		append_from_others(fanout, conn, batch);
		return;
	}
	conn_share(fanout->conns, conn, &batch->buf, batch->buf.data, batch->buf.len);
	stats_add(&fanout->conns->stats->deliveries, batch->count);
}

void fanout_catch_up(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next == fanout->next_number || conn->receiver_pos == CONN_NONE) {
		return;
	}
	struct batch *batch = fanout->oldest;
	for (uint64_t n = fanout->oldest_number; n < conn->log_next; n++) {
		batch = batch_after(batch, fanout->worker);
	}
	conn->log_next = fanout->next_number;
	for (; batch && conn->state == CONN_LIVE; batch = batch_after(batch, fanout->worker)) {
		append_batch(fanout, conn, batch);
	}
}

static void hand_out_to(struct fanout *fanout, struct conn *conn)
{
	if (conn->log_next != fanout->next_number) {
		conn_visit_begin(fanout->conns, conn);
		fanout_catch_up(fanout, conn);
		conn_visit_end(fanout->conns, conn);
	}
}

bool fanout_step(struct fanout *fanout, uint32_t receivers_max)
{
	if (!fanout->oldest) {
		return false;
	}
	if (!fanout->in_pass) {
		fanout->in_pass = true;
		fanout->pass_end = fanout->next_number;
		fanout->cursor = fanout->receiver_count;
	}
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
	if (fanout->cursor == 0) {
		fanout->in_pass = false;
		log_trim(fanout, fanout->pass_end);
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
}

/* --- pressure ----------------------------------------------------------------------------------
 */

static bool backlog_is_over(const struct fanout *fanout)
{
	size_t high = atomic_load_explicit(&fanout->node->backlog_limit, memory_order_relaxed);
	return atomic_load_explicit(&fanout->node->backlog, memory_order_relaxed) >
	       (fanout->is_congested ? high / 2 : high);
}

static bool is_flooding(const struct fanout *fanout, const struct conn *feeder)
{
	return feeder->fed_tick == fanout->conns->loop->now_tick && feeder->fed_bytes > FLOOD_BYTES;
}

size_t fanout_may_read(struct fanout *fanout, const struct conn *feeder)
{
	bool is_held_back = fanout->is_congested || backlog_is_over(fanout) ||
			    (fanout->is_lagging && is_flooding(fanout, feeder));
	if (is_held_back) {
		atomic_store(&fanout->node->gauges[fanout->worker].holds_back, true);
		return 0;
	}
	return FEED_READ;
}

int fanout_announce(struct fanout *fanout, uint8_t opcode, const uint8_t *payload,
	size_t payload_len, uint64_t *ret_receivers)
{
	size_t frame_len = frame_header_len(payload_len) + payload_len;
	struct batch *batch;
	if (memory_budget_is_exceeded(fanout->node->budget) || fanout->is_congested ||
		backlog_is_over(fanout)) {
		return -ENOBUFS;
	}
	int err = batch_with_room(fanout, frame_len, &batch);
	if (err) {
		return err;
	}
	uint8_t *at = batch->buf.data + batch->buf.len;
	at += frame_header_write(at, opcode, payload_len, NULL);
	put(at, payload, payload_len);
	batch->posted[batch->count++] = (struct posted){
		.begin = batch->buf.len,
		.end = batch->buf.len + (uint32_t)frame_len,
	};
	batch->announced++;
	batch->buf.len += (uint32_t)frame_len;
	*ret_receivers = receivers_of_node(fanout);
	fanout_publish(fanout);
	return 0;
}

static void publish_gauges(struct fanout *fanout)
{
	struct fanout_gauge *gauge = &fanout->node->gauges[fanout->worker];
	const struct outbox *outbox = fanout->conns->outbox;
	atomic_store_explicit(&gauge->receivers, fanout->receiver_count, memory_order_relaxed);
	atomic_store_explicit(&gauge->stalled, outbox->stalled_count, memory_order_relaxed);
	atomic_store_explicit(&gauge->lagging, outbox->lagging_count, memory_order_relaxed);
}

static void read_gauges(struct fanout *fanout)
{
	uint64_t receivers = 0;
	uint64_t lagging = 0;
	bool stalled = false;
	for (uint32_t i = 0; i < fanout->node->worker_count; i++) {
		const struct fanout_gauge *gauge = &fanout->node->gauges[i];
		receivers += load32(&gauge->receivers);
		lagging += load32(&gauge->lagging);
		stalled |= load32(&gauge->stalled) > 0;
	}
	conns_set_others_can_give(fanout->conns, stalled);
	fanout->is_lagging = lagging > 0;
	/* Half of them are most: who sends is a receiver too, of what others say. */
	fanout->is_congested = backlog_is_over(fanout) || (lagging > 0 && lagging * 2 >= receivers);
}

static void let_feeders_go_on(struct fanout *fanout)
{
	for (uint32_t i = 0; i < fanout->node->worker_count; i++) {
		struct fanout_gauge *gauge = &fanout->node->gauges[i];
		if (!atomic_load_explicit(&gauge->holds_back, memory_order_relaxed) ||
			!atomic_exchange(&gauge->holds_back, false)) {
			continue;
		}
		if (i != fanout->worker) {
			mailbox_ring(fanout->node->mailboxes[i]);
		}
	}
	reader_unpause(fanout->conns);
}

/* Cuts off this worker's largest queue if no other worker has a larger one. Those who have not
 * looked for theirs yet are woken first, or the first to notice would cut off whoever is at hand.
 */
static void shed(struct fanout *fanout)
{
	struct fanout_node *node = fanout->node;
	size_t mine;
	uint32_t index = outbox_largest(fanout->conns->outbox, &mine);
	mine++;
	atomic_store_explicit(
		&node->gauges[fanout->worker].largest_queue, mine, memory_order_relaxed);
	for (uint32_t i = 0; i < node->worker_count; i++) {
		size_t other =
			atomic_load_explicit(&node->gauges[i].largest_queue, memory_order_relaxed);
		bool is_unknown = other == 0 && load32(&node->gauges[i].stalled) > 0;
		bool is_first = other == mine && other > 1 && i < fanout->worker;
		if (i != fanout->worker && (is_unknown || other > mine || is_first)) {
			mailbox_ring(node->mailboxes[i]);
			return;
		}
	}
	if (index != CONN_NONE) {
		struct conn *conn = conn_table_at(fanout->conns->table, index);
		conn_visit_begin(fanout->conns, conn);
		conn_overload(fanout->conns, conn, CLOSE_REASON_OVERLOADED);
		conn_visit_end(fanout->conns, conn);
	}
}

void fanout_settle(struct fanout *fanout)
{
	uint32_t now = fanout->conns->loop->now_tick;
	if (reader_has_paused(fanout->conns)) {
		/* Another worker, content with less, may have rung and so taken the claim back.
		 * Before the gauges are read, for one that lowers them from now on to see it. */
		atomic_store(&fanout->node->gauges[fanout->worker].holds_back, true);
	}
	publish_gauges(fanout);
	read_gauges(fanout);
	if (!fanout->is_congested && !(fanout->is_lagging && fanout->unpaused_tick == now)) {
		/* While some lag, flooders get their share once in a tick. */
		fanout->unpaused_tick = now;
		let_feeders_go_on(fanout);
	}
	if (memory_budget_is_exceeded(fanout->node->budget)) {
		shed(fanout);
	} else {
		atomic_store_explicit(&fanout->node->gauges[fanout->worker].largest_queue, 0,
			memory_order_relaxed);
	}
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
	for (int i = 0; i < POOL_BATCHES && given->pool[i]; i++) {
		unref_batch(&given->pool[i]);
	}
	free(given->receivers);
	free(given);
}
