#include "room_list.h"

#include <stdlib.h>
#include <string.h>

#include "../fanout/rooms_list.h"
#include "all_rooms.h"
#include "asks.h"
#include "cursor.h"
#include "sort.h"

enum {
	LIMIT_DEFAULT = 100, /* rooms of a page */
	LIMIT_MAX = 1000,
	/* Rooms that the admin thread looks at before it turns to others, which takes it 25 to 130
	 * us, and how often it goes on for one page: 65,536 rooms. It may hold fewer than asked
	 * for, or none. */
	SLICE_ROOMS = 256,
	SLICES_MAX = 256,
};

/* Plain data. */
struct room_row {
	uint32_t users;
	uint32_t sessions;
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

/* Owner: its request. */
struct page {
	struct rcu_walk walk;
	uint32_t slices; /* that are done */
	uint32_t limit;
	uint32_t count; /* of a page that is not sorted: rooms in `rows` */
	bool is_sorted;
	char prefix[USER_NAME_MAX + 1];
	size_t prefix_len;
	struct admin_best best; /* of a sorted page, in `rows` */
	struct room_row rows[];
};

/* --- orders ------------------------------------------------------------------------------------
 */

static int by_room(const void *a, const void *b)
{
	const struct room_row *left = a;
	const struct room_row *right = b;
	return admin_sort_names(left->name, left->name_len, right->name, right->name_len);
}

static int by_users(const void *a, const void *b)
{
	const struct room_row *left = a;
	const struct room_row *right = b;
	return ADMIN_COMPARE(left->users, right->users);
}

static int by_sessions(const void *a, const void *b)
{
	const struct room_row *left = a;
	const struct room_row *right = b;
	return ADMIN_COMPARE(left->sessions, right->sessions);
}

static const struct admin_sort_key sort_keys[] = {
	{"room", by_room},
	{"users", by_users},
	{"sessions", by_sessions},
	{NULL, NULL},
};

/* --- the walk ----------------------------------------------------------------------------------
 */

static bool is_listed(const struct page *page, struct slice name)
{
	return name.len >= page->prefix_len &&
	       memcmp(name.data, page->prefix, page->prefix_len) == 0;
}

/* Returns whether there is place for it. */
static bool take_room(void *context, struct room *room)
{
	struct page *page = context;
	const struct slice name = room_name(room);
	struct room_row row = {
		.users = room_users(room),
		.sessions = room_sessions(room),
		.name_len = (uint8_t)name.len,
	};
	/* One whose last member is just leaving is none. */
	if (row.sessions == 0 || !is_listed(page, name)) {
		return true;
	}
	if (!page->is_sorted && page->count == page->limit) {
		return false;
	}
	memcpy(row.name, name.data, name.len);
	if (page->is_sorted) {
		admin_best_offer(&page->best, &row);
	} else {
		page->rows[page->count++] = row;
	}
	return true;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static json_t *row_to_json(const struct room_row *row)
{
	return json_pack("{s:s%, s:I, s:I}", "room", row->name, (size_t)row->name_len, "users",
		(json_int_t)row->users, "sessions", (json_int_t)row->sessions);
}

static void answer_page(struct admin_request *request, bool has_more)
{
	struct page *page = request->state;
	char cursor[ADMIN_CURSOR_MAX];
	json_t *rooms = json_array();
	if (page->is_sorted) {
		admin_best_settle(&page->best);
		page->count = page->best.count;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		json_array_append_new(rooms, row_to_json(&page->rows[i]));
	}
	admin_cursor_write_walk(&page->walk, cursor);
	json_t *answer = json_pack("{s:o*, s:o}", "rooms", rooms, "cursor",
		has_more ? json_string(cursor) : json_null());
	if (page->is_sorted) {
		json_object_set_new(
			answer, "matched", json_integer((json_int_t)page->best.offered));
	}
	admin_answer_json(&request->answer, 200, answer);
}

static void walk_on(struct admin_request *request)
{
	struct page *page = request->state;
	struct rooms *rooms = request->context->node->fanout.rooms;
	int more = rooms_walk(rooms, &page->walk, SLICE_ROOMS, take_room, page);
	bool is_full = !page->is_sorted && page->count == page->limit;
	if (more < 0) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the walk");
	} else if (more == 0 || is_full || ++page->slices == SLICES_MAX) {
		answer_page(request, more);
	} else {
		admin_asks_go_on_later(request, walk_on);
	}
}

/* --- the request -------------------------------------------------------------------------------
 */

/* Errors: NULL: no memory. */
static struct page *make_page(uint32_t limit, const struct admin_order *order)
{
	bool is_sorted = order->compare != NULL;
	size_t rows = is_sorted ? 2 * (size_t)limit : limit;
	struct page *page = malloc(sizeof(*page) + rows * sizeof(page->rows[0]));
	if (page) {
		*page = (struct page){.limit = limit, .is_sorted = is_sorted};
		admin_best_init(&page->best, page->rows, sizeof(page->rows[0]), limit, order);
	}
	return page;
}

void admin_room_list(struct admin_request *request)
{
	static const char *const names[] = {
		"prefix", "limit", "cursor", ADMIN_SORT_BY, ADMIN_SORT_ORDER, NULL};
	char cursor[ADMIN_CURSOR_MAX];
	size_t cursor_len;
	uint32_t limit = LIMIT_DEFAULT;
	struct admin_order order = {NULL, by_room, false};
	if (admin_request_has(request, ADMIN_ALL_ROOMS)) {
		admin_all_rooms_list(request);
		return;
	}
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "limit", 1, LIMIT_MAX, &limit) ||
		!admin_sort_take(request, sort_keys, &order) ||
		!admin_request_take_text(
			request, "cursor", sizeof(cursor) - 1, cursor, &cursor_len)) {
		return;
	}
	struct page *page = make_page(limit, &order);
	if (!page) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the page");
		return;
	}
	request->state = page;
	if (!admin_request_take_text(
		    request, "prefix", USER_NAME_MAX, page->prefix, &page->prefix_len)) {
		return;
	}
	/* An empty one is the first page's. */
	if (cursor_len > 0 && admin_cursor_read_walk(cursor, &page->walk) < 0) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
			"\"cursor\" must be one that a page came with");
		return;
	}
	walk_on(request);
}
