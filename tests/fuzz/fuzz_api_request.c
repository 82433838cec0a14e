/* Requests of a backend, and what other nodes make of them, as JSON: what is taken keeps all rules,
 * what is not has a fault that says so, and parts that are merged never overflow.
 *
 * The first byte is the op; 0: what follows are parts, one a line. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "../../proto/user_name.h"
#include "../../proto/utf8.h"
#include "../../server/node/api_request.h"
#include "../../server/node/deeds.h"
#include "../../server/node/outcome.h"
#include "../../server/node/room_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	MESSAGE_MAX = 200,
};

static bool is_name(struct slice name)
{
	return user_name_is_valid(name.data, name.len);
}

static void check_push(const struct api_request *request)
{
	const bool is_for_room = request->aim == API_ROOM;
	assert((request->words.text != NULL) == is_for_room);
	assert((request->message.payload != NULL) == !is_for_room);
	if (is_for_room) {
		assert(request->words.text_len <= MESSAGE_MAX);
		assert(utf8_valid(request->words.text, request->words.text_len));
		assert(request->words.from.len == 0 || is_name(request->words.from));
	} else {
		assert(request->message.len <= MESSAGE_MAX + 9 + USER_NAME_MAX);
	}
	assert(request->id.len <= API_ID_MAX && (!request->id.data || request->id.len > 0));
}

static void check(const struct api_request *request)
{
	assert(!request->user.data || is_name(request->user));
	assert(!request->room.data || is_name(request->room));
	assert(request->device.len <= DEVICE_NAME_MAX);
	assert(!request->has_device || request->user.data);
	switch (request->op) {
	case API_PUSH:
		check_push(request);
		break;
	case API_KICK:
		assert(request->aim == API_USER && deed_may_close_with(request->code));
		assert(request->reason.len <= API_REASON_MAX);
		break;
	case API_WHERE:
		assert(request->aim == API_USER && request->user.data);
		break;
	case API_ROOMS_LIST:
		assert(request->limit >= 1 && request->limit <= API_LIST_MAX);
		assert(request->after.len <= USER_NAME_MAX);
		assert((request->aim == API_ROOM) == (request->room.data != NULL));
		break;
	case API_ROOMS_JOIN:
	case API_ROOMS_LEAVE:
		assert(request->aim == API_USER && request->user.data && request->room.data);
		break;
	}
}

static void read_request(enum api_op op, struct slice body)
{
	char fault[API_FAULT_MAX] = "";
	struct api_request request;
	int err = api_request_read(op, body, MESSAGE_MAX, &request, fault);
	assert(err == 0 || err == -EINVAL || err == -EMSGSIZE);
	if (err == 0) {
		assert(request.op == op);
		check(&request);
		api_request_finish(&request);
	} else if (err == -EINVAL) {
		const size_t fault_len = strlen(fault);
		assert(fault_len > 0 && utf8_valid((const uint8_t *)fault, fault_len));
	}
}

static void merge(struct slice lines)
{
	struct outcome outcome = {.sum = NULL};
	enum problem problem;
	const char *detail;
	while (lines.len > 0) {
		const struct slice line = slice_cut(&lines, '\n');
		json_t *part = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
		if (part) {
			outcome_add(&outcome, part);
		}
	}
	if (outcome.sum) {
		assert(room_names_merge_members(outcome.sum, 3) == 0);
		assert(json_array_size(json_object_get(outcome.sum, "members")) <= 3);
		assert(room_names_merge(outcome.sum, 3) == 0);
		assert(json_array_size(json_object_get(outcome.sum, "rooms")) <= 3);
	}
	json_t *sum = outcome_take(&outcome, &problem, &detail);
	assert(sum || (problem < PROBLEM_COUNT && detail));
	json_decref(sum);
	outcome_finish(&outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0) {
		return 0;
	}
	const struct slice body = {(const char *)data + 1, len - 1};
	if (data[0] == 0) {
		merge(body);
	} else {
		read_request((enum api_op)data[0], body);
	}
	return 0;
}
