#include "batch.h"

#include <errno.h>
#include <string.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/suffix.h"

enum {
	SMALL_BYTES = 1024,  /* of frames: less than a queue would share, so that none is pinned */
	LARGE_BYTES = 16384, /* a larger message gets a batch of its own */
	CHAINS = 256,
};

/* In front of the targets of a batch of many: which of its messages may be for whom. */
struct batch_chains {
	struct batch_set for_all;
	/* The last link of each chain of messages whose hash has the same end: link 2 x n + 1 is
	 * message n by the hash of whom it is for, 2 x n + 2 by its sender's; 0: none. */
	uint16_t last[CHAINS];
};

/* --- from the pool and back --------------------------------------------------------------------
 */

static void clear(struct batch *batch)
{
	batch->count = 0;
	batch->announced = 0;
	batch->senders = 0;
	batch->aimed = 0;
	batch->to_v1 = 0;
	batch->for_elsewhere = false;
}

/* With `can_aim` not all of its messages need be for everybody. */
static int make_batch(struct batch_pool *pool, enum budget_kind kind, uint32_t bytes,
	uint32_t messages, bool can_aim, struct batch **ret_batch)
{
	const size_t mails = pool->node->worker_count + (pool->node->elsewhere ? 1 : 0);
	const size_t mails_end = sizeof(struct batch) + mails * sizeof(struct mail);
	const bool has_chains = can_aim && messages > BATCH_SMALL_MESSAGES;
	size_t chains_end = mails_end + (has_chains ? sizeof(struct batch_chains) : 0);
	/* In front of the messages, whose alignment is less. */
	size_t targets_end = chains_end + (can_aim ? messages * sizeof(struct batch_target) : 0);
	size_t messages_end = targets_end + messages * sizeof(struct batch_message);
	struct buf *buf;
	int err = buf_create(pool->node->budget, kind, messages_end, bytes, &buf);
	if (err) {
		return err;
	}
	struct batch *batch = (struct batch *)buf;
	batch->targets = can_aim ? (struct batch_target *)((uint8_t *)batch + chains_end) : NULL;
	batch->messages = (struct batch_message *)((uint8_t *)batch + targets_end);
	batch->messages_max = messages;
	clear(batch);
	*ret_batch = batch;
	return 0;
}

/* One of `slots` that nobody else holds, or a new one, which fills an empty slot. */
static int find_or_make(struct batch_pool *pool, struct batch **slots, int slot_count,
	uint32_t bytes, uint32_t messages, struct batch **ret_batch)
{
	struct batch **empty = NULL;
	for (int i = 0; i < slot_count; i++) {
		if (!slots[i]) {
			empty = empty ? empty : &slots[i];
		} else if (buf_is_exclusive(&slots[i]->buf)) {
			struct batch *batch = slots[i];
			buf_ref(&batch->buf);
			batch->buf.len = 0;
			clear(batch);
			*ret_batch = batch;
			return 0;
		}
	}
	int err = make_batch(
		pool, empty ? BUDGET_POOLS : BUDGET_BATCHES, bytes, messages, true, ret_batch);
	if (!err && empty) {
		*empty = *ret_batch;
		buf_ref(&(*empty)->buf);
	}
	return err;
}

static int find_or_make_large(struct batch_pool *pool, struct batch **ret_batch)
{
	return find_or_make(
		pool, pool->large, BATCH_POOL_LARGE, LARGE_BYTES, BATCH_LARGE_MESSAGES, ret_batch);
}

int batch_take(struct batch_pool *pool, size_t frame_len, struct batch **ret_batch)
{
	if (frame_len <= SMALL_BYTES) {
		return find_or_make(pool, pool->small, BATCH_POOL_SMALL, SMALL_BYTES,
			BATCH_SMALL_MESSAGES, ret_batch);
	}
	if (frame_len <= LARGE_BYTES) {
		return find_or_make_large(pool, ret_batch);
	}
	return make_batch(pool, BUDGET_BATCHES, (uint32_t)frame_len, 1, true, ret_batch);
}

