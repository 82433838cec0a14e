#include "telling.h"

#include <stdlib.h>
#include <string.h>

#include "../../proto/packet.h"
#include "../../proto/room_packets.h"

enum {
	SINGLE_MAX = 200, /* users of a room up to which each coming and going is told */
};

/* A room whose number is due; by name, since it may be gone by then. */
struct telling_due {
	uint32_t hash;
	uint32_t serial;
	uint32_t until_tick; /* not before that */
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

/* --- numbers that are due ----------------------------------------------------------------------
 */

/* What it takes is the rooms': as many as want their numbers told. */
static void set_capacity(struct telling *telling, uint32_t capacity)
{
	const ptrdiff_t more = (ptrdiff_t)capacity - (ptrdiff_t)telling->due_capacity;
	rooms_charge(telling->posting->node->rooms, more * (ptrdiff_t)sizeof(struct telling_due));
	telling->due_capacity = capacity;
}

static bool make_place(struct telling *telling)
{
	if (telling->due_count < telling->due_capacity) {
		return true;
	}
	uint32_t capacity = telling->due_capacity ? telling->due_capacity * 2 : 8;
	struct telling_due *due = realloc(telling->due, capacity * sizeof(*due));
	if (due) {
		telling->due = due;
		set_capacity(telling, capacity);
	}
	return due;
}

static void drop_places(struct telling *telling)
{
	if (telling->due) {
		free(telling->due);
		telling->due = NULL;
		telling->due_count = 0;
		set_capacity(telling, 0);
	}
}

void telling_put_off(struct telling *telling, struct room *room, uint32_t until_tick)
{
	const struct slice name = room_name(room);
	if (!make_place(telling)) {
		return;
	}
	if (!room_claim_count(room)) {
		if (telling->due_count == 0) {
			drop_places(telling);
		}
		return;
	}
	struct telling_due *its = &telling->due[telling->due_count++];
	its->hash = room_hash(room);
	its->serial = room_serial(room);
	its->until_tick = until_tick;
	its->name_len = (uint8_t)name.len;
	memcpy(its->name, name.data, name.len);
}

/* --- telling -----------------------------------------------------------------------------------
 */

uint32_t telling_users(const struct fanout_node *node, const struct room *room)
{
	return room_users(room) + elsewhere_room_users(node->elsewhere, room_hash(room));
}

static size_t len_of(const struct members_packet *members)
{
	return batch_aimed_frame_len(members_packet_len(members), 0);
}

/* Returns the batch, for those it is for to be marked, or NULL without memory. */
static struct batch *put(struct telling *telling, const struct telling_of *its,
	struct batch_target target, const struct members_packet *members)
{
	const size_t len = members_packet_len(members);
	struct batch *batch;
	if (posting_take(telling->posting, len_of(members), &batch) < 0) {
		return NULL;
	}
	uint8_t *at =
		batch_put_packet(batch, PACKET_MEMBERS, len, &its->user, len - members->user.len);
	members_packet_write(at, members);
	target.aim = BATCH_TO_TOLD;
	target.device = its->device;
	/* The room's name stands first in it, behind its length. */
	batch_aim_by_frame(batch, &target, (struct slice){(const char *)at + 1, members->room.len});
	return batch;
}

static struct members_packet members_of(
	const struct telling_of *its, struct slice room, uint32_t users)
{
	return (struct members_packet){
		.room = room,
		.count = users,
		.change = its->change,
		.user = {its->user.name, its->user.name_len},
	};
}

static size_t tell(struct telling *telling, const struct telling_of *its, struct room *room,
	uint32_t users, bool is_for_elsewhere, uint32_t now_tick)
{
	const struct members_packet members = members_of(its, room_name(room), users);
	const struct batch_target target = {
		.hash = room_hash(room),
		.serial = room_serial(room),
		.number = room_say(room),
	};
	struct batch *batch = put(telling, its, target, &members);
	if (!batch) {
		return 0;
	}
	room_mark_workers(room, batch->workers);
	batch->for_elsewhere |= is_for_elsewhere;
	room_set_told_number(room, users);
	/* The number that arrives last may not be the last one: so it is told once more. */
	if (room_note_telling(room, telling->posting->worker, now_tick, TELLING_TICKS)) {
		telling_put_off(telling, room, now_tick + TELLING_TICKS);
	}
	return len_of(&members);
}

size_t telling_who_came(
	struct telling *telling, const struct telling_of *its, struct room *room, uint32_t now_tick)
{
	const bool is_told = room_told(room) > 0;
	const bool is_watched_elsewhere =
		elsewhere_room_is_watched(posting_elsewhere(telling->posting), room_hash(room));
	if (!is_told && !is_watched_elsewhere) {
		return 0;
	}
	const uint32_t users = telling_users(telling->posting->node, room) + (uint32_t)its->beside;
	if (users <= SINGLE_MAX) {
		return tell(telling, its, room, users, is_watched_elsewhere, now_tick);
	}
	if (is_told) {
		telling_put_off(telling, room, now_tick);
	}
	return 0;
}

void telling_who_left_none(struct telling *telling, const struct telling_of *its, struct slice room,
	uint32_t room_hash)
{
	const struct fanout_node *node = telling->posting->node;
	const uint32_t users = elsewhere_room_users(node->elsewhere, room_hash);
	if (users > SINGLE_MAX || !elsewhere_room_is_watched(node->elsewhere, room_hash)) {
		return;
	}
	const struct members_packet members = members_of(its, room, users);
	struct batch *batch = put(telling, its, (struct batch_target){.hash = room_hash}, &members);
	if (batch) {
		batch->for_elsewhere = true;
	}
}

void telling_check(struct telling *telling, struct room *room, uint32_t now_tick)
{
	if (room_told(room) > 0 &&
		telling_users(telling->posting->node, room) != room_told_number(room)) {
		telling_put_off(telling, room, now_tick);
	}
}

/* `every_ticks` is how long ago it must have been told last. Returns whether that is done with: the
 * number is told, or the room is gone. */
static bool tell_number(struct telling *telling, const struct telling_due *due, uint32_t now_tick,
	uint32_t every_ticks)
{
	const struct telling_of number = {.user.name = "", .change = MEMBERS_COUNTED};
	struct fanout_node *node = telling->posting->node;
	struct room *room =
		rooms_find_begin(node->rooms, (struct slice){due->name, due->name_len}, due->hash);
	const bool is_there = room && room_serial(room) == due->serial;
	const bool is_due = is_there &&
			    (every_ticks == 0 || (int32_t)(now_tick - due->until_tick) >= 0) &&
			    room_tell_count(room, now_tick, every_ticks);
	const bool is_done = is_due || !is_there;
	if (is_due) {
		tell(telling, &number, room, telling_users(node, room), false, now_tick);
	}
	rooms_find_end(node->rooms);
	return is_done;
}

static void tell_numbers(struct telling *telling, uint32_t now_tick, uint32_t every_ticks)
{
	for (uint32_t i = telling->due_count; i > 0; i--) {
		if (tell_number(telling, &telling->due[i - 1], now_tick, every_ticks)) {
			telling->due[i - 1] = telling->due[--telling->due_count];
		}
	}
	if (!telling_has_due(telling)) {
		drop_places(telling);
	}
}

/* Out of the way of turns that have none. */
__attribute__((noinline)) void telling_numbers(struct telling *telling, uint32_t now_tick)
{
	if (telling->due_tick != now_tick) {
		telling->due_tick = now_tick;
		tell_numbers(telling, now_tick, TELLING_TICKS);
	}
}

void telling_numbers_now(struct telling *telling, uint32_t now_tick)
{
	tell_numbers(telling, now_tick, 0);
}

void telling_finish(struct telling *telling)
{
	if (telling->posting) {
		drop_places(telling);
	}
	*telling = (struct telling){.posting = NULL};
}
