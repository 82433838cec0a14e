#include "egress.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../fanout/posting.h"
#include "codec_traffic.h"
#include "sender_set.h"

enum {
	PILE_MIN = 4096,   /* bytes */
	PILE_KEPT = 65536, /* of one to a node, for the next turns */
	ROOM_NODES = 256,  /* that a message goes to at most */
	TOLD_FRAME_MAX = FRAME_HEADER_UNMASKED_MAX + PACKET_HEADER_LEN + 3 * (1 + USER_NAME_MAX),
};

/* A payload of a BATCH that is being filled. */
struct pile {
	uint8_t *data;
	size_t len;
	size_t capacity;
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct egress {
	struct egress_setup setup;
	struct pile to_all;
	struct pile to_nodes[DIRECTORY_NODES_MAX];
	uint16_t filled[DIRECTORY_NODES_MAX]; /* nodes that something is to go to */
	uint16_t filled_count;
	struct sender_set senders; /* of what is to go to some node */
	struct egress_figures figures;
};

int egress_create(const struct egress_setup *setup, struct egress **ret_egress)
{
	struct egress *egress = calloc(1, sizeof(*egress));
	if (!egress) {
		return -ENOMEM;
	}
	egress->setup = *setup;
	*ret_egress = egress;
	return 0;
}

void egress_destroy(struct egress **egress)
{
	struct egress *given = *egress;
	*egress = NULL;
	if (!given) {
		return;
	}
	free(given->to_all.data);
	for (size_t i = 0; i < DIRECTORY_NODES_MAX; i++) {
		free(given->to_nodes[i].data);
	}
	free(given);
}

struct egress_figures egress_look(const struct egress *egress)
{
	struct egress_figures figures = egress->figures;
	figures.lost += atomic_load_explicit(
		&egress->setup.node->elsewhere->egress_lost, memory_order_relaxed);
	return figures;
}

void egress_count_on(struct egress *egress, const struct egress_figures *before)
{
	struct egress_figures *figures = &egress->figures;
	figures->messages += before->messages;
	figures->sends += before->sends;
	figures->bytes += before->bytes;
	figures->lost += before->lost;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static void note_sent(struct egress *egress, struct pile *pile, int err)
{
	egress->figures.lost += err != 0;
	egress->figures.sends += err == 0;
	egress->figures.bytes += err == 0 ? pile->len : 0;
	pile->len = 0;
}

static void drop_pile(struct pile *pile)
{
	free(pile->data);
	*pile = (struct pile){.data = NULL};
}

static void send_to_node(struct egress *egress, uint16_t node)
{
	struct pile *pile = &egress->to_nodes[node];
	if (pile->len > 0) {
		note_sent(egress, pile,
			egress->setup.ops->to_node(
				egress->setup.context, node, pile->data, pile->len));
	}
	if (pile->capacity > PILE_KEPT) {
		drop_pile(pile);
	}
}

void egress_flush(struct egress *egress)
{
	struct pile *pile = &egress->to_all;
	if (pile->len > 0) {
		note_sent(egress, pile,
			egress->setup.ops->to_all(egress->setup.context, pile->data, pile->len));
	}
	for (uint16_t i = 0; i < egress->filled_count; i++) {
		send_to_node(egress, egress->filled[i]);
	}
	egress->filled_count = 0;
	sender_set_clear(&egress->senders);
}

void egress_drop_node(struct egress *egress, uint16_t node)
{
	egress->figures.lost += egress->to_nodes[node].len > 0;
	drop_pile(&egress->to_nodes[node]);
	for (uint16_t i = 0; i < egress->filled_count; i++) {
		if (egress->filled[i] == node) {
			egress->filled[i] = egress->filled[--egress->filled_count];
			return;
		}
	}
}

/* --- filling -----------------------------------------------------------------------------------
 */

static void note_lost(struct egress *egress)
{
	atomic_fetch_add_explicit(
		&egress->setup.node->elsewhere->egress_lost, 1, memory_order_relaxed);
}

static int grow(struct pile *pile, size_t len)
{
	size_t capacity = pile->capacity > 0 ? pile->capacity : PILE_MIN;
	while (capacity < len) {
		capacity *= 2;
	}
	uint8_t *data = realloc(pile->data, capacity);
	if (!data) {
		return -ENOMEM;
	}
	pile->data = data;
	pile->capacity = capacity;
	return 0;
}

static size_t most_of(const struct egress *egress)
{
	const size_t most = egress->setup.ops->payload_max(egress->setup.context);
	return most < EGRESS_PAYLOAD_MAX ? most : EGRESS_PAYLOAD_MAX;
}

/* Appends a message, sending first what is there where it does not fit behind that. Errors: -ENOSPC
 * when it does not fit at all; -ENOMEM. */
static int append(struct egress *egress, struct pile *pile, const struct codec_said *said)
{
	struct codec_writer writer;
	const size_t len = codec_said_len(said);
	if (pile->len > 0 && pile->len + len > most_of(egress)) {
		egress_flush(egress);
	}
	/* One that is larger than others goes alone. */
	if (len > egress->setup.ops->payload_max(egress->setup.context)) {
		return -ENOSPC;
	}
	int err = pile->len + len > pile->capacity ? grow(pile, pile->len + len) : 0;
	if (!err) {
		codec_begin_payload(&writer, pile->data + pile->len, pile->capacity - pile->len);
		err = codec_put_said(&writer, said);
	}
	if (!err) {
		pile->len += len;
		egress->figures.messages++;
	}
	return err;
}

static void put_to_all(struct egress *egress, const struct codec_said *said, uint32_t sender_hash)
{
	/* What he has said to some node only was said before. */
	if (sender_set_may_have(&egress->senders, sender_hash)) {
		egress_flush(egress);
	}
	if (append(egress, &egress->to_all, said) < 0) {
		note_lost(egress);
	}
}

static void put_to_node(
	struct egress *egress, uint16_t node, const struct codec_said *said, uint32_t sender_hash)
{
	struct pile *pile = &egress->to_nodes[node];
	if (append(egress, pile, said) < 0) {
		note_lost(egress);
		return;
	}
	sender_set_add(&egress->senders, sender_hash);
	if (pile->len == codec_said_len(said)) {
		egress->filled[egress->filled_count++] = node;
	}
}

/* To the nodes that have members of its room, or of those some who want to be told. */
static void put_to_room(struct egress *egress, const struct codec_said *said, uint32_t sender_hash)
{
	struct directory_room found[ROOM_NODES];
	const uint64_t key = rooms_hash64(egress->setup.node->rooms, said->room);
	uint32_t count = directory_find_room(egress->setup.directory, key, found, ROOM_NODES);
	count = count < ROOM_NODES ? count : ROOM_NODES;
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].node != DIRECTORY_SELF &&
			(said->aim == CODEC_TO_ROOM || found[i].is_watched)) {
			put_to_node(egress, found[i].node, said, sender_hash);
		}
	}
}

