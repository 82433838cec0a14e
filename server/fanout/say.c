#include "say.h"

#include <errno.h>

#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"
#include "pressure.h"
#include "put_message.h"
#include "recipients.h"
#include "to_user.h"

static uint32_t device_of(const struct fanout_node *node, const struct conn *conn)
{
	return user_entry_device_hash(node->users, conn->user);
}

static uint8_t whom(bool some_lag, bool is_for_elsewhere)
{
	return (uint8_t)((some_lag ? PRESSURE_SOME_LAG : 0) |
			 (is_for_elsewhere ? PRESSURE_ELSEWHERE : 0));
}

/* --- to a user ---------------------------------------------------------------------------------
 */

/* Makes what other nodes are to be asked for, where the user may be on one, or the sender himself
 * is to be shown it there. */
static int make_ask(const struct fanout_node *node, const struct to_user *said,
	const struct to_user_reach *reach, uint32_t id, struct elsewhere_say **ret_ask)
{
	const bool may_be_there = elsewhere_has_user(node->elsewhere, reach->hash);
	if (!may_be_there && (reach->theirs.count == 0 ||
				     !elsewhere_has_user(node->elsewhere, said->from.hash))) {
		return 0;
	}
	const struct elsewhere_said its = {
		.sender = said->sender,
		.id = id,
		.wants_answer = may_be_there,
		.local_sessions = reach->theirs.count,
		.from_device = said->device,
		.sent_ms = said->sent_ms,
		.from = {said->from.name, said->from.name_len},
		.to = said->name,
		.text = said->text,
	};
	int err = elsewhere_say_create(node->elsewhere, &its, ret_ask);
	if (err && !may_be_there) {
		/* He is here: the way to other nodes is none to wait for. */
		atomic_fetch_add_explicit(&node->elsewhere->egress_lost, 1, memory_order_relaxed);
		err = 0;
	}
	return err;
}

/* Behind what was said before, whatever its audience. */
static void send_ask(struct fanout *fanout, struct elsewhere_say **ask)
{
	fanout_publish(fanout);
	elsewhere_say_post(fanout_node(fanout)->elsewhere, ask);
}

int say_to_user(struct say *say, struct conn *sender, struct slice user, struct slice text,
	uint32_t id, struct say_reached_user *ret_reached)
{
	struct fanout *fanout = say->fanout;
	const struct fanout_node *node = fanout_node(fanout);
	const struct to_user said = {
		.from = recipients_user(sender),
		.device = device_of(node, sender),
		.sender = fanout_handle(fanout, sender),
		.sent_ms = fanout_wall_ms(fanout),
		.name = user,
		.text = text,
		.is_alone = user_entry_is_alone(sender->user),
	};
	struct to_user_reach reach;
	struct elsewhere_say *ask = NULL;
	size_t bytes = 0;
	to_user_look(node, &said, &reach);
	int err = node->elsewhere ? make_ask(node, &said, &reach, id, &ask) : 0;
	if (!err && (reach.theirs.count > 0 || ask)) {
		err = to_user_put(fanout_posting(fanout), &said, &reach, true, &bytes);
	}
	if (err) {
		elsewhere_say_free(node->elsewhere, &ask);
		return err;
	}
	ret_reached->sessions = reach.theirs.count;
	ret_reached->is_answered_later = ask && ask->wants_answer;
	if (reach.theirs.count > 0 || ask) {
		fanout_note_fed(fanout, sender, bytes + (ask ? text.len : 0),
			whom(to_user_some_lag(node, &said, &reach, true), ask));
		stats_add(&fanout_stats(fanout)->said_to_user, 1);
	}
	if (ask) {
		send_ask(fanout, &ask);
	}
	return 0;
}

/* --- to a room ---------------------------------------------------------------------------------
 */

int say_to_room(struct say *say, struct conn *sender, struct room *room, struct slice text,
	uint32_t *ret_sessions)
{
	struct fanout *fanout = say->fanout;
	const struct fanout_node *node = fanout_node(fanout);
	const struct batch_user from = recipients_user(sender);
	const uint32_t elsewhere = elsewhere_room_users(node->elsewhere, room_hash(room));
	struct batch_target target = put_message_to_room(room);
	char audience[AUDIENCE_MAX];
	const struct message_packet message = {
		.sent_ms = fanout_wall_ms(fanout),
		.from = {from.name, from.name_len},
		.audience = put_message_audience('#', room_name(room), audience),
		.text = text,
	};
	target.device = device_of(node, sender);
	struct batch *batch = put_message(fanout_posting(fanout), &from, &target, &message);
	if (!batch) {
		return -ENOMEM;
	}
	room_mark_workers(room, batch->workers);
	batch->for_elsewhere |= elsewhere > 0;
	fanout_note_fed(
		fanout, sender, put_message_len(&message), whom(room_lags(room), elsewhere > 0));
	*ret_sessions =
		room_sessions(room) - 1 + (elsewhere_is_cut_off(node->elsewhere) ? 0 : elsewhere);
	stats_add(&fanout_stats(fanout)->said_to_room, 1);
	return 0;
}

/* Under RCU. */
static int announce(struct fanout *fanout, struct room *room, struct slice from, struct slice text,
	struct say_reached *ret_reached)
{
	const struct batch_user nobody = {.name = ""};
	char audience[AUDIENCE_MAX];
	const struct message_packet message = {
		.sent_ms = fanout_wall_ms(fanout),
		.from = from,
		.audience = put_message_audience('#', room_name(room), audience),
		.text = text,
	};
	if (room_sessions(room) == 0) {
		return -ENOENT; /* The last one is just leaving. */
	}
	if (!fanout_may_announce(fanout, put_message_len(&message)) || room_most_lag(room)) {
		return -ENOBUFS;
	}
	const struct batch_target target = put_message_to_room(room);
	struct batch *batch = put_message(fanout_posting(fanout), &nobody, &target, &message);
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

static struct telling_of telling_of(
	const struct fanout_node *node, const struct conn *who, uint8_t change)
{
	return (struct telling_of){
		.user = recipients_user(who), .device = device_of(node, who), .change = change};
}

void say_who_came(struct say *say, struct conn *sender, struct room *room, uint8_t change)
{
	struct fanout *fanout = say->fanout;
	if (room_told(room) == 0 && !fanout_node(fanout)->elsewhere) {
		return;
	}
	const struct telling_of its = telling_of(fanout_node(fanout), sender, change);
	const size_t bytes = telling_who_came(&say->telling, &its, room, fanout_now_tick(fanout));
	if (bytes > 0) {
		fanout_note_fed(fanout, sender, bytes, whom(room_lags(room), false));
	}
}

void say_who_left_none(struct say *say, struct conn *sender, struct slice room, uint32_t room_hash)
{
	const struct fanout_node *node = fanout_node(say->fanout);
	if (node->elsewhere) {
		const struct telling_of its = telling_of(node, sender, MEMBERS_WENT);
		telling_who_left_none(&say->telling, &its, room, room_hash);
	}
}

uint32_t say_room_users(const struct say *say, const struct room *room)
{
	return telling_users(fanout_node(say->fanout), room);
}

void say_counts(struct say *say)
{
	if (telling_has_due(&say->telling)) {
		telling_numbers(&say->telling, fanout_now_tick(say->fanout));
	}
}

void say_init(struct say *say, struct fanout *fanout)
{
	*say = (struct say){.fanout = fanout, .telling.posting = fanout_posting(fanout)};
}

void say_finish(struct say *say)
{
	telling_finish(&say->telling);
	*say = (struct say){.fanout = NULL};
}
