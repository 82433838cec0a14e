#include "api_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/close_reason.h"
#include "../../proto/user_name.h"
#include "../../proto/utf8.h"
#include "deeds.h"

/* --- ops ---------------------------------------------------------------------------------------
 */

/* What each may have beside a message. NULL ends a row. */
static const struct {
	const char *name;
	const char *members[8];
} ops[] = {
	[API_PUSH] = {"push", {"id", "user", "device", "room", "all"}},
	[API_KICK] = {"kick", {"user", "device", "code", "reason"}},
	[API_WHERE] = {"where", {"user", "device"}},
	[API_ROOMS_LIST] = {"rooms.list", {"room", "after", "limit"}},
	[API_ROOMS_JOIN] = {"rooms.join", {"user", "device", "room"}},
	[API_ROOMS_LEAVE] = {"rooms.leave", {"user", "device", "room"}},
};

int api_op_find(const char *name, enum api_op *ret_op)
{
	for (size_t op = API_PUSH; op < sizeof(ops) / sizeof(ops[0]); op++) {
		if (strcmp(ops[op].name, name) == 0) {
			*ret_op = (enum api_op)op;
			return 0;
		}
	}
	return -ENOENT;
}

/* --- names -------------------------------------------------------------------------------------
 */

static int take_name(json_t *document, const char *member, struct slice *ret_name, char *ret_fault)
{
	int err = api_body_take_text(document, member, USER_NAME_MAX, ret_name, ret_fault);
	if (!err && ret_name->data && !user_name_is_valid(ret_name->data, ret_name->len)) {
		err = api_body_fail(ret_fault,
			"\"%s\" must be a name: 1 to 64 bytes of UTF-8 " USER_NAME_RULE, member);
	}
	return err;
}

/* Empty: the device without a name. */
static int take_device(json_t *document, struct api_request *request, char *ret_fault)
{
	int err = api_body_take_text(
		document, "device", DEVICE_NAME_MAX, &request->device, ret_fault);
	if (err) {
		return err;
	}
	request->has_device = request->device.data != NULL;
	if (request->device.len > 0 &&
		!user_name_is_valid(request->device.data, request->device.len)) {
		return api_body_fail(ret_fault,
			"\"device\" must be a name: 0 to 32 bytes of UTF-8 " USER_NAME_RULE);
	}
	return request->has_device && !request->user.data
		       ? api_body_fail(ret_fault, "\"device\" goes with a \"user\"")
		       : 0;
}

static int take_names(json_t *document, struct api_request *request, char *ret_fault)
{
	int err = take_name(document, "user", &request->user, ret_fault);
	if (!err) {
		err = take_name(document, "room", &request->room, ret_fault);
	}
	return err ? err : take_device(document, request, ret_fault);
}

/* --- each of them ------------------------------------------------------------------------------
 */

static int judge_aim(json_t *document, struct api_request *request, char *ret_fault)
{
	const json_t *all = json_object_get(document, "all");
	if (all && !json_is_true(all)) {
		return api_body_fail(ret_fault, "\"all\" can only be true");
	}
	if ((request->user.data != NULL) + (request->room.data != NULL) + (all != NULL) != 1) {
		return api_body_fail(ret_fault, "one of \"user\", \"room\" and \"all\" is needed");
	}
	request->aim = all ? API_ALL : request->room.data ? API_ROOM : API_USER;
	return 0;
}

/* What is left of the document is the message. */
static void take_out_members(json_t *document, enum api_op op)
{
	for (const char *const *member = ops[op].members; *member; member++) {
		/* Strings that were taken live on in the whole of it. */
		json_object_del(document, *member);
	}
}

static int take_id(json_t *document, struct api_request *request, char *ret_fault)
{
	int err = api_body_take_text(document, "id", API_ID_MAX, &request->id, ret_fault);
	return !err && request->id.data && request->id.len == 0
		       ? api_body_fail(ret_fault, "\"id\" must have 1 to %d bytes", API_ID_MAX)
		       : err;
}

