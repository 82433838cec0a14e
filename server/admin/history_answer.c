#include "history_answer.h"

#include <inttypes.h>

#include "../base/clock.h"

/* One list of the answer: a figure of all moments told. */
struct list {
	struct admin_text *text;
	const struct admin_history *history;
	uint32_t from, to; /* numbers of moments */
};

static void add_value(struct admin_text *text, uint64_t value)
{
	if (value == ADMIN_SAMPLE_UNKNOWN) {
		admin_text_add(text, "null");
	} else {
		admin_text_add(text, "%" PRIu64, value);
	}
}

/* The end of one of several values: a comma, or what ends them. */
static void separate(struct admin_text *text, bool is_last, const char *end)
{
	admin_text_add(text, "%s", is_last ? end : ",");
}

#define WRITE_LIST(list, value)                                                                    \
	do {                                                                                       \
		admin_text_add((list)->text, "[");                                                 \
		for (uint32_t number = (list)->from; number < (list)->to; number++) {              \
			const struct admin_moment *moment =                                        \
				admin_history_moment((list)->history, number);                     \
			add_value((list)->text, value);                                            \
			separate((list)->text, number + 1 == (list)->to, "");                      \
		}                                                                                  \
		admin_text_add((list)->text, "]");                                                 \
	} while (0)

static void write_series(const struct list *list, const char *name, enum admin_series_kind kind)
{
	const char *separator = "";
	admin_text_add(list->text, ",\"%s\":{", name);
	for (int i = 0; i < ADMIN_SERIES_COUNT; i++) {
		if (admin_series_rows[i].kind == kind) {
			admin_text_add(
				list->text, "%s\"%s\":", separator, admin_series_rows[i].name);
			WRITE_LIST(list, moment->series[i]);
			separator = ",";
		}
	}
	admin_text_add(list->text, "}");
}

static bool occurs(const struct list *list, int reason)
{
	for (uint32_t number = list->from; number < list->to; number++) {
		if (admin_history_moment(list->history, number)->ends[reason] > 0) {
			return true;
		}
	}
	return false;
}

static void write_ends(const struct list *list)
{
	const char *separator = "";
	admin_text_add(list->text, ",\"ends\":{");
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		if (occurs(list, i)) {
			admin_text_add(list->text, "%s\"%s\":", separator,
				close_reason_counter((enum close_reason)i));
			WRITE_LIST(list, moment->ends[i]);
			separator = ",";
		}
	}
	admin_text_add(list->text, "}");
}

static void write_busy(const struct list *list, uint32_t worker_count)
{
	admin_text_add(list->text, ",\"busy\":[");
	for (uint32_t worker = 0; worker < worker_count; worker++) {
		admin_text_add(list->text, "%s[", worker > 0 ? "," : "");
		for (uint32_t number = list->from; number < list->to; number++) {
			unsigned share = admin_history_busy(list->history, number, worker);
			admin_text_add(list->text, "%u.%03u%s", share / 1000, share % 1000,
				number + 1 == list->to ? "" : ",");
		}
		admin_text_add(list->text, "]");
	}
	admin_text_add(list->text, "]");
}

void admin_history_write(struct admin_text *text, const struct admin_history *history,
	uint32_t worker_count, uint32_t from, uint64_t now_ms, uint64_t started_ms)
{
	uint32_t first = admin_history_first(history);
	struct list list = {
		.text = text,
		.history = history,
		.from = from > first ? from : first,
		.to = admin_history_count(history),
	};
	admin_text_add(text,
		"{\"started_ms\":%" PRIu64 ",\"now_ms\":%" PRIu64
		",\"every_ms\":%d,\"span_ms\":%d,\"count\":%" PRIu32,
		started_ms, now_ms, ADMIN_HISTORY_EVERY_MS,
		ADMIN_HISTORY_EVERY_MS * ADMIN_HISTORY_MOMENTS, list.to);
	admin_text_add(text, ",\"at_ms\":");
	WRITE_LIST(&list, moment->at_ms);
	admin_text_add(text, ",\"interval_ms\":");
	WRITE_LIST(&list, moment->interval_ms);
	write_series(&list, "levels", ADMIN_SERIES_LEVEL);
	write_series(&list, "growth", ADMIN_SERIES_GROWTH);
	write_ends(&list);
	write_busy(&list, worker_count);
	admin_text_add(text, "}");
}

void admin_history_show(struct admin_request *request)
{
	static const char *const names[] = {"since", NULL};
	const struct admin_context *context = request->context;
	struct admin_text text = ADMIN_TEXT_EMPTY;
	size_t len = 0;
	uint32_t since = 0;
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "since", 0, UINT32_MAX, &since)) {
		return;
	}
	/* A number of another run, of which nothing is known here: all that there is. */
	uint32_t from = since > admin_history_count(context->history) ? 0 : since;
	admin_history_write(&text, context->history, context->node->worker_count, from,
		clock_boot_ms() - context->started_boot_ms, admin_context_run(context));
	char *data = admin_text_take(&text, &len);
	admin_answer_data(&request->answer, "application/json", data, len);
}
