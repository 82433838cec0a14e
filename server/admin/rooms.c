#include "rooms.h"

#include "../fanout/first_names.h"
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

static void take_member(void *context, struct slice user)
{
	json_array_append_new(context, json_stringn(user.data, user.len));
}

/* Under RCU. The name of the last member leads to the next page. */
static json_t *room_to_json(
	struct rooms *rooms, struct room *room, struct slice after, uint32_t limit)
{
	json_t *members = json_array();
	bool is_last = room_list(rooms, room, after, limit, take_member, members);
	json_t *next = is_last ? json_null()
			       : json_copy(json_array_get(members, json_array_size(members) - 1));
	return json_pack("{s:s%, s:I, s:I, s:o*, s:o}", "room", room_name(room).data,
		room_name(room).len, "users", (json_int_t)room_users(room), "sessions",
		(json_int_t)room_sessions(room), "members", members, "after", next);
}

void admin_rooms_show(struct admin_request *request)
{
	static const char *const names[] = {"limit", "after", NULL};
	struct rooms *rooms = request->context->node->fanout.rooms;
	const struct slice name = room_of(request);
	char after[USER_NAME_MAX + 1];
	size_t after_len;
	uint32_t limit = LIMIT_DEFAULT;
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "limit", 1, FIRST_NAMES_MAX, &limit) ||
		!admin_request_take_text(request, "after", USER_NAME_MAX, after, &after_len)) {
		return;
	}
	struct room *room = rooms_find_begin(rooms, name, rooms_hash(rooms, name));
	if (room && room_sessions(room) > 0) {
		admin_answer_json(&request->answer, 200,
			room_to_json(rooms, room, (struct slice){after, after_len}, limit));
	} else {
		admin_answer_problem(
			&request->answer, ADMIN_PROBLEM_NO_ROOM, "there is no room of that name");
	}
	rooms_find_end(rooms);
}

/* --- a backend's hand --------------------------------------------------------------------------
 */

static void answer_moved(struct admin_request *request)
{
	const uint32_t *results = request->round.results;
	admin_answer_json(&request->answer, 200,
		json_pack("{s:I, s:I, s:I}", "sessions", (json_int_t)results[ORDER_DONE], "refused",
			(json_int_t)results[ORDER_FULL] + results[ORDER_OVERFLOW], "users",
			(json_int_t)request->order.room_users));
}

static void on_put_in(struct admin_request *request)
{
	const uint32_t *results = request->round.results;
	if (results[ORDER_DONE] > 0) {
		answer_moved(request);
	} else if (results[ORDER_FULL] > 0) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_TOO_MANY_ROOMS,
			"each session of the user is in %llu rooms, as many as it may be in "
			"(--rooms-per-session)",
			(unsigned long long)request->context->config.rooms_per_session);
	} else if (results[ORDER_OVERFLOW] > 0) {
		admin_answer_problem(
			&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the membership");
	} else {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_OFFLINE,
			"no session of the user speaks tidegate.v1, which those in rooms do");
	}
}

static void on_taken_out(struct admin_request *request)
{
	if (request->round.results[ORDER_DONE] > 0) {
		answer_moved(request);
	} else {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NOT_A_MEMBER,
			"no session of the user is in that room");
	}
}

static void move(struct admin_request *request, enum order_action action,
	void (*then)(struct admin_request *request))
{
	if (admin_request_check_query(request, no_parameters)) {
		request->order.action = action;
		request->order.room = room_of(request);
		admin_asks_send_to_user(request, then);
	}
}

void admin_rooms_put_in(struct admin_request *request)
{
	move(request, ORDER_PUT_IN, on_put_in);
}

void admin_rooms_take_out(struct admin_request *request)
{
	move(request, ORDER_TAKE_OUT, on_taken_out);
}