/* --- out of a batch ----------------------------------------------------------------------------
 */

static struct codec_said said_of(const struct batch *batch, uint32_t message, enum codec_aim aim)
{
	const struct batch_message *its = &batch->messages[message];
	return (struct codec_said){
		.aim = (uint8_t)aim,
		.frame = {(const char *)batch->buf.data + its->begin, its->end - its->begin},
		.sender_at = its->sender_at - its->begin,
		.sender_len = its->sender_len,
	};
}

static uint32_t users_here(const struct egress *egress, struct slice name, uint32_t hash)
{
	struct rooms *rooms = egress->setup.node->rooms;
	struct room *room = rooms_find_begin(rooms, name, hash);
	const uint32_t users = room ? room_users(room) : 0;
	rooms_find_end(rooms);
	return users;
}

/* Who comes and goes is told with the number of users of this node alone, for each node to add what
 * it knows of the others. */
static void put_told(
	struct egress *egress, struct codec_said *said, uint32_t room_hash, uint32_t sender_hash)
{
	uint8_t frame[TOLD_FRAME_MAX];
	struct members_packet members;
	const uint8_t *begin = (const uint8_t *)said->frame.data;
	const size_t head_len = frame_header_len_at(begin) + PACKET_HEADER_LEN;
	if (members_packet_decode(begin + head_len, said->frame.len - head_len, &members) < 0) {
		return;
	}
	members.count = users_here(egress, said->room, room_hash);
	memcpy(frame, begin, head_len);
	members_packet_write(frame + head_len, &members);
	said->frame.data = (const char *)frame;
	put_to_room(egress, said, sender_hash);
}

/* What is for one user goes by itself, and what a backend says is its API's to tell. */
static void put_aimed(struct egress *egress, const struct batch *batch, uint32_t message)
{
	const struct batch_target *target = &batch->targets[message];
	const uint32_t sender_hash = batch->messages[message].sender_hash;
	struct codec_said said = said_of(batch, message, CODEC_TO_ROOM);
	said.sender_device = target->device;
	said.room = batch_target_name(batch, message);
	switch ((enum batch_aim)target->aim) {
	case BATCH_TO_ROOM:
		put_to_room(egress, &said, sender_hash);
		break;
	case BATCH_TO_TOLD:
		said.aim = CODEC_TO_TOLD;
		put_told(egress, &said, target->hash, sender_hash);
		break;
	case BATCH_TO_ALL:
	case BATCH_TO_USER:
		break;
	}
}

static void put(struct egress *egress, const struct batch *batch, uint32_t message)
{
	const struct batch_message *its = &batch->messages[message];
	if (its->sender_len == 0) {
		return;
	}
	if (batch->aimed > 0 && batch->targets[message].aim != BATCH_TO_ALL) {
		put_aimed(egress, batch, message);
	} else {
		const struct codec_said said = said_of(batch, message, CODEC_TO_ALL);
		put_to_all(egress, &said, its->sender_hash);
	}
}

void egress_put(struct egress *egress, struct mail *mail)
{
	struct fanout_node *node = egress->setup.node;
	struct batch *batch = posting_arrived(node, mail);
	for (uint32_t i = 0; i < batch->count; i++) {
		put(egress, batch, i);
	}
	posting_seen_to(node, &batch);
}