/* Names and frames are found by where they begin: they can be moved. */
static void move_to(struct batch *to, struct batch **batch)
{
	struct batch *from = *batch;
	memcpy(to->buf.data, from->buf.data, from->buf.len);
	memcpy(to->messages, from->messages, from->count * sizeof(*from->messages));
	to->buf.len = from->buf.len;
	to->count = from->count;
	to->announced = from->announced;
	to->senders = from->senders;
	to->aimed = from->aimed;
	to->to_v1 = from->to_v1;
	to->for_elsewhere = from->for_elsewhere;
	if (from->aimed > 0) {
		memcpy(to->targets, from->targets, from->count * sizeof(*from->targets));
		memcpy(to->workers, from->workers, sizeof(from->workers));
	}
	batch_unref(batch);
	*batch = to;
}

int batch_grow(struct batch_pool *pool, size_t frame_len, struct batch **batch)
{
	struct batch *large;
	if ((*batch)->buf.capacity >= LARGE_BYTES || frame_len > LARGE_BYTES - (*batch)->buf.len) {
		return -ENOSPC;
	}
	int err = find_or_make_large(pool, &large);
	if (!err) {
		move_to(large, batch);
	}
	return err;
}

void batch_fit(struct batch_pool *pool, struct batch **batch)
{
	struct batch *fitting;
	const struct batch *given = *batch;
	if (given->buf.capacity != LARGE_BYTES || given->buf.len > LARGE_BYTES / 2) {
		return;
	}
	if (!make_batch(pool, BUDGET_BATCHES, given->buf.len, given->count, given->aimed > 0,
		    &fitting)) {
		move_to(fitting, batch);
	}
}

static void empty_slots(struct batch **slots, int slot_count, bool shared_too)
{
	for (int i = 0; i < slot_count; i++) {
		if (slots[i] && (shared_too || buf_is_exclusive(&slots[i]->buf))) {
			batch_unref(&slots[i]);
		}
	}
}

void batch_pool_empty(struct batch_pool *pool)
{
	empty_slots(pool->small, BATCH_POOL_SMALL, false);
	empty_slots(pool->large, BATCH_POOL_LARGE, false);
}

void batch_pool_finish(struct batch_pool *pool)
{
	empty_slots(pool->small, BATCH_POOL_SMALL, true);
	empty_slots(pool->large, BATCH_POOL_LARGE, true);
}

void batch_unref(struct batch **batch)
{
	struct buf *buf = &(*batch)->buf;
	*batch = NULL;
	buf_unref(&buf);
}

/* --- encoding ----------------------------------------------------------------------------------
 */

static size_t packet_header_len(uint16_t command)
{
	return command ? PACKET_HEADER_LEN : 0;
}

size_t batch_text_frame_len(uint16_t command, size_t text_len, size_t name_len)
{
	size_t payload_len = packet_header_len(command) + text_len + suffix_len(name_len);
	return frame_header_len(payload_len) + payload_len;
}

/* The frame has been written up to `end`. */
static struct batch_message *note_message(struct batch *batch, const uint8_t *end)
{
	struct batch_message *message = &batch->messages[batch->count++];
	message->begin = batch->buf.len;
	message->end = (uint32_t)(end - batch->buf.data);
	batch->buf.len = message->end;
	if (batch->aimed > 0) {
		batch->targets[batch->count - 1] = (struct batch_target){.aim = BATCH_TO_ALL};
	}
	return message;
}

/* The message was sent by a user, whose name stands at `at`. */
static void note_sender(struct batch *batch, struct batch_message *message,
	const struct batch_user *sender, const uint8_t *at)
{
	message->sender_at = (uint32_t)(at - batch->buf.data);
	message->sender_hash = sender->hash;
	message->sender_len = sender->name_len;
}

void batch_put_text(struct batch *batch, uint16_t command, const struct batch_user *sender,
	const uint8_t *text, size_t text_len)
{
	size_t line_len = text_len + suffix_len(sender->name_len);
	uint8_t *at = batch->buf.data + batch->buf.len;
	at += frame_header_write(at, command ? FRAME_BINARY : FRAME_TEXT,
		packet_header_len(command) + line_len, NULL);
	if (command) {
		packet_header_write(at, command, (uint32_t)line_len);
		at += PACKET_HEADER_LEN;
	}
	memcpy(at, text, text_len);
	at = suffix_write(at + text_len, sender->name, sender->name_len);
	note_sender(batch, note_message(batch, at), sender, at - sender->name_len);
	batch->senders |= UINT64_C(1) << (sender->hash & 63);
}

