#include "rooms.h"

#include <stdlib.h>

#include "../fanout/first_names.h"
#include "../node/deeds.h"
#include "asks.h"

enum {
	LIMIT_DEFAULT = 100, /* members of a page */
};

static const char *const no_parameters[] = {NULL};

static struct slice room_of(const struct admin_request *request)
{
	return (struct slice){request->room, request->room_len};
}

/* --- who is in it ------------------------------------------------------------------------------
 */

/* The name of the last member leads to the next page. */
static void give_list(struct admin_request *request, json_t *sum)
{
	admin_answer_json(&request->answer, 200, sum);
}

static json_t *want_list(const struct admin_request *request)
{
	const char *after = request->state;
	return admin_asks_add_room(
		json_pack("{s:s, s:i}", "after", after, "limit", (int)request->list_limit),
		request);
}

void admin_rooms_show(struct admin_request *request)
{
	static const char *const names[] = {"limit", "after", NULL};
	char *after = calloc(1, USER_NAME_MAX + 1);
	size_t after_len;
	request->state = after;
	request->list_limit = LIMIT_DEFAULT;
	if (!after) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the page");
		return;
	}
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(
			request, "limit", 1, FIRST_NAMES_MAX, &request->list_limit) ||
		!admin_request_take_text(request, "after", USER_NAME_MAX, after, &after_len)) {
		return;
	}
	json_t *part = deed_list(request->context->node->fanout.rooms, room_of(request),
		(struct slice){after, after_len}, request->list_limit);
	admin_asks_merge(request, API_ROOMS_LIST, API_ROOM, part, want_list, give_list);
}

/* --- a backend's hand --------------------------------------------------------------------------
 */

static json_t *want_move(const struct admin_request *request)
{
	return admin_asks_add_room(admin_asks_add_user(json_object(), request), request);
}

static void give_moved(struct admin_request *request, json_t *sum)
{
	admin_asks_note_reached(request, sum, "sessions");
	admin_answer_json(&request->answer, 200, sum);
}

static void on_put_in(struct admin_request *request)
{
	admin_asks_merge(request, API_ROOMS_JOIN, API_USER,
		deed_moved_in(&request->errand, request->context->config.rooms_per_session),
		want_move, give_moved);
}

static void on_taken_out(struct admin_request *request)
{
	admin_asks_merge(request, API_ROOMS_LEAVE, API_USER, deed_moved_out(&request->errand),
		want_move, give_moved);
}

static void move(
	struct admin_request *request, bool is_out, void (*then)(struct admin_request *request))
{
	if (admin_request_check_query(request, no_parameters)) {
		deed_move(&request->errand, room_of(request), is_out);
		admin_asks_send_to_user(request, then);
	}
}

void admin_rooms_put_in(struct admin_request *request)
{
	move(request, false, on_put_in);
}

void admin_rooms_take_out(struct admin_request *request)
{
	move(request, true, on_taken_out);
}
