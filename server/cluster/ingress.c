#include "ingress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../fanout/pressure.h"
#include "../fanout/put_message.h"
#include "../fanout/rooms_list.h"
#include "../fanout/to_user.h"
#include "ingress_inner.h"

enum {
	/* Bytes that are taken in, in a tick, while some receiver lags. */
	PASS = 131072,
	/* Bytes held back from which on other nodes are to send nothing that can wait. */
	FULL = 262144,
	HELD_MS = 5,         /* until what is held is looked at again */
	RECOUNT_ROOMS = 256, /* that are looked at in a turn */
	ROOM_NODES = 256,
};

/* --- one message -------------------------------------------------------------------------------
 */

static struct batch_user user_of(const struct ingress *ingress, struct slice name)
{
	return (struct batch_user){
		.name = name.data,
		.name_len = (uint8_t)name.len,
		.hash = user_table_hash(ingress->node->users, name.data, name.len),
	};
}

static int put_to_all(struct ingress *ingress, const struct codec_said *said)
{
	const struct batch_user from = user_of(ingress, codec_sender(said));
	struct batch *batch;
	int err = posting_take(&ingress->posting, said->frame.len, &batch);
	if (!err) {
		batch_put_copy(batch, said->frame, &from, said->sender_at);
	}
	return err;
}

/* Under RCU. */
static int put_in_room(struct ingress *ingress, const struct codec_said *said, struct room *room)
{
	const struct batch_user from = user_of(ingress, codec_sender(said));
	struct batch *batch;
	int err = posting_take(&ingress->posting, said->frame.len + said->room.len, &batch);
	if (err) {
		return err;
	}
	struct batch_target target = put_message_to_room(room);
	target.device = said->sender_device;
	batch_put_copy(batch, said->frame, &from, said->sender_at);
	batch_aim(batch, &target, said->room);
	room_mark_workers(room, batch->workers);
	return 0;
}

/* Members that the directory knows of a room on that node. */
static uint32_t known_members(const struct ingress *ingress, uint16_t node, struct slice room)
{
	struct directory_room found[ROOM_NODES];
	const uint64_t key = rooms_hash64(ingress->node->rooms, room);
	uint32_t count = directory_find_room(ingress->setup.directory, key, found, ROOM_NODES);
	count = count < ROOM_NODES ? count : ROOM_NODES;
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].node == node) {
			return found[i].members;
		}
	}
	return 0;
}

/* Under RCU. The number that comes with it is that of its node, fresher than the directory's. */
static void put_told(
	struct ingress *ingress, uint16_t node, const struct codec_said *said, struct room *room)
{
	const uint8_t *begin = (const uint8_t *)said->frame.data;
	const size_t head_len = frame_header_len_at(begin) + PACKET_HEADER_LEN;
	struct members_packet members;
	if (said->frame.len < head_len ||
		members_packet_decode(begin + head_len, said->frame.len - head_len, &members) < 0) {
		return;
	}
	const struct telling_of its = {
		.user = user_of(ingress, codec_sender(said)),
		.device = said->sender_device,
		.change = members.change,
		.beside = (int32_t)(members.count - known_members(ingress, node, said->room)),
	};
	telling_who_came(&ingress->telling, &its, room, ingress->now_tick);
}

static int put_to_room(struct ingress *ingress, uint16_t node, const struct codec_said *said)
{
	struct rooms *rooms = ingress->node->rooms;
	struct room *room = rooms_find_begin(rooms, said->room, rooms_hash(rooms, said->room));
	int err = 0;
	if (room && said->aim == CODEC_TO_ROOM) {
		err = put_in_room(ingress, said, room);
	} else if (room) {
		put_told(ingress, node, said, room);
	}
	rooms_find_end(rooms);
	return err;
}

/* --- batches -----------------------------------------------------------------------------------
 */

static void note_lost(struct ingress *ingress)
{
	ingress->figures.lost++;
	ingress_gap(ingress, 1);
}

static void take_in(struct ingress *ingress, uint16_t node, const struct codec_message *message)
{
	struct codec_message rest = *message;
	struct codec_said said;
	int err = 0;
	int next;
	while ((next = codec_next_said(&rest, &said)) > 0) {
		err |= said.aim == CODEC_TO_ALL ? put_to_all(ingress, &said)
						: put_to_room(ingress, node, &said);
		ingress->figures.messages++;
	}
	ingress->figures.malformed += next < 0;
	if (err) {
		note_lost(ingress);
	}
	ingress->pass_left -= message->payload.left < ingress->pass_left ? message->payload.left
									 : ingress->pass_left;
}

