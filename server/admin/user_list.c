#include "user_list.h"

#include <stdlib.h>
#include <string.h>

#include "asks.h"
#include "cursor.h"
#include "sort.h"
#include "users.h"

enum {
	LIMIT_DEFAULT = 100, /* users of a page */
	LIMIT_MAX = 1000,
	ROUNDS_MAX = 64,         /* orders for one page: it may hold fewer, or none */
	SORTED_ROUNDS_MAX = 256, /* orders for one that is sorted: of 65,536 records */
};

/* Owner: its request. */
struct page {
	uint8_t worker; /* being asked */
	int rounds;     /* orders that are back */
	bool is_sorted;
	char prefix[USER_NAME_MAX + 1];
	struct admin_best best;  /* of a sorted page, in `users` */
	struct order_user *room; /* for what an order finds */
	struct order_user users[];
};

/* --- orders ------------------------------------------------------------------------------------
 */

static int by_user(const void *a, const void *b)
{
	const struct order_user *left = a;
	const struct order_user *right = b;
	int order = admin_sort_names(left->name, left->name_len, right->name, right->name_len);
	return order ? order
		     : admin_sort_names(
			       left->device, left->device_len, right->device, right->device_len);
}

#define BY(name, order)                                                                            \
	static int by_##name(const void *a, const void *b)                                         \
	{                                                                                          \
		const struct order_user *left = a;                                                 \
		const struct order_user *right = b;                                                \
		return order;                                                                      \
	}

BY(address, memcmp(&left->remote.address, &right->remote.address, sizeof(left->remote.address)))
BY(worker, ADMIN_COMPARE(left->worker, right->worker))
BY(connected, ADMIN_COMPARE(left->connected_ms, right->connected_ms))
BY(idle, ADMIN_COMPARE(left->idle_ms, right->idle_ms))
BY(queue, ADMIN_COMPARE(left->queue_bytes, right->queue_bytes))

static const struct admin_sort_key sort_keys[] = {
	{"user", by_user},
	{"address", by_address},
	{"worker", by_worker},
	{"connected_ms", by_connected},
	{"idle_ms", by_idle},
	{"queue_bytes", by_queue},
	{NULL, NULL},
};

/* --- the answer --------------------------------------------------------------------------------
 */

static void answer_page(struct admin_request *request, bool has_more)
{
	struct page *page = request->state;
	char cursor[ADMIN_CURSOR_MAX];
	json_t *users = json_array();
	uint32_t count = request->errand.order.count;
	if (page->is_sorted) {
		admin_best_settle(&page->best);
		count = page->best.count;
	}
	for (uint32_t i = 0; i < count; i++) {
		json_array_append_new(users, admin_users_to_json(&page->users[i]));
	}
	admin_cursor_write(page->worker, request->errand.order.cursor, cursor);
	json_t *answer = json_pack("{s:o*, s:o}", "users", users, "cursor",
		has_more ? json_string(cursor) : json_null());
	if (page->is_sorted) {
		json_object_set_new(
			answer, "matched", json_integer((json_int_t)page->best.offered));
	}
	admin_answer_json(&request->answer, 200, answer);
}

/* --- the workers -------------------------------------------------------------------------------
 */

static void sort_in(struct page *page, struct order *order)
{
	for (uint32_t i = 0; i < order->count; i++) {
		admin_best_offer(&page->best, &page->room[i]);
	}
	order->count = 0;
}

/* Whether this is as much as one request may cost, or holds. */
static bool is_full(const struct page *page, const struct order *order)
{
	return page->is_sorted ? page->rounds == SORTED_ROUNDS_MAX
			       : page->rounds == ROUNDS_MAX || order->count == order->capacity;
}

static void on_listed(struct admin_request *request)
{
	struct page *page = request->state;
	struct order *order = &request->errand.order;
	page->rounds++;
	if (page->is_sorted) {
		sort_in(page, order);
	}
	if (order->cursor == CONN_NONE) {
		order->cursor = 0;
		if (++page->worker == request->context->node->worker_count) {
			answer_page(request, false);
			return;
		}
	}
	if (is_full(page, order)) {
		answer_page(request, true);
	} else {
		admin_asks_send(request, page->worker, on_listed);
	}
}

/* --- the request -------------------------------------------------------------------------------
 */

/* What a sorted page finds lies behind what it keeps of it. Errors: NULL: no memory. */
static struct page *make_page(uint32_t limit, bool is_sorted)
{
	size_t kept = is_sorted ? 2 * (size_t)limit : 0;
	size_t room = is_sorted ? ORDER_SLOTS_MAX : limit;
	struct page *page = malloc(sizeof(*page) + (kept + room) * sizeof(page->users[0]));
	if (page) {
		page->rounds = 0;
		page->is_sorted = is_sorted;
		page->room = page->users + kept;
	}
	return page;
}

void admin_user_list(struct admin_request *request)
{
	static const char *const names[] = {
		"prefix", "limit", "cursor", ADMIN_SORT_BY, ADMIN_SORT_ORDER, NULL};
	char cursor[ADMIN_CURSOR_MAX];
	size_t cursor_len;
	uint32_t limit = LIMIT_DEFAULT;
	uint8_t worker = 0;
	/* Equals stand by their names, so that they do not change places from look to look. */
	struct admin_order order = {NULL, by_user, false};
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "limit", 1, LIMIT_MAX, &limit) ||
		!admin_sort_take(request, sort_keys, &order) ||
		!admin_request_take_text(
			request, "cursor", sizeof(cursor) - 1, cursor, &cursor_len)) {
		return;
	}
	/* An empty one is the first page's. */
	if (cursor_len > 0 && admin_cursor_read(cursor, request->context->node->worker_count,
				      &worker, &request->errand.order.cursor) < 0) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
			"\"cursor\" must be one that a page came with");
		return;
	}
	struct page *page = make_page(limit, order.compare != NULL);
	if (!page) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the page");
		return;
	}
	request->state = page;
	page->worker = worker;
	admin_best_init(&page->best, page->users, sizeof(page->users[0]), limit, &order);
	if (!admin_request_take_text(request, "prefix", USER_NAME_MAX, page->prefix,
		    &request->errand.order.name_len)) {
		return;
	}
	request->errand.order.action = ORDER_LIST;
	request->errand.order.name = page->prefix;
	request->errand.order.users = page->room;
	request->errand.order.capacity = page->is_sorted ? ORDER_SLOTS_MAX : limit;
	admin_asks_send(request, worker, on_listed);
}
