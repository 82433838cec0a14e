#include "push.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/say_packets.h"
#include "../base/clock.h"
#include "asks.h"
#include "message.h"

enum {
	FANOUT_WORKER = 0, /* always the same, which keeps the order of what is for many */
};

/* What is wrong with a body. */
static void refuse(struct admin_request *request, int err, const char *fault)
{
	switch (err) {
	case -EINVAL:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_BODY, "%s", fault);
		break;
	case -EMSGSIZE:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_TOO_LARGE,
			"a message may have %llu bytes (--max-message)",
			(unsigned long long)request->context->config.max_message);
		break;
	default:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the message");
		break;
	}
}

/* A text in somebody's name is a 112 for who speaks tidegate.v1, as if that user had said it: it
 * comes behind the text in one piece of memory. Errors: -ENOMEM. */
static int add_packet(struct admin_request *request, struct admin_message *message)
{
	char audience[AUDIENCE_MAX] = "@";
	const struct message_packet its = {
		.sent_ms = clock_wall_ms(),
		.from = message->from,
		.audience = {audience, 1 + request->name_len},
		.text = message->text,
	};
	const size_t packet_len = PACKET_HEADER_LEN + message_packet_len(&its);
	memcpy(audience + 1, request->name, request->name_len);
	uint8_t *both = malloc(message->len + packet_len);
	if (!both) {
		return -ENOMEM;
	}
	uint8_t *packet = mempcpy(both, message->payload, message->len);
	packet_header_write(packet, PACKET_MESSAGE, (uint32_t)(packet_len - PACKET_HEADER_LEN));
	message_packet_write(packet + PACKET_HEADER_LEN, &its);
	free(message->payload);
	message->payload = both;
	request->order.v1_packet = packet;
	request->order.v1_packet_len = packet_len;
	return 0;
}

/* Makes the order's message of the body; an answer when that cannot be. */
static bool take_message(struct admin_request *request, enum order_action action)
{
	struct admin_message message;
	char fault[ADMIN_MESSAGE_FAULT_MAX];
	int err = admin_message_read(request->body, request->body_len,
		request->context->config.max_message, &message, fault);
	if (!err && action == ORDER_PUSH && message.from.len > 0) {
		err = add_packet(request, &message);
		if (err) {
			free(message.payload);
		}
	}
	if (err) {
		refuse(request, err, fault);
		return false;
	}
	request->state = message.payload;
	request->order.action = action;
	request->order.opcode = message.opcode;
	request->order.payload = message.payload;
	request->order.payload_len = message.len;
	return true;
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static void on_pushed(struct admin_request *request)
{
	const struct admin_round *round = &request->round;
	if (round->results[ORDER_DONE] == 0) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_OVERFLOW,
			"each of the user's connections, or the node, holds as much as it may, or "
			"is muted: nothing was queued");
		return;
	}
	admin_answer_json(&request->answer, 202,
		json_pack("{s:s, s:I, s:I}", "result", "queued", "sessions",
			(json_int_t)round->results[ORDER_DONE], "overflowed",
			(json_int_t)round->results[ORDER_OVERFLOW]));
}

void admin_push_to_user(struct admin_request *request)
{
	if (admin_asks_take_device_only(request) && take_message(request, ORDER_PUSH)) {
		admin_asks_send_to_user(request, on_pushed);
	}
}

/* --- to many -----------------------------------------------------------------------------------
 */

static void answer_overflow(struct admin_request *request)
{
	admin_answer_problem(&request->answer, ADMIN_PROBLEM_OVERFLOW,
		"the fan-out is behind, or the node holds as much as it may: nothing was queued");
}

static void on_broadcast(struct admin_request *request)
{
	if (request->order.result == ORDER_OVERFLOW) {
		answer_overflow(request);
		return;
	}
	admin_answer_json(&request->answer, 202,
		json_pack("{s:s, s:I}", "result", "queued", "receivers",
			(json_int_t)request->order.receivers));
}

void admin_push_to_all(struct admin_request *request)
{
	if (take_message(request, ORDER_BROADCAST)) {
		admin_asks_send(request, FANOUT_WORKER, on_broadcast);
	}
}

static void on_said(struct admin_request *request)
{
	const struct order *order = &request->order;
	switch (order->result) {
	case ORDER_NO_ROOM:
		admin_answer_problem(
			&request->answer, ADMIN_PROBLEM_NO_ROOM, "there is no room of that name");
		break;
	case ORDER_OVERFLOW:
		answer_overflow(request);
		break;
	default:
		admin_answer_json(&request->answer, 202,
			json_pack("{s:s, s:I, s:I}", "result", "queued", "users",
				(json_int_t)order->room_users, "sessions",
				(json_int_t)order->receivers));
		break;
	}
}

void admin_push_to_room(struct admin_request *request)
{
	struct admin_words words;
	char fault[ADMIN_MESSAGE_FAULT_MAX];
	static const char *const names[] = {NULL};
	struct order *order = &request->order;
	if (!admin_request_check_query(request, names)) {
		return;
	}
	int err = admin_message_read_words(request->body, request->body_len,
		request->context->config.max_message, &words, fault);
	if (err) {
		refuse(request, err, fault);
		return;
	}
	request->state = words.text;
	order->action = ORDER_SAY;
	order->room = (struct slice){request->room, request->room_len};
	order->from = words.from;
	order->payload = words.text;
	order->payload_len = words.text_len;
	admin_asks_send(request, FANOUT_WORKER, on_said);
}