void batch_put_copy(
	struct batch *batch, struct slice frame, const struct batch_user *sender, size_t sender_at)
{
	uint8_t *at = batch->buf.data + batch->buf.len;
	memcpy(at, frame.data, frame.len);
	note_sender(batch, note_message(batch, at + frame.len), sender, at + sender_at);
	batch->senders |= UINT64_C(1) << (sender->hash & 63);
}

void batch_put_frame(
	struct batch *batch, uint8_t opcode, const uint8_t *payload, size_t payload_len)
{
	uint8_t *at = batch->buf.data + batch->buf.len;
	at += frame_header_write(at, opcode, payload_len, NULL);
	memcpy(at, payload, payload_len);
	note_sender(
		batch, note_message(batch, at + payload_len), &(struct batch_user){.name = ""}, at);
	batch->announced++;
}

size_t batch_aimed_frame_len(size_t payload_len, size_t name_len)
{
	payload_len += PACKET_HEADER_LEN;
	return frame_header_len(payload_len) + payload_len + name_len;
}

uint8_t *batch_put_packet(struct batch *batch, uint16_t command, size_t payload_len,
	const struct batch_user *sender, size_t sender_at)
{
	uint8_t *at = batch->buf.data + batch->buf.len;
	at += frame_header_write(at, FRAME_BINARY, PACKET_HEADER_LEN + payload_len, NULL);
	packet_header_write(at, command, (uint32_t)payload_len);
	at += PACKET_HEADER_LEN;
	note_sender(batch, note_message(batch, at + payload_len), sender, at + sender_at);
	return at;
}

/* Whether the message appended last, aimed so, goes on with the one before: what is said in a room
 * in one go, which is heard by all who hear its beginning. */
static bool goes_on(const struct batch *batch, const struct batch_target *target)
{
	if (batch->count < 2 || target->aim != BATCH_TO_ROOM) {
		return false;
	}
	const uint32_t at = batch->count - 1;
	const struct batch_message *its = &batch->messages[at];
	const struct batch_target *before = &batch->targets[at - 1];
	const struct batch_user sender = batch_sender(batch, at);
	return before->aim == BATCH_TO_ROOM && before->hash == target->hash &&
	       before->serial == target->serial && before->device == target->device &&
	       its->begin == its[-1].end && its[-1].sender_hash == its->sender_hash &&
	       its[-1].sender_len == its->sender_len &&
	       memcmp(batch->buf.data + its[-1].sender_at, sender.name, sender.name_len) == 0;
}

/* By `its`, which goes on with the message before. */
static void lengthen_row(struct batch_target *its)
{
	its->ahead = its[-1].goes_on ? its[-1].ahead + 1 : 1;
	its[-its->ahead].behind++;
}

void batch_aim_by_frame(struct batch *batch, const struct batch_target *target, struct slice name)
{
	if (batch->aimed == 0) {
		memset(batch->workers, 0, sizeof(batch->workers));
		for (uint32_t i = 0; i + 1 < batch->count; i++) {
			batch->targets[i] = (struct batch_target){.aim = BATCH_TO_ALL};
		}
	}
	batch->aimed++;
	batch->to_v1 += target->is_for_v1;
	batch->senders = UINT64_MAX;
	struct batch_target *its = &batch->targets[batch->count - 1];
	*its = *target;
	its->name_len = (uint8_t)name.len;
	its->name_at = (uint32_t)((const uint8_t *)name.data - batch->buf.data);
	its->behind = 0;
	its->goes_on = goes_on(batch, its);
	if (its->goes_on) {
		lengthen_row(its);
	}
}

void batch_aim(struct batch *batch, const struct batch_target *target, struct slice name)
{
	uint8_t *behind = batch->buf.data + batch->buf.len;
	memcpy(behind, name.data, name.len);
	batch->buf.len += (uint32_t)name.len;
	batch_aim_by_frame(batch, target, (struct slice){(const char *)behind, name.len});
}

/* --- finding what is for whom ------------------------------------------------------------------
 */

/* Of one that batch_has_chains() and that something is aimed in. */
static struct batch_chains *chains_of(const struct batch *batch)
{
	return (struct batch_chains *)batch->targets - 1;
}

static void set_add(struct batch_set *set, uint32_t message)
{
	set->bits[message / 64] |= UINT64_C(1) << message % 64;
}

