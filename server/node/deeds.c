#include "deeds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/bytes.h"
#include "../../proto/say_packets.h"
#include "../base/clock.h"
#include "../fanout/rooms_list.h"
#include "outcome.h"

/* --- messages ----------------------------------------------------------------------------------
 */

/* The packet comes behind the text in one piece of memory. Errors: -ENOMEM. */
static int add_packet(struct errand *errand, struct slice user, struct api_message *message)
{
	char audience[AUDIENCE_MAX] = "@";
	const struct message_packet its = {
		.sent_ms = clock_wall_ms(),
		.from = message->from,
		.audience = {audience, 1 + user.len},
		.text = message->text,
	};
	const size_t packet_len = PACKET_HEADER_LEN + message_packet_len(&its);
	memcpy(audience + 1, user.data, user.len);
	uint8_t *both = malloc(message->len + packet_len);
	if (!both) {
		return -ENOMEM;
	}
	uint8_t *packet = mempcpy(both, message->payload, message->len);
	packet_header_write(packet, PACKET_MESSAGE, (uint32_t)(packet_len - PACKET_HEADER_LEN));
	message_packet_write(packet + PACKET_HEADER_LEN, &its);
	free(message->payload);
	message->payload = both;
	errand->order.v1_packet = packet;
	errand->order.v1_packet_len = packet_len;
	return 0;
}

static void take_message(
	struct order *order, enum order_action action, const struct api_message *message)
{
	order->action = action;
	order->opcode = message->opcode;
	order->payload = message->payload;
	order->payload_len = message->len;
}

int deed_push(struct errand *errand, struct slice user, struct api_message *message)
{
	const int err = message->from.len > 0 ? add_packet(errand, user, message) : 0;
	take_message(&errand->order, ORDER_PUSH, message);
	return err;
}

void deed_broadcast(struct errand *errand, const struct api_message *message)
{
	take_message(&errand->order, ORDER_BROADCAST, message);
}

void deed_say(struct errand *errand, struct slice room, const struct api_words *words)
{
	errand->order.action = ORDER_SAY;
	errand->order.room = room;
	errand->order.from = words->from;
	errand->order.payload = words->text;
	errand->order.payload_len = words->text_len;
}

/* --- ends --------------------------------------------------------------------------------------
 */

/* What a backend may say at the end, beside an application's own codes: of the registry's those
 * that are its to give. PROTOCOL section 5. */
static const uint16_t backends_codes[] = {
	CLOSE_CODE_NORMAL,
	CLOSE_CODE_POLICY,
	CLOSE_CODE_RESTART,
	CLOSE_CODE_OVERLOADED,
	CLOSE_CODE_UNAUTHENTICATED,
	CLOSE_CODE_READ_TIMEOUT,
};

enum {
	BACKENDS_CODES = sizeof(backends_codes) / sizeof(backends_codes[0]),
};

bool deed_may_close_with(uint32_t code)
{
	for (size_t i = 0; i < BACKENDS_CODES; i++) {
		if (code == backends_codes[i]) {
			return true;
		}
	}
	return code >= CLOSE_CODE_PRIVATE_FIRST && code <= CLOSE_CODE_LAST;
}

void deed_name_codes(char ret_text[DEED_CODES_TEXT_MAX])
{
	size_t at = 0;
	for (size_t i = 0; i < BACKENDS_CODES; i++) {
		at += (size_t)snprintf(
			ret_text + at, DEED_CODES_TEXT_MAX - at, "%u, ", backends_codes[i]);
	}
	snprintf(ret_text + at, DEED_CODES_TEXT_MAX - at, "or one from %d to %d",
		CLOSE_CODE_PRIVATE_FIRST, CLOSE_CODE_LAST);
}

void deed_close(struct errand *errand, uint16_t code, struct slice reason, uint8_t *payload)
{
	store_be16(payload, code);
	if (reason.len > 0) {
		memmove(payload + 2, reason.data, reason.len);
	}
	errand->order.action = ORDER_CLOSE;
	errand->order.payload = payload;
	errand->order.payload_len = 2 + reason.len;
}

void deed_close_plainly(struct errand *errand, uint8_t *payload)
{
	errand->order.action = ORDER_CLOSE;
	errand->order.payload = payload;
	errand->order.payload_len = close_reason_payload(CLOSE_REASON_DISCONNECTED, 0, payload);
}

/* --- rooms and looks ---------------------------------------------------------------------------
 */

void deed_move(struct errand *errand, struct slice room, bool is_out)
{
	errand->order.action = is_out ? ORDER_TAKE_OUT : ORDER_PUT_IN;
	errand->order.room = room;
}

void deed_show(struct errand *errand, struct order_user *users)
{
	errand->order.action = ORDER_SHOW;
	errand->order.users = users;
	errand->order.capacity = ERRAND_MAX;
}

/* --- what has come of them ---------------------------------------------------------------------
 */

