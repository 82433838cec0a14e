#include "push.h"

#include <errno.h>

#include "../node/api_body.h"
#include "../node/deeds.h"
#include "asks.h"

/* What is wrong with a body. */
static void refuse(struct admin_request *request, int err, const char *fault)
{
	switch (err) {
	case -EINVAL:
		admin_answer_problem(&request->answer, PROBLEM_BAD_BODY, "%s", fault);
		break;
	case -EMSGSIZE:
		admin_answer_problem(&request->answer, PROBLEM_TOO_LARGE,
			"a message may have %llu bytes (--max-message)",
			(unsigned long long)request->context->config.max_message);
		break;
	default:
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the message");
		break;
	}
}

/* As the cluster's API has it: the body, and whom it is for. Errors: NULL: no memory. */
static json_t *wanted(const struct admin_request *request)
{
	return json_loadb((const char *)request->body, request->body_len, JSON_ALLOW_NUL, NULL);
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static json_t *want_for_user(const struct admin_request *request)
{
	return admin_asks_add_user(wanted(request), request);
}

static void give_pushed(struct admin_request *request, json_t *sum)
{
	admin_asks_note_reached(request, sum, "sessions");
	admin_answer_json(&request->answer, 202, sum);
}

static void on_pushed(struct admin_request *request)
{
	admin_asks_merge(request, API_PUSH, API_USER, deed_pushed(&request->errand), want_for_user,
		give_pushed);
}

static bool take_message(struct admin_request *request, struct api_message *ret_message)
{
	char fault[API_FAULT_MAX];
	int err = api_body_read_message(request->body, request->body_len,
		request->context->config.max_message, ret_message, fault);
	if (err) {
		refuse(request, err, fault);
	}
	return !err;
}

void admin_push_to_user(struct admin_request *request)
{
	const struct slice user = {request->name, request->name_len};
	struct api_message message;
	if (!admin_asks_take_device_only(request) || !take_message(request, &message)) {
		return;
	}
	int err = deed_push(&request->errand, user, &message);
	request->state = message.payload;
	if (err) {
		refuse(request, err, "");
		return;
	}
	admin_asks_send_to_user(request, on_pushed);
}

/* --- to many -----------------------------------------------------------------------------------
 */

static json_t *want_for_all(const struct admin_request *request)
{
	json_t *json = wanted(request);
	json_object_set_new(json, "all", json_true());
	return json;
}

static void give_broadcast(struct admin_request *request, json_t *sum)
{
	admin_asks_note_reached(request, sum, "receivers");
	admin_answer_json(&request->answer, 202, sum);
}

static void on_broadcast(struct admin_request *request)
{
	admin_asks_merge(request, API_PUSH, API_ALL, deed_broadcasted(&request->errand),
		want_for_all, give_broadcast);
}

void admin_push_to_all(struct admin_request *request)
{
	struct api_message message;
	if (take_message(request, &message)) {
		request->state = message.payload;
		deed_broadcast(&request->errand, &message);
		admin_asks_send(request, ERRAND_FANOUT_WORKER, on_broadcast);
	}
}

static json_t *want_for_room(const struct admin_request *request)
{
	return admin_asks_add_room(wanted(request), request);
}

static void on_said(struct admin_request *request)
{
	admin_asks_merge(request, API_PUSH, API_ROOM, deed_said(&request->errand), want_for_room,
		give_pushed);
}

void admin_push_to_room(struct admin_request *request)
{
	static const char *const names[] = {NULL};
	const struct slice room = {request->room, request->room_len};
	struct api_words words;
	char fault[API_FAULT_MAX];
	if (!admin_request_check_query(request, names)) {
		return;
	}
	int err = api_body_read_words(request->body, request->body_len,
		request->context->config.max_message, &words, fault);
	if (err) {
		refuse(request, err, fault);
		return;
	}
	request->state = words.text;
	deed_say(&request->errand, room, &words);
	admin_asks_send(request, ERRAND_FANOUT_WORKER, on_said);
}
