#include "users.h"

#include <stdlib.h>

#include "../../proto/bytes.h"
#include "../../proto/utf8.h"
#include "../node/api_body.h"
#include "../node/deeds.h"
#include "asks.h"

/* --- one user ----------------------------------------------------------------------------------
 */

json_t *admin_users_to_json(const struct order_user *user)
{
	json_t *json = json_pack("{s:s%}", "user", user->name, (size_t)user->name_len);
	json_t *session = deed_session_to_json(user);
	if (json_object_update(json, session) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(session);
	return json;
}

/* Where it stands in the order of acceptance, which is one for all nodes. */
static uint64_t epoch_of(const json_t *session)
{
	const char *epoch = json_string_value(json_object_get(session, "epoch"));
	return epoch ? strtoull(epoch, NULL, 10) : 0;
}

/* Of those that were accepted at the same moment, or of whom that is not known, the last one. */
static json_t *newest_of(const json_t *sessions)
{
	json_t *newest = NULL;
	size_t i;
	json_t *session;
	json_array_foreach(sessions, i, session)
	{
		if (!newest || epoch_of(session) >= epoch_of(newest)) {
			newest = session;
		}
	}
	return newest;
}

/* The newest session as if it were the only one, and then all of them. */
static void give_shown(struct admin_request *request, json_t *sum)
{
	json_t *sessions = json_object_get(sum, "sessions");
	json_t *user = json_pack("{s:s%}", "user", request->name, request->name_len);
	json_t *newest = newest_of(sessions);
	if (json_object_update(user, newest) < 0 ||
		json_object_set(user, "sessions", sessions) < 0 ||
		(!admin_asks_is_whole(request) &&
			json_object_set(user, "missing", json_object_get(sum, "missing")) < 0)) {
		json_decref(user);
		user = NULL;
	}
	json_decref(sum);
	admin_answer_json(&request->answer, 200, user);
}

static json_t *want_user(const struct admin_request *request)
{
	return admin_asks_add_user(json_object(), request);
}

/* With a cluster each session has the name of its node. */
static void on_shown(struct admin_request *request)
{
	const struct admin_context *context = request->context;
	const char *node = context->node->outward.mailbox ? context->config.id : "";
	admin_asks_merge(request, API_WHERE, API_USER, deed_shown(&request->errand, node),
		want_user, give_shown);
}

void admin_users_show(struct admin_request *request)
{
	if (!admin_asks_take_device_only(request)) {
		return;
	}
	request->state = calloc(ERRAND_MAX, sizeof(struct order_user));
	if (!request->state) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the user");
		return;
	}
	deed_show(&request->errand, request->state);
	admin_asks_send_to_user(request, on_shown);
}

/* --- ends --------------------------------------------------------------------------------------
 */

static void refuse_code(struct admin_request *request)
{
	char codes[DEED_CODES_TEXT_MAX];
	deed_name_codes(codes);
	admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY, "\"code\" must be %s", codes);
}

/* Its words are those of the Close: a code, and a reason behind it. */
static json_t *want_close(const struct admin_request *request)
{
	const struct order *order = &request->errand.order;
	return admin_asks_add_user(
		json_pack("{s:i, s:s%}", "code", (int)load_be16(order->payload), "reason",
			(const char *)order->payload + 2, order->payload_len - 2),
		request);
}

static void give_closed(struct admin_request *request, json_t *sum)
{
	admin_asks_note_reached(request, sum, "sessions");
	if (admin_asks_is_whole(request)) {
		json_decref(sum);
		admin_answer_nothing(&request->answer);
	} else {
		admin_answer_json(&request->answer, 200, sum);
	}
}

static void on_closed(struct admin_request *request)
{
	admin_asks_merge(request, API_KICK, API_USER, deed_closed(&request->errand), want_close,
		give_closed);
}

void admin_users_close(struct admin_request *request)
{
	static const char *const names[] = {"code", "reason", ADMIN_ASKS_DEVICE, NULL};
	uint32_t code = close_reason_code(CLOSE_REASON_DISCONNECTED);
	bool is_default =
		!admin_request_has(request, "code") && !admin_request_has(request, "reason");
	/* One byte more, for the NUL of a reason of full length. */
	uint8_t *payload = malloc(CLOSE_PAYLOAD_MAX + 1);
	size_t len = 0;
	request->state = payload;
	if (!payload) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the Close");
		return;
	}
	if (!admin_request_check_query(request, names) || !admin_asks_take_device(request) ||
		!admin_request_take_number(
			request, "code", CLOSE_CODE_NORMAL, CLOSE_CODE_LAST, &code) ||
		!admin_request_take_prose(
			request, "reason", CLOSE_PAYLOAD_MAX - 2, (char *)payload + 2, &len)) {
		return;
	}
	if (!deed_may_close_with(code)) {
		refuse_code(request);
		return;
	}
	if (!utf8_valid(payload + 2, len)) {
		admin_answer_problem(
			&request->answer, PROBLEM_BAD_QUERY, "\"reason\" must be UTF-8");
		return;
	}
	if (is_default) {
		deed_close_plainly(&request->errand, payload);
	} else {
		deed_close(&request->errand, (uint16_t)code,
			(struct slice){(const char *)payload + 2, len}, payload);
	}
	admin_asks_send_to_user(request, on_closed);
}

/* --- faults, for a demonstration ---------------------------------------------------------------
 */

/* Of the sessions of this node alone. */
static void on_done(struct admin_request *request)
{
	request->reached = request->errand.results[ORDER_DONE];
	if (errand_has_reached(&request->errand)) {
		admin_answer_nothing(&request->answer);
	} else {
		admin_answer_problem(&request->answer, PROBLEM_OFFLINE, "%s",
			request->errand.is_for_one
				? "nobody of that name is logged in from that device"
				: "nobody of that name is logged in");
	}
}

void admin_users_cut(struct admin_request *request)
{
	request->errand.order.action = ORDER_CUT;
	if (admin_asks_take_device_only(request)) {
		admin_asks_send_to_user(request, on_done);
	}
}

void admin_users_mute(struct admin_request *request)
{
	char fault[API_FAULT_MAX];
	int is_muted;
	if (api_body_read_flag(request->body, request->body_len, "muted", &is_muted, fault) < 0) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_BODY, "%s", fault);
		return;
	}
	request->errand.order.action = ORDER_MUTE;
	request->errand.order.is_muted = is_muted;
	if (admin_asks_take_device_only(request)) {
		admin_asks_send_to_user(request, on_done);
	}
}