json_t *deed_problem(enum problem problem, const char *format, ...)
{
	char detail[PROBLEM_DETAIL_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return json_pack("{s:s, s:s}", "problem", problem_name(problem), "detail", detail);
}

static json_t *offline(const struct errand *errand)
{
	return deed_problem(PROBLEM_OFFLINE, "%s",
		errand->is_for_one ? "nobody of that name is logged in from that device"
				   : "nobody of that name is logged in");
}

json_t *deed_pushed(const struct errand *errand)
{
	if (!errand_has_reached(errand)) {
		return offline(errand);
	}
	if (errand->results[ORDER_DONE] == 0) {
		return deed_problem(PROBLEM_OVERFLOW,
			"each of the user's connections, or the node, holds as much as it may, or "
			"is muted: nothing was queued");
	}
	return json_pack("{s:s, s:I, s:I}", "result", "queued", "sessions",
		(json_int_t)errand->results[ORDER_DONE], "overflowed",
		(json_int_t)errand->results[ORDER_OVERFLOW]);
}

static json_t *overflow(void)
{
	return deed_problem(PROBLEM_OVERFLOW,
		"the fan-out is behind, or the node holds as much as it may: nothing was queued");
}

json_t *deed_broadcasted(const struct errand *errand)
{
	return errand->order.result == ORDER_OVERFLOW
		       ? overflow()
		       : json_pack("{s:s, s:I}", "result", "queued", "receivers",
				 (json_int_t)errand->order.receivers);
}

json_t *deed_said(const struct errand *errand)
{
	switch (errand->order.result) {
	case ORDER_NO_ROOM:
		return deed_problem(PROBLEM_NO_ROOM, "there is no room of that name");
	case ORDER_OVERFLOW:
		return overflow();
	default:
		return json_pack("{s:s, s:I, s:I}", "result", "queued", "users",
			(json_int_t)errand->order.room_users, "sessions",
			(json_int_t)errand->order.receivers);
	}
}

json_t *deed_closed(const struct errand *errand)
{
	return errand_has_reached(errand)
		       ? json_pack("{s:I}", "sessions", (json_int_t)errand->results[ORDER_DONE])
		       : offline(errand);
}

static json_t *moved(const struct errand *errand)
{
	const uint32_t *results = errand->results;
	return json_pack("{s:I, s:I, s:I}", "sessions", (json_int_t)results[ORDER_DONE], "refused",
		(json_int_t)results[ORDER_FULL] + results[ORDER_OVERFLOW], OUTCOME_ROOM_USERS,
		(json_int_t)errand->order.room_users);
}

json_t *deed_moved_in(const struct errand *errand, uint64_t rooms_max)
{
	const uint32_t *results = errand->results;
	if (!errand_has_reached(errand)) {
		return offline(errand);
	}
	if (results[ORDER_DONE] > 0) {
		return moved(errand);
	}
	if (results[ORDER_FULL] > 0) {
		return deed_problem(PROBLEM_TOO_MANY_ROOMS,
			"each session of the user is in %llu rooms, as many as it may be in "
			"(--rooms-per-session)",
			(unsigned long long)rooms_max);
	}
	if (results[ORDER_OVERFLOW] > 0) {
		return deed_problem(PROBLEM_NO_MEMORY, "for the membership");
	}
	return deed_problem(PROBLEM_OFFLINE,
		"no session of the user speaks tidegate.v1, which those in rooms do");
}

json_t *deed_moved_out(const struct errand *errand)
{
	if (!errand_has_reached(errand)) {
		return offline(errand);
	}
	return errand->results[ORDER_DONE] > 0 ? moved(errand)
					       : deed_problem(PROBLEM_NOT_A_MEMBER,
							 "no session of the user is in that room");
}

json_t *deed_session_to_json(const struct order_user *user)
{
	char address[REMOTE_NAME_MAX];
	char epoch[24]; /* beyond what JavaScript's numbers tell apart */
	remote_name(&user->remote, address);
	snprintf(epoch, sizeof(epoch), "%" PRIu64, user->epoch);
	json_t *token_left_ms = user->token_left_ms == UINT64_MAX
					? json_null()
					: json_integer((json_int_t)user->token_left_ms);
	return json_pack("{s:s%, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:i, s:o}", "device",
		user->device, (size_t)user->device_len, "epoch", epoch, "address", address,
		"protocol", user->speaks_v1 ? "tidegate.v1" : "classic", "worker", user->worker,
		"connected_ms", (json_int_t)user->connected_ms, "idle_ms",
		(json_int_t)user->idle_ms, "queue_bytes", (json_int_t)user->queue_bytes, "rooms",
		user->rooms, "token_left_ms", token_left_ms);
}

json_t *deed_shown(const struct errand *errand, const char *node)
{
	if (!errand_has_reached(errand)) {
		return offline(errand);
	}
	json_t *sessions = json_array();
	for (uint32_t i = 0; i < errand->order.count; i++) {
		json_t *session = deed_session_to_json(&errand->order.users[i]);
		if (session && node[0]) {
			json_object_set_new(session, "node", json_string(node));
		}
		json_array_append_new(sessions, session);
	}
	return json_pack(
		"{s:s%, s:o*}", "user", errand->user.data, errand->user.len, "sessions", sessions);
}

/* --- lists -------------------------------------------------------------------------------------
 */

static void take_member(void *context, struct slice user)
{
	json_array_append_new(context, json_stringn(user.data, user.len));
}

/* Under RCU. */
static json_t *members_of(
	struct rooms *rooms, struct room *room, struct slice after, uint32_t limit)
{
	json_t *members = json_array();
	const bool is_last = room_list(rooms, room, after, limit, take_member, members);
	const struct slice name = room_name(room);
	return json_pack("{s:s%, s:I, s:I, s:o*, s:i}", "room", name.data, name.len, "users",
		(json_int_t)room_users(room), "sessions", (json_int_t)room_sessions(room),
		"members", members, "more", !is_last);
}

json_t *deed_list(struct rooms *rooms, struct slice name, struct slice after, uint32_t limit)
{
	struct room *room = rooms_find_begin(rooms, name, rooms_hash(rooms, name));
	json_t *part = room && room_sessions(room) > 0
			       ? members_of(rooms, room, after, limit)
			       : deed_problem(PROBLEM_NO_ROOM, "there is no room of that name");
	rooms_find_end(rooms);
	return part;
}
