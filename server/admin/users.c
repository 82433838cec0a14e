#include "users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/bytes.h"
#include "../../proto/utf8.h"
#include "asks.h"
#include "message.h"

/* --- one user ----------------------------------------------------------------------------------
 */

static json_t *session_to_json(const struct order_user *user)
{
	char address[REMOTE_NAME_MAX];
	remote_name(&user->remote, address);
	json_t *token_left_ms = user->token_left_ms == UINT64_MAX
					? json_null()
					: json_integer((json_int_t)user->token_left_ms);
	return json_pack("{s:s%, s:s, s:s, s:i, s:I, s:I, s:I, s:i, s:o}", "device", user->device,
		(size_t)user->device_len, "address", address, "protocol",
		user->speaks_v1 ? "tidegate.v1" : "classic", "worker", user->worker, "connected_ms",
		(json_int_t)user->connected_ms, "idle_ms", (json_int_t)user->idle_ms, "queue_bytes",
		(json_int_t)user->queue_bytes, "rooms", user->rooms, "token_left_ms",
		token_left_ms);
}

json_t *admin_users_to_json(const struct order_user *user)
{
	json_t *json = json_pack("{s:s%}", "user", user->name, (size_t)user->name_len);
	json_t *session = session_to_json(user);
	if (json_object_update(json, session) < 0) {
		json_decref(json);
		json = NULL;
	}
	json_decref(session);
	return json;
}

/* The newest session as if it were the only one, and then all of them. */
static void on_shown(struct admin_request *request)
{
	const struct order *order = &request->order;
	json_t *sessions = json_array();
	for (uint32_t i = 0; i < order->count; i++) {
		json_array_append_new(sessions, session_to_json(&order->users[i]));
	}
	json_t *user = admin_users_to_json(&order->users[order->count - 1]);
	json_object_set_new(user, "sessions", sessions);
	admin_answer_json(&request->answer, 200, user);
}

void admin_users_show(struct admin_request *request)
{
	if (!admin_asks_take_device_only(request)) {
		return;
	}
	request->state = calloc(ADMIN_ROUND_MAX, sizeof(struct order_user));
	if (!request->state) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the user");
		return;
	}
	request->order.action = ORDER_SHOW;
	request->order.users = request->state;
	request->order.capacity = ADMIN_ROUND_MAX;
	admin_asks_send_to_user(request, on_shown);
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

static bool is_backends_code(uint32_t code)
{
	for (size_t i = 0; i < BACKENDS_CODES; i++) {
		if (code == backends_codes[i]) {
			return true;
		}
	}
	return code >= CLOSE_CODE_PRIVATE_FIRST && code <= CLOSE_CODE_LAST;
}

static void refuse_code(struct admin_request *request)
{
	char codes[BACKENDS_CODES * sizeof("65535, ")] = "";
	for (size_t i = 0; i < BACKENDS_CODES; i++) {
		sprintf(codes + strlen(codes), "%u, ", backends_codes[i]);
	}
	admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_QUERY,
		"\"code\" must be %sor one from %d to %d", codes, CLOSE_CODE_PRIVATE_FIRST,
		CLOSE_CODE_LAST);
}

static void on_done(struct admin_request *request)
{
	admin_answer_nothing(&request->answer);
}

void admin_users_close(struct admin_request *request)
{
	static const char *const names[] = {"code", "reason", ADMIN_ASKS_DEVICE, NULL};
	enum close_reason reason = CLOSE_REASON_DISCONNECTED;
	uint32_t code = close_reason_code(reason);
	bool is_default =
		!admin_request_has(request, "code") && !admin_request_has(request, "reason");
	/* One byte more, for the NUL of a reason of full length. */
	uint8_t *payload = malloc(CLOSE_PAYLOAD_MAX + 1);
	size_t len = 0;
	request->state = payload;
	if (!payload) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the Close");
		return;
	}
	if (!admin_request_check_query(request, names) || !admin_asks_take_device(request) ||
		!admin_request_take_number(
			request, "code", CLOSE_CODE_NORMAL, CLOSE_CODE_LAST, &code) ||
		!admin_request_take_prose(
			request, "reason", CLOSE_PAYLOAD_MAX - 2, (char *)payload + 2, &len)) {
		return;
	}
	if (!is_backends_code(code)) {
		refuse_code(request);
		return;
	}
	if (!utf8_valid(payload + 2, len)) {
		admin_answer_problem(
			&request->answer, ADMIN_PROBLEM_BAD_QUERY, "\"reason\" must be UTF-8");
		return;
	}
	store_be16(payload, (uint16_t)code);
	request->order.action = ORDER_CLOSE;
	request->order.payload = payload;
	request->order.payload_len =
		is_default ? close_reason_payload(reason, 0, payload) : 2 + len;
	admin_asks_send_to_user(request, on_done);
}

/* --- faults, for a demonstration ---------------------------------------------------------------
 */

void admin_users_cut(struct admin_request *request)
{
	request->order.action = ORDER_CUT;
	if (admin_asks_take_device_only(request)) {
		admin_asks_send_to_user(request, on_done);
	}
}

void admin_users_mute(struct admin_request *request)
{
	char fault[ADMIN_MESSAGE_FAULT_MAX];
	int is_muted;
	if (admin_message_read_flag(request->body, request->body_len, "muted", &is_muted, fault) <
		0) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_BAD_BODY, "%s", fault);
		return;
	}
	request->order.action = ORDER_MUTE;
	request->order.is_muted = is_muted;
	if (admin_asks_take_device_only(request)) {
		admin_asks_send_to_user(request, on_done);
	}
}
