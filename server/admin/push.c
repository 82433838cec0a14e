#include "push.h"

#include <errno.h>

#include "asks.h"
#include "message.h"

enum {
	BROADCAST_WORKER = 0, /* always the same, which keeps their order */
};

/* Makes the order's message of the body; an answer when that cannot be. */
static bool take_message(struct admin_request *request, enum order_action action)
{
	struct admin_message message;
	char fault[ADMIN_MESSAGE_FAULT_MAX];
	size_t most = request->context->config.max_message;
	int err = admin_message_read(request->body, request->body_len, most, &message, fault);
	switch (err) {
	case 0:
		request->state = message.payload;
		request->order.action = action;
		request->order.opcode = message.opcode;
		request->order.payload = message.payload;
		request->order.payload_len = message.len;
		return true;
	case -EINVAL:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_BODY, "%s", fault);
		break;
	case -EMSGSIZE:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_TOO_LARGE,
			"a message may have %zu bytes (--max-message)", most);
		break;
	default:
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the message");
		break;
	}
	return false;
}

static void on_pushed(struct admin_request *request)
{
	if (request->order.result == ORDER_OVERFLOW) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_OVERFLOW,
			"the user's connection, or the node, holds as much as it may, or is muted: "
			"nothing was queued");
		return;
	}
	admin_answer_json(&request->answer, 202, json_pack("{s:s}", "result", "queued"));
}

void admin_push_to_user(struct admin_request *request)
{
	if (take_message(request, ORDER_PUSH)) {
		admin_asks_send_to_user(request, on_pushed);
	}
}

static void on_broadcast(struct admin_request *request)
{
	if (request->order.result == ORDER_OVERFLOW) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_OVERFLOW,
			"the fan-out is behind, or the node holds as much as it may: nothing was "
			"queued");
		return;
	}
	admin_answer_json(&request->answer, 202,
		json_pack("{s:s, s:I}", "result", "queued", "receivers",
			(json_int_t)request->order.receivers));
}

void admin_push_to_all(struct admin_request *request)
{
	if (take_message(request, ORDER_BROADCAST)) {
		admin_asks_send(request, BROADCAST_WORKER, on_broadcast);
	}
}
