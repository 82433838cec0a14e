#include "ended.h"

#include <stdlib.h>

#include "../base/clock.h"
#include "asks.h"

enum {
	LIMIT_DEFAULT = 50,
};

/* Owner: its request. The best so far, and room for as many of the next worker. */
struct ends {
	uint8_t worker; /* being asked */
	uint32_t limit;
	uint32_t count;
	struct ended_entry entries[];
};

static int compare_ends(const void *a, const void *b)
{
	const struct ended_entry *left = a;
	const struct ended_entry *right = b;
	return (left->ended_us < right->ended_us) - (left->ended_us > right->ended_us);
}

static json_t *end_to_json(const struct ended_entry *entry, uint64_t now)
{
	char address[REMOTE_NAME_MAX];
	remote_name(&entry->remote, address);
	uint64_t ago_ms = (now - entry->ended_us) / 1000;
	json_t *user = entry->name_len ? json_stringn(entry->name, entry->name_len) : json_null();
	return json_pack("{s:o, s:s, s:s, s:i, s:I, s:I, s:i}", "user", user, "address", address,
		"reason", close_reason_counter((enum close_reason)entry->reason), "code",
		entry->code, "age_ms", (json_int_t)entry->age_ms, "ended_ms_ago",
		(json_int_t)ago_ms, "worker", entry->worker);
}

static void answer_ends(struct admin_request *request)
{
	const struct ends *ends = request->state;
	uint64_t now = clock_us();
	json_t *list = json_array();
	for (uint32_t i = 0; i < ends->count; i++) {
		json_array_append_new(list, end_to_json(&ends->entries[i], now));
	}
	admin_answer_json(&request->answer, 200, json_pack("{s:o*}", "ended", list));
}

static void ask_for_ends(struct admin_request *request);

static void on_ends(struct admin_request *request)
{
	struct ends *ends = request->state;
	ends->count += request->order.count;
	qsort(ends->entries, ends->count, sizeof(ends->entries[0]), compare_ends);
	ends->count = ends->count < ends->limit ? ends->count : ends->limit;
	if (++ends->worker == request->context->node->worker_count) {
		answer_ends(request);
	} else {
		ask_for_ends(request);
	}
}

static void ask_for_ends(struct admin_request *request)
{
	struct ends *ends = request->state;
	request->order.action = ORDER_ENDED;
	request->order.ended = ends->entries + ends->count;
	request->order.capacity = ends->limit;
	admin_asks_send(request, ends->worker, on_ends);
}

void admin_ended_list(struct admin_request *request)
{
	static const char *const names[] = {"limit", NULL};
	uint32_t limit = LIMIT_DEFAULT;
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "limit", 1, ENDED_MAX, &limit)) {
		return;
	}
	struct ends *ends = malloc(sizeof(*ends) + 2 * limit * sizeof(ends->entries[0]));
	if (!ends) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_NO_MEMORY, "for the list");
		return;
	}
	*ends = (struct ends){.limit = limit};
	request->state = ends;
	ask_for_ends(request);
}
