#include "say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "../base/clock.h"
#include "../base/loop.h"

enum {
	SINGLE_MAX = 200, /* users of a room up to which each coming and going is told */
	/* Between two numbers of a larger one: a second and the tick under way. */
	COUNTS_TICKS = 1000 / LOOP_TICK_MS + 1,
	MESSAGE_FROM_AT = 1 + 8 + 1, /* where the sender's name stands in the payload of a 112 */
};

/* A room whose number is due; by name, since it may be gone by then. */
struct say_due_room {
	uint32_t hash;
	uint32_t serial;
	uint32_t until_tick; /* not before that */
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

static uint32_t device_of(const struct fanout_node *node, const struct conn *conn)
{
	return user_entry_device_hash(node->users, conn->user);
}

/* --- 112 ---------------------------------------------------------------------------------------
 */

static struct message_packet message_of(struct slice from, struct slice audience, struct slice text)
{
	return (struct message_packet){
		.sent_ms = clock_wall_ms(), .from = from, .audience = audience, .text = text};
}

static size_t frame_len_of(const struct message_packet *message)
{
	return batch_aimed_frame_len(message_packet_len(message), message->audience.len - 1);
}

/* Appends a 112 for `target`, whose name is that of the audience. `sender` without a name: it is no
 * user's. Returns the batch, for its workers to be marked, or NULL without memory. */
static struct batch *put_message(struct fanout *fanout, const struct batch_user *sender,
	struct batch_target target, const struct message_packet *message)
{
	struct batch *batch;
	if (fanout_take_batch(fanout, frame_len_of(message), &batch) < 0) {
		return NULL;
	}
	uint8_t *at = batch_put_packet(
		batch, PACKET_MESSAGE, message_packet_len(message), sender, MESSAGE_FROM_AT);
	message_packet_write(at, message);
	batch_aim(batch, target,
		(struct slice){message->audience.data + 1, message->audience.len - 1});
	return batch;
}

/* The same for what a session says. */
static struct batch *put_said(struct fanout *fanout, struct conn *sender,
	struct batch_target target, struct slice audience, struct slice text, bool some_lag)
{
	const struct batch_user from = fanout_user(sender);
	const struct message_packet message =
		message_of((struct slice){from.name, from.name_len}, audience, text);
	struct batch *batch = put_message(fanout, &from, target, &message);
	if (batch) {
		fanout_note_fed(fanout, sender, frame_len_of(&message), some_lag);
	}
	return batch;
}

/* The same for a user's classic sessions, as a text message. */
static struct batch *put_classic(struct fanout *fanout, struct conn *sender,
	struct batch_target target, struct slice name, struct slice text)
{
	const struct batch_user from = fanout_user(sender);
	const size_t frame_len = batch_text_frame_len(0, text.len, from.name_len) + name.len;
	struct batch *batch;
	if (fanout_take_batch(fanout, frame_len, &batch) < 0) {
		return NULL;
	}
	target.is_classic = true;
	target.is_shown = false;
	batch_put_text(batch, 0, &from, (const uint8_t *)text.data, text.len);
	batch_aim(batch, target, name);
	fanout_note_fed(
		fanout, sender, frame_len, fanout_node_user_lags(fanout_node(fanout), target.hash));
	return batch;
}

/* How an audience is written: its mark, and its name. */
static struct slice write_audience(char mark, struct slice name, char ret_audience[AUDIENCE_MAX])
{
	ret_audience[0] = mark;
	memcpy(ret_audience + 1, name.data, name.len);
	return (struct slice){ret_audience, 1 + name.len};
}

/* --- to a user ---------------------------------------------------------------------------------
 */

/* Those of a user, but for the sender itself. */
struct sessions_of {
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count;
	uint32_t classic;
};

static struct sessions_of find(
	const struct fanout *fanout, const struct conn *sender, const char *name, size_t name_len)
{
	struct sessions_of sessions = {.count = 0};
	const handle_t own = fanout_handle(fanout, sender);
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count = user_table_find(fanout_node(fanout)->users, name, name_len, found);
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].handle != own) {
			sessions.found[sessions.count++] = found[i];
			sessions.classic += !found[i].speaks_v1;
		}
	}
	return sessions;
}

static void mark(struct batch *batch, const struct sessions_of *sessions, bool is_classic)
{
	for (uint32_t i = 0; i < sessions->count; i++) {
		uint8_t worker = handle_worker(sessions->found[i].handle);
		if (sessions->found[i].speaks_v1 != is_classic) {
			batch->workers[worker / 64] |= UINT64_C(1) << worker % 64;
		}
	}
}