/* Whether a batch of `len` bytes may be taken in now. */
static bool may_take_in(struct ingress *ingress, size_t len)
{
	struct fanout_node *node = ingress->node;
	const struct pressure_sums sums = pressure_sum_up(node);
	ingress->is_congested = pressure_backlog_is_over(node, ingress->is_congested);
	return !ingress->is_congested && budget_has_room(node->budget, len) &&
	       (sums.lagging == 0 || ingress->pass_left > 0);
}

static struct codec_message message_of(const struct held *held)
{
	return (struct codec_message){.payload = fields_of(held->payload, held->len)};
}

static size_t size_of(size_t len)
{
	return sizeof(struct held) + len;
}

/* Notes who must not overtake it. */
static void note_senders(struct ingress *ingress, const struct held *held)
{
	struct codec_message rest = message_of(held);
	struct codec_said said;
	while (codec_next_said(&rest, &said) > 0) {
		const struct slice name = codec_sender(&said);
		sender_set_add(&ingress->senders,
			user_table_hash(ingress->node->users, name.data, name.len));
	}
}

void ingress_hold(struct ingress *ingress, uint16_t node, const struct fields *payload)
{
	const size_t size = size_of(payload->left);
	const size_t limit = ingress->setup.held_limit;
	struct held *held =
		size <= limit && ingress->figures.held <= limit - size ? malloc(size) : NULL;
	if (!held) {
		note_lost(ingress);
		return;
	}
	*held = (struct held){.node = node, .len = payload->left};
	memcpy(held->payload, payload->at, payload->left);
	if (ingress->last) {
		ingress->last->next = held;
	} else {
		ingress->first = held;
	}
	ingress->last = held;
	ingress->figures.held += size;
	budget_change(ingress->node->budget, BUDGET_BATCHES, (ptrdiff_t)size);
	note_senders(ingress, held);
}

/* Takes the first one off those that are held; it is the caller's to free. */
static struct held *unhold(struct ingress *ingress)
{
	struct held *held = ingress->first;
	const size_t size = size_of(held->len);
	ingress->first = held->next;
	ingress->figures.held -= size;
	budget_change(ingress->node->budget, BUDGET_BATCHES, -(ptrdiff_t)size);
	if (!ingress->first) {
		ingress->last = NULL;
		sender_set_clear(&ingress->senders);
	}
	return held;
}

void ingress_batch(struct ingress *ingress, uint16_t node, const struct codec_message *message)
{
	if (!ingress->first && may_take_in(ingress, message->payload.left)) {
		take_in(ingress, node, message);
	} else {
		ingress_hold(ingress, node, &message->payload);
	}
}

static void take_in_held(struct ingress *ingress)
{
	while (ingress->first && may_take_in(ingress, ingress->first->len)) {
		struct held *held = unhold(ingress);
		const struct codec_message message = message_of(held);
		take_in(ingress, held->node, &message);
		free(held);
	}
}

/* --- to a user ---------------------------------------------------------------------------------
 */

/* Talk goes on while floods wait, as that of this node does. */
static bool may_say(const struct ingress *ingress, const struct batch_user *from, size_t len)
{
	return !sender_set_may_have(&ingress->senders, from->hash) &&
	       !pressure_backlog_is_twice_over(ingress->node) &&
	       budget_has_room(ingress->node->budget, len);
}

int ingress_say(struct ingress *ingress, const struct codec_say *say)
{
	const struct to_user said = {
		.from = user_of(ingress, say->from),
		.device = say->from_device,
		.sender = TO_USER_NO_SENDER,
		.sent_ms = say->sent_ms,
		.name = say->to,
		.text = say->text,
		.is_only_shown = (say->flags & CODEC_SAY_ONLY_SHOWN) != 0,
	};
	const bool is_shown = say->flags & (CODEC_SAY_SHOWN | CODEC_SAY_ONLY_SHOWN);
	struct to_user_reach reach;
	size_t bytes;
	if (!may_say(ingress, &said.from, say->text.len)) {
		return -ENOBUFS;
	}
	to_user_look(ingress->node, &said, &reach);
	if (said.is_only_shown) {
		/* He may have come here since: then he has had it where he was. */
		reach.theirs = (struct to_user_sessions){.count = 0};
	}
	if (to_user_put(&ingress->posting, &said, &reach, is_shown, &bytes) < 0) {
		return -ENOBUFS;
	}
	ingress->figures.says++;
	return (int)reach.theirs.count;
}

/* --- what was lost -----------------------------------------------------------------------------
 */

void ingress_gap(struct ingress *ingress, uint32_t batches)
{
	ingress->gap = batches < UINT32_MAX - ingress->gap ? ingress->gap + batches : UINT32_MAX;
}