static int read_push(struct api_request *request, size_t message_max, char *ret_fault)
{
	int err = judge_aim(request->document, request, ret_fault);
	if (!err) {
		err = take_id(request->document, request, ret_fault);
	}
	if (err) {
		return err;
	}
	json_t *message = json_copy(request->document);
	if (!message) {
		return -ENOMEM;
	}
	take_out_members(message, API_PUSH);
	err = request->aim == API_ROOM
		      ? api_body_take_words(message, message_max, &request->words, ret_fault)
		      : api_body_take_message(message, message_max, &request->message, ret_fault);
	json_decref(message);
	return err;
}

static int read_kick(struct api_request *request, char *ret_fault)
{
	char codes[DEED_CODES_TEXT_MAX];
	uint32_t code = close_reason_code(CLOSE_REASON_DISCONNECTED);
	int err = api_body_take_number(
		request->document, "code", CLOSE_CODE_NORMAL, CLOSE_CODE_LAST, &code, ret_fault);
	if (!err) {
		err = api_body_take_text(
			request->document, "reason", API_REASON_MAX, &request->reason, ret_fault);
	}
	if (err) {
		return err;
	}
	if (!deed_may_close_with(code)) {
		deed_name_codes(codes);
		return api_body_fail(ret_fault, "\"code\" must be %s", codes);
	}
	request->code = (uint16_t)code;
	request->has_close =
		request->reason.data || json_object_get(request->document, "code") != NULL;
	return 0;
}

static int read_list(struct api_request *request, char *ret_fault)
{
	int err = api_body_take_text(
		request->document, "after", USER_NAME_MAX, &request->after, ret_fault);
	request->limit = API_LIST_DEFAULT;
	request->after = request->after.data ? request->after : SLICE("");
	request->aim = request->room.data ? API_ROOM : API_ALL;
	return err ? err
		   : api_body_take_number(request->document, "limit", 1, API_LIST_MAX,
			     &request->limit, ret_fault);
}

static int need(struct slice name, const char *member, char *ret_fault)
{
	return name.data ? 0 : api_body_fail(ret_fault, "\"%s\" is needed", member);
}

static int read_user(struct api_request *request, bool wants_room, char *ret_fault)
{
	int err = need(request->user, "user", ret_fault);
	request->aim = API_USER;
	return !err && wants_room ? need(request->room, "room", ret_fault) : err;
}

static int read_members(struct api_request *request, size_t message_max, char *ret_fault)
{
	int err = take_names(request->document, request, ret_fault);
	if (!err && request->op != API_PUSH) {
		err = api_body_check_members(
			request->document, ops[request->op].members, ret_fault);
	}
	if (err) {
		return err;
	}
	switch (request->op) {
	case API_PUSH:
		return read_push(request, message_max, ret_fault);
	case API_KICK:
		err = read_user(request, false, ret_fault);
		return err ? err : read_kick(request, ret_fault);
	case API_WHERE:
		return read_user(request, false, ret_fault);
	case API_ROOMS_LIST:
		return read_list(request, ret_fault);
	case API_ROOMS_JOIN:
	case API_ROOMS_LEAVE:
		return read_user(request, true, ret_fault);
	}
	return -EINVAL;
}

int api_request_read(enum api_op op, struct slice body, size_t message_max,
	struct api_request *ret_request, char ret_fault[API_FAULT_MAX])
{
	struct api_request request = {.op = op};
	if (op < API_PUSH || op > API_ROOMS_LEAVE) {
		return api_body_fail(ret_fault, "there is no such request");
	}
	int err = api_body_load((const uint8_t *)body.data, body.len, &request.document, ret_fault);
	if (!err) {
		err = read_members(&request, message_max, ret_fault);
	}
	if (err) {
		api_request_finish(&request);
		return err;
	}
	*ret_request = request;
	return 0;
}

void api_request_finish(struct api_request *request)
{
	free(request->message.payload);
	free(request->words.text);
	json_decref(request->document);
	*request = (struct api_request){.document = NULL};
}