/* Of the sessions of a user, or of the sender's own that are shown it. */
static bool some_lag(
	const struct fanout_node *node, const struct batch_target *target, uint32_t sender_hash)
{
	return fanout_node_user_lags(node, target->hash) ||
	       (target->is_shown && fanout_node_user_lags(node, sender_hash));
}

int say_to_user(struct say *say, struct conn *sender, struct slice user, struct slice text,
	uint32_t *ret_sessions)
{
	struct fanout *fanout = say->fanout;
	const struct batch_user from = fanout_user(sender);
	const struct sessions_of theirs = find(fanout, sender, user.data, user.len);
	const struct sessions_of own = find(fanout, sender, from.name, from.name_len);
	struct batch_target target = {
		.aim = BATCH_TO_USER,
		.hash = user_table_hash(fanout_node(fanout)->users, user.data, user.len),
		.device = device_of(fanout_node(fanout), sender),
	};
	char audience[AUDIENCE_MAX];
	struct batch *batch;
	*ret_sessions = theirs.count;
	if (theirs.count == 0) {
		return 0;
	}
	target.is_shown = own.count > own.classic;
	if (theirs.count > theirs.classic || target.is_shown) {
		batch = put_said(fanout, sender, target, write_audience('@', user, audience), text,
			some_lag(fanout_node(fanout), &target, from.hash));
		if (!batch) {
			return -ENOMEM;
		}
		mark(batch, &theirs, false);
		mark(batch, &own, false);
	}
	if (theirs.classic > 0) {
		batch = put_classic(fanout, sender, target, user, text);
		if (!batch) {
			return -ENOMEM;
		}
		mark(batch, &theirs, true);
	}
	stats_add(&fanout_stats(fanout)->said_to_user, 1);
	return 0;
}

/* --- to a room ---------------------------------------------------------------------------------
 */

static struct batch_target target_of(struct room *room)
{
	return (struct batch_target){
		.aim = BATCH_TO_ROOM,
		.hash = room_hash(room),
		.serial = room_serial(room),
		.number = room_say(room),
	};
}

int say_to_room(struct say *say, struct conn *sender, struct room *room, struct slice text,
	uint32_t *ret_sessions)
{
	struct fanout *fanout = say->fanout;
	struct batch_target target = target_of(room);
	char audience[AUDIENCE_MAX];
	target.device = device_of(fanout_node(fanout), sender);
	struct batch *batch = put_said(fanout, sender, target,
		write_audience('#', room_name(room), audience), text, room_lags(room));
	if (!batch) {
		return -ENOMEM;
	}
	room_mark_workers(room, batch->workers);
	*ret_sessions = room_sessions(room) - 1;
	stats_add(&fanout_stats(fanout)->said_to_room, 1);
	return 0;
}

/* Under RCU. */
static int announce(struct fanout *fanout, struct room *room, struct slice from, struct slice text,
	struct say_reached *ret_reached)
{
	const struct batch_user nobody = {.name = ""};
	char audience[AUDIENCE_MAX];
	const struct message_packet message =
		message_of(from, write_audience('#', room_name(room), audience), text);
	if (room_sessions(room) == 0) {
		return -ENOENT; /* The last one is just leaving. */
	}
	if (!fanout_may_announce(fanout, frame_len_of(&message)) || room_most_lag(room)) {
		return -ENOBUFS;
	}
	struct batch *batch = put_message(fanout, &nobody, target_of(room), &message);
	if (!batch) {
		return -ENOMEM;
	}
	room_mark_workers(room, batch->workers);
	*ret_reached = (struct say_reached){room_users(room), room_sessions(room)};
	stats_add(&fanout_stats(fanout)->said_to_room, 1);
	return 0;
}

int say_announce(struct say *say, struct slice room, struct slice from, struct slice text,
	struct say_reached *ret_reached)
{
	struct rooms *rooms = fanout_node(say->fanout)->rooms;
	struct room *found = rooms_find_begin(rooms, room, rooms_hash(rooms, room));
	int err = found ? announce(say->fanout, found, from, text, ret_reached) : -ENOENT;
	rooms_find_end(rooms);
	if (!err) {
		fanout_publish(say->fanout);
	}
	return err;
}

/* --- who comes and goes ------------------------------------------------------------------------
 */

/* What it takes is the rooms': as many as want their numbers told. */
static void set_due_capacity(struct say *say, uint32_t capacity)
{
	const ptrdiff_t more = (ptrdiff_t)capacity - (ptrdiff_t)say->due_capacity;
	rooms_charge(
		fanout_node(say->fanout)->rooms, more * (ptrdiff_t)sizeof(struct say_due_room));
	say->due_capacity = capacity;
}

