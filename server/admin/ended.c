#include "ended.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "asks.h"
#include "sort.h"

enum {
	LIMIT_DEFAULT = 50,
	REASONS_MAX = 512, /* bytes of the parameter */
};

/* What is asked for. */
struct wanted {
	bool normal;                      /* those that ended as they should, too */
	bool reasons[CLOSE_REASON_COUNT]; /* these alone */
	size_t prefix_len;
	char prefix[USER_NAME_MAX + 1]; /* that names begin with */
};

/* Owner: its request. */
struct ends {
	uint8_t worker; /* being asked */
	struct wanted wanted;
	uint64_t lost_us; /* when the last one ended that might be wanted and is forgotten */
	struct admin_best best;
	struct ended copy; /* of the worker's */
	struct ended_entry entries[];
};

/* --- orders ------------------------------------------------------------------------------------
 */

static int by_ended_ago(const void *a, const void *b)
{
	const struct ended_entry *left = a;
	const struct ended_entry *right = b;
	return ADMIN_COMPARE(right->ended_us, left->ended_us);
}

#define BY(name, order)                                                                            \
	static int by_##name(const void *a, const void *b)                                         \
	{                                                                                          \
		const struct ended_entry *left = a;                                                \
		const struct ended_entry *right = b;                                               \
		return order;                                                                      \
	}

BY(user, admin_sort_names(left->name, left->name_len, right->name, right->name_len))
BY(address, memcmp(&left->remote.address, &right->remote.address, sizeof(left->remote.address)))
BY(reason, strcmp(close_reason_counter((enum close_reason)left->reason),
		   close_reason_counter((enum close_reason)right->reason)))
BY(code, ADMIN_COMPARE(left->code, right->code))
BY(age, ADMIN_COMPARE(left->age_ms, right->age_ms))
BY(worker, ADMIN_COMPARE(left->worker, right->worker))

static const struct admin_sort_key sort_keys[] = {
	{"ended_ms_ago", by_ended_ago},
	{"user", by_user},
	{"address", by_address},
	{"reason", by_reason},
	{"code", by_code},
	{"age_ms", by_age},
	{"worker", by_worker},
	{NULL, NULL},
};

/* --- the answer --------------------------------------------------------------------------------
 */

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
	struct ends *ends = request->state;
	uint64_t now = clock_us();
	json_t *list = json_array();
	admin_best_settle(&ends->best);
	for (uint32_t i = 0; i < ends->best.count; i++) {
		json_array_append_new(list, end_to_json(&ends->entries[i], now));
	}
	json_t *complete = ends->lost_us ? json_integer((json_int_t)((now - ends->lost_us) / 1000))
					 : json_null();
	admin_answer_json(&request->answer, 200,
		json_pack("{s:o*, s:I, s:o}", "ended", list, "matched",
			(json_int_t)ends->best.offered, "complete_ms", complete));
}

/* --- the workers -------------------------------------------------------------------------------
 */

static bool is_wanted(const struct wanted *wanted, const struct ended_entry *entry)
{
	return wanted->reasons[entry->reason] && entry->name_len >= wanted->prefix_len &&
	       memcmp(entry->name, wanted->prefix, wanted->prefix_len) == 0;
}

static void take_ring(struct ends *ends, const struct ended_ring *ring)
{
	for (uint32_t i = 0; i < ended_count(ring); i++) {
		if (is_wanted(&ends->wanted, &ring->entries[i])) {
			admin_best_offer(&ends->best, &ring->entries[i]);
		}
	}
	ends->lost_us = ring->lost_us > ends->lost_us ? ring->lost_us : ends->lost_us;
}

static void ask_for_ends(struct admin_request *request);

static void on_ends(struct admin_request *request)
{
	struct ends *ends = request->state;
	/* Of the normal ones there is that one reason only. */
	if (ends->wanted.normal && ends->wanted.reasons[CLOSE_REASON_PEER_CLOSE]) {
		take_ring(ends, &ends->copy.rings[ENDED_NORMAL]);
	}
	take_ring(ends, &ends->copy.rings[ENDED_OTHER]);
	if (++ends->worker == request->context->node->worker_count) {
		answer_ends(request);
	} else {
		ask_for_ends(request);
	}
}

static void ask_for_ends(struct admin_request *request)
{
	struct ends *ends = request->state;
	request->errand.order.action = ORDER_ENDED;
	request->errand.order.ended = &ends->copy;
	admin_asks_send(request, ends->worker, on_ends);
}

/* --- the request -------------------------------------------------------------------------------
 */

static bool want_reason(struct wanted *wanted, const char *name, size_t len)
{
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		const char *counter = close_reason_counter((enum close_reason)i);
		if (strlen(counter) == len && memcmp(counter, name, len) == 0) {
			wanted->reasons[i] = true;
			return true;
		}
	}
	return false;
}

/* `kicked,drain`; left out, or empty, it is all of them. */
static bool take_reasons(struct admin_request *request, struct wanted *wanted)
{
	char text[REASONS_MAX + 1];
	size_t len;
	if (!admin_request_take_text(request, "reason", REASONS_MAX, text, &len)) {
		return false;
	}
	if (len == 0) {
		memset(wanted->reasons, true, sizeof(wanted->reasons));
		return true;
	}
	for (const char *at = text; *at;) {
		size_t name_len = strcspn(at, ",");
		if (!want_reason(wanted, at, name_len)) {
			admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
				"\"reason\" must be names of tidegate_ends_total's label, with "
				"commas between them");
			return false;
		}
		at += name_len;
		at += *at == ',';
	}
	return true;
}

static bool take_wanted(struct admin_request *request, struct wanted *ret_wanted)
{
	static const char *const flags[] = {"false", "true", NULL};
	uint32_t normal = true;
	*ret_wanted = (struct wanted){.normal = true};
	if (!admin_request_take_choice(request, "normal", flags, &normal) ||
		!take_reasons(request, ret_wanted) ||
		!admin_request_take_text(request, "prefix", USER_NAME_MAX, ret_wanted->prefix,
			&ret_wanted->prefix_len)) {
		return false;
	}
	ret_wanted->normal = normal;
	return true;
}

void admin_ended_list(struct admin_request *request)
{
	static const char *const names[] = {
		"limit", "prefix", "reason", "normal", ADMIN_SORT_BY, ADMIN_SORT_ORDER, NULL};
	/* Equals stand with the newest first. */
	struct admin_order order = {by_ended_ago, by_ended_ago, false};
	struct wanted wanted;
	uint32_t limit = LIMIT_DEFAULT;
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "limit", 1, ENDED_MAX, &limit) ||
		!admin_sort_take(request, sort_keys, &order) || !take_wanted(request, &wanted)) {
		return;
	}
	struct ends *ends = malloc(sizeof(*ends) + 2 * limit * sizeof(ends->entries[0]));
	request->state = ends;
	if (!ends) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the list");
		return;
	}
	ends->worker = 0;
	ends->wanted = wanted;
	ends->lost_us = 0;
	admin_best_init(&ends->best, ends->entries, sizeof(ends->entries[0]), limit, &order);
	ask_for_ends(request);
}
