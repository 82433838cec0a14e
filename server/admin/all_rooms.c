#include "all_rooms.h"

#include <stdlib.h>

#include "../node/room_names.h"
#include "asks.h"

static json_t *want_list(const struct admin_request *request)
{
	const struct room_names *names = request->state;
	return json_pack("{s:s%, s:i}", "after", names->after, (size_t)names->after_len, "limit",
		(int)request->list_limit);
}

static void give_list(struct admin_request *request, json_t *sum)
{
	admin_answer_json(&request->answer, 200, sum);
}

static void walk_on(struct admin_request *request)
{
	struct room_names *names = request->state;
	const int more = room_names_walk(names, request->context->node->fanout.rooms);
	if (more > 0) {
		admin_asks_go_on_later(request, walk_on);
		return;
	}
	admin_asks_merge(request, API_ROOMS_LIST, API_ALL,
		more < 0 ? NULL : room_names_to_json(names), want_list, give_list);
}

/* Makes a problem, and returns false, of what is not asked for as it has to be. */
static bool take_query(struct admin_request *request, struct room_names *names)
{
	static const char *const parameters[] = {ADMIN_ALL_ROOMS, "limit", "after", NULL};
	static const char *const choices[] = {"all", NULL};
	char after[USER_NAME_MAX + 1];
	size_t after_len;
	uint32_t choice = 0;
	request->list_limit = API_LIST_DEFAULT;
	if (!admin_request_check_query(request, parameters) ||
		!admin_request_take_choice(request, ADMIN_ALL_ROOMS, choices, &choice) ||
		!admin_request_take_number(
			request, "limit", 1, API_LIST_MAX, &request->list_limit) ||
		!admin_request_take_text(request, "after", USER_NAME_MAX, after, &after_len)) {
		return false;
	}
	room_names_begin(names, (struct slice){after, after_len}, request->list_limit);
	return true;
}

void admin_all_rooms_list(struct admin_request *request)
{
	struct room_names *names = malloc(sizeof(*names));
	request->state = names;
	if (!names) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the page");
	} else if (take_query(request, names)) {
		walk_on(request);
	}
}