static bool make_place(struct say *say)
{
	if (say->due_count < say->due_capacity) {
		return true;
	}
	uint32_t capacity = say->due_capacity ? say->due_capacity * 2 : 8;
	struct say_due_room *due = realloc(say->due, capacity * sizeof(*due));
	if (due) {
		say->due = due;
		set_due_capacity(say, capacity);
	}
	return due;
}

static void drop_places(struct say *say)
{
	if (say->due) {
		free(say->due);
		say->due = NULL;
		say->due_count = 0;
		set_due_capacity(say, 0);
	}
}

/* The number is told, not before a tick; unless another worker, or this one before, has taken that
 * on already. */
static void put_off(struct say *say, struct room *room, uint32_t until_tick)
{
	const struct slice name = room_name(room);
	if (!make_place(say)) {
		return;
	}
	if (!room_claim_count(room)) {
		if (say->due_count == 0) {
			drop_places(say);
		}
		return;
	}
	struct say_due_room *its = &say->due[say->due_count++];
	its->hash = room_hash(room);
	its->serial = room_serial(room);
	its->until_tick = until_tick;
	its->name_len = (uint8_t)name.len;
	memcpy(its->name, name.data, name.len);
}

/* `sender` of NULL: only the number is told. */
static void put_members(struct say *say, struct conn *sender, struct room *room, uint8_t change)
{
	struct fanout *fanout = say->fanout;
	const uint32_t now_tick = fanout_now_tick(fanout);
	const struct batch_user from =
		sender ? fanout_user(sender) : (struct batch_user){.name = ""};
	const struct slice name = room_name(room);
	const struct members_packet members = {
		.room = name,
		.count = room_users(room),
		.change = change,
		.user = {from.name, from.name_len},
	};
	const struct batch_target target = {
		.aim = BATCH_TO_TOLD,
		.hash = room_hash(room),
		.serial = room_serial(room),
		.number = room_say(room),
		.device = sender ? device_of(fanout_node(fanout), sender) : 0,
	};
	const size_t len = members_packet_len(&members);
	const size_t frame_len = batch_aimed_frame_len(len, name.len);
	struct batch *batch;
	if (fanout_take_batch(fanout, frame_len, &batch) < 0) {
		return;
	}
	uint8_t *at = batch_put_packet(batch, PACKET_MEMBERS, len, &from, len - members.user.len);
	members_packet_write(at, &members);
	batch_aim(batch, target, name);
	room_mark_workers(room, batch->workers);
	if (sender) {
		fanout_note_fed(fanout, sender, frame_len, room_lags(room));
	}
	/* The number that arrives last may not be the last one: so it is told once more. */
	if (room_note_telling(room, fanout_worker(fanout), now_tick, COUNTS_TICKS)) {
		put_off(say, room, now_tick + COUNTS_TICKS);
	}
}

void say_who_came(struct say *say, struct conn *sender, struct room *room, uint8_t change)
{
	if (room_told(room) == 0) {
		return;
	}
	if (room_users(room) > SINGLE_MAX) {
		put_off(say, room, fanout_now_tick(say->fanout));
	} else {
		put_members(say, sender, room, change);
	}
}

/* Returns whether that is done with: the number is told, or the room is gone. */
static bool tell_count(struct say *say, const struct say_due_room *its)
{
	struct rooms *rooms = fanout_node(say->fanout)->rooms;
	const uint32_t now_tick = fanout_now_tick(say->fanout);
	struct room *room =
		rooms_find_begin(rooms, (struct slice){its->name, its->name_len}, its->hash);
	const bool is_there = room && room_serial(room) == its->serial;
	const bool is_due = is_there && (int32_t)(now_tick - its->until_tick) >= 0 &&
			    room_tell_count(room, now_tick, COUNTS_TICKS);
	const bool is_done = is_due || !is_there;
	if (is_due) {
		put_members(say, NULL, room, MEMBERS_COUNTED);
	}
	rooms_find_end(rooms);
	return is_done;
}

void say_counts(struct say *say)
{
	if (say->due_count == 0 || say->due_tick == fanout_now_tick(say->fanout)) {
		return;
	}
	say->due_tick = fanout_now_tick(say->fanout);
	for (uint32_t i = say->due_count; i > 0; i--) {
		if (tell_count(say, &say->due[i - 1])) {
			say->due[i - 1] = say->due[--say->due_count];
		}
	}
	if (say->due_count == 0) {
		drop_places(say);
	}
}

void say_finish(struct say *say)
{
	drop_places(say);
	*say = (struct say){.fanout = NULL};
}