static void link_by(struct batch *batch, uint32_t message, uint32_t which, uint32_t hash)
{
	uint16_t *last = &chains_of(batch)->last[hash % CHAINS];
	batch->targets[message].before[which] = *last;
	*last = (uint16_t)(2 * message + which + 1);
}

static void make_chains(struct batch *batch)
{
	struct batch_chains *chains = chains_of(batch);
	memset(chains, 0, sizeof(*chains));
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct batch_target *target = &batch->targets[i];
		if (target->aim == BATCH_TO_ALL) {
			set_add(&chains->for_all, i);
			continue;
		}
		if (target->goes_on) {
			continue; /* The first of its row is a link. */
		}
		link_by(batch, i, 0, target->hash);
		if (target->is_shown) {
			link_by(batch, i, 1, batch->messages[i].sender_hash);
		}
	}
}

struct batch_set batch_for_all(const struct batch *batch)
{
	return chains_of(batch)->for_all;
}

bool batch_collect(const struct batch *batch, uint32_t hash, struct batch_set *set)
{
	bool is_any = false;
	uint16_t link = chains_of(batch)->last[hash % CHAINS];
	while (link > 0) {
		const uint32_t message = (link - 1U) / 2;
		const uint32_t which = (link - 1U) % 2;
		const struct batch_target *target = &batch->targets[message];
		if (hash == (which == 0 ? target->hash : batch->messages[message].sender_hash)) {
			set_add(set, message);
			is_any = true;
		}
		link = target->before[which];
	}
	return is_any;
}

/* --- on its way --------------------------------------------------------------------------------
 */

/* Who comes to another worker from now on is owed nothing of it. */
static void mark_receivers(struct batch *batch, const struct fanout_node *node)
{
	if (batch->aimed == 0) {
		memset(batch->workers, 0, sizeof(batch->workers));
	}
	for (uint32_t i = 0; i < node->worker_count; i++) {
		if (atomic_load_explicit(&node->gauges[i].receivers, memory_order_relaxed) > 0) {
			batch->workers[i / 64] |= UINT64_C(1) << i % 64;
		}
	}
}

void batch_share(struct batch *batch, struct fanout_node *node)
{
	uint32_t count = 0;
	if (batch->aimed > 0 && batch_has_chains(batch)) {
		make_chains(batch);
	}
	if (batch_is_for_all(batch)) {
		mark_receivers(batch, node);
	}
	for (uint32_t i = 0; i * 64 < node->worker_count; i++) {
		count += (uint32_t)__builtin_popcountll(batch->workers[i]);
	}
	/* One that nobody hears is in no backlog. */
	size_t bytes = count > 0 ? batch->buf.len : 0;
	atomic_store_explicit(&batch->unfinished, count, memory_order_relaxed);
	atomic_fetch_add_explicit(&batch->buf.refs, count, memory_order_relaxed);
	atomic_fetch_add_explicit(&node->backlog, bytes, memory_order_relaxed);
}

void batch_finish(struct fanout_node *node, struct batch **batch)
{
	if (atomic_fetch_sub_explicit(&(*batch)->unfinished, 1, memory_order_relaxed) == 1) {
		atomic_fetch_sub_explicit(&node->backlog, (*batch)->buf.len, memory_order_relaxed);
	}
	batch_unref(batch);
}

/* --- leaving the sender out --------------------------------------------------------------------
 */

static bool is_from(const struct batch *batch, const struct batch_message *message,
	const struct batch_user *user)
{
	return message->sender_len > 0 && message->sender_hash == user->hash &&
	       message->sender_len == user->name_len &&
	       memcmp(batch->buf.data + message->sender_at, user->name, user->name_len) == 0;
}

bool batch_is_from(const struct batch *batch, uint32_t message, const struct batch_user *user)
{
	return is_from(batch, &batch->messages[message], user);
}

bool batch_next_span(const struct batch *batch, const struct batch_user *user, uint32_t *at,
	struct batch_span *ret_span)
{
	uint32_t first = *at;
	while (first < batch->count && is_from(batch, &batch->messages[first], user)) {
		first++;
	}
	uint32_t behind = first;
	while (behind < batch->count && !is_from(batch, &batch->messages[behind], user)) {
		behind++;
	}
	*at = behind;
	if (behind == first) {
		return false;
	}
	*ret_span = (struct batch_span){
		.begin = batch->messages[first].begin,
		.end = batch->messages[behind - 1].end,
		.count = behind - first,
	};
	return true;
}