/* To all that speak tidegate.v1; without memory for that, later. */
static void tell_gap(struct ingress *ingress)
{
	const struct gap_packet gap = {.batches = ingress->gap};
	const struct batch_user nobody = {.name = ""};
	const struct batch_target target = {.aim = BATCH_TO_ALL, .is_for_v1 = true};
	struct batch *batch;
	if (posting_take(&ingress->posting, batch_aimed_frame_len(GAP_PACKET_LEN, 0), &batch) < 0) {
		return;
	}
	gap_packet_write(batch_put_packet(batch, PACKET_GAP, GAP_PACKET_LEN, &nobody, 0), &gap);
	batch_aim(batch, &target, SLICE(""));
	ingress->gap = 0;
}

/* --- numbers of members ------------------------------------------------------------------------
 */

void ingress_room_changed(struct ingress *ingress, uint64_t key)
{
	struct rooms *rooms = ingress->node->rooms;
	struct room *room = rooms_find_by_hash_begin(rooms, (uint32_t)(key >> 32));
	if (room) {
		telling_check(&ingress->telling, room, ingress->now_tick);
	}
	rooms_find_end(rooms);
}

void ingress_recount(struct ingress *ingress)
{
	ingress->is_recounting = true;
	ingress->walk = (struct rcu_walk){.position = 0};
}

static bool check_room(void *context, struct room *room)
{
	struct ingress *ingress = context;
	telling_check(&ingress->telling, room, ingress->now_tick);
	return true;
}

/* Without memory it goes on later. */
static void recount(struct ingress *ingress)
{
	ingress->is_recounting = rooms_walk(ingress->node->rooms, &ingress->walk, RECOUNT_ROOMS,
					 check_room, ingress) != 0;
}

/* --- turns -------------------------------------------------------------------------------------
 */

static int wait_ms(const struct ingress *ingress)
{
	if (ingress->is_recounting) {
		return 0;
	}
	if (ingress->first) {
		return HELD_MS;
	}
	return telling_has_due(&ingress->telling) || ingress->gap > 0 ? LOOP_TICK_MS : -1;
}

int ingress_turn(struct ingress *ingress, uint32_t now_tick)
{
	if (ingress->now_tick != now_tick) {
		ingress->now_tick = now_tick;
		ingress->pass_left = PASS;
	}
	ingress->is_congested = pressure_backlog_is_over(ingress->node, ingress->is_congested);
	take_in_held(ingress);
	if (ingress->is_recounting) {
		recount(ingress);
	}
	telling_numbers(&ingress->telling, now_tick);
	if (ingress->gap > 0 && !ingress->first) {
		tell_gap(ingress);
	}
	posting_publish(&ingress->posting);
	if (budget_is_tight(ingress->node->budget)) {
		batch_pool_empty(&ingress->posting.pool);
	}
	return wait_ms(ingress);
}

bool ingress_tell_all(struct ingress *ingress)
{
	telling_numbers_now(&ingress->telling, ingress->now_tick);
	posting_publish(&ingress->posting);
	return !telling_has_due(&ingress->telling);
}

uint8_t ingress_pressure(const struct ingress *ingress)
{
	const struct fanout_node *node = ingress->node;
	if (ingress->figures.held > FULL || pressure_backlog_is_twice_over(node) ||
		budget_is_exceeded(node->budget)) {
		return ELSEWHERE_FULL;
	}
	return ingress->first || pressure_backlog_is_over(node, ingress->is_congested) ||
			       pressure_sum_up(node).lagging > 0
		       ? ELSEWHERE_TIGHT
		       : ELSEWHERE_EASY;
}

struct ingress_figures ingress_look(const struct ingress *ingress)
{
	return ingress->figures;
}

/* --- life --------------------------------------------------------------------------------------
 */

int ingress_create(const struct ingress_setup *setup, struct ingress **ret_ingress)
{
	struct ingress *ingress = calloc(1, sizeof(*ingress));
	if (!ingress) {
		return -ENOMEM;
	}
	ingress->setup = *setup;
	ingress->node = setup->node;
	ingress->now_tick = setup->now_tick;
	ingress->pass_left = PASS;
	posting_init(&ingress->posting, setup->node, POSTING_NO_WORKER, NULL, NULL);
	ingress->posting.is_local = true;
	ingress->telling.posting = &ingress->posting;
	*ret_ingress = ingress;
	return 0;
}

void ingress_destroy(struct ingress **ingress)
{
	struct ingress *given = *ingress;
	*ingress = NULL;
	if (!given) {
		return;
	}
	while (given->first) {
		free(unhold(given));
	}
	telling_finish(&given->telling);
	posting_finish(&given->posting);
	free(given);
}
