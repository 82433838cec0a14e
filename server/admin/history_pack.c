#include "history_pack.h"

#include <errno.h>
#include <string.h>

#include "../base/handle.h"
#include "history_inner.h"

enum {
	UNKNOWN = UINT16_MAX, /* a name that is not known here */
	NAMES_MAX = 1024,     /* more than anybody has */
};

/* --- names -------------------------------------------------------------------------------------
 */

static const char *const series_names[ADMIN_SERIES_COUNT] = {
#define WORKER(field, kind, metric, json, help) [ADMIN_SERIES_##field] = #field,
#define NODE(field, kind, metric, json, help)   [ADMIN_SERIES_##field] = #field,
#define MEMORY(kind, field, metric, json, help) [ADMIN_SERIES_##field] = #field,
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	[ADMIN_SERIES_##field##_p50] = #field "_p50", [ADMIN_SERIES_##field##_p99] = #field "_p99",
#include "../base/stats.def"
	[ADMIN_SERIES_rss] = "rss",
	[ADMIN_SERIES_memory_per_connection] = "memory_per_connection",
	[ADMIN_SERIES_cpu_us] = "cpu_us",
};

static const char *series_name(uint16_t number)
{
	return series_names[number];
}

static const char *end_name(uint16_t number)
{
	return close_reason_counter((enum close_reason)number);
}

/* What the giver's numbers are here.
 * Owner: a call. */
struct names {
	uint16_t count;
	uint16_t numbers[NAMES_MAX];
};

static void pack_names(uint16_t count, const char *(*name_of)(uint16_t number), struct pack *pack)
{
	pack_u16(pack, count);
	for (uint16_t i = 0; i < count; i++) {
		pack_slice(pack, slice_of(name_of(i)));
	}
}

static uint16_t find(uint16_t count, const char *(*name_of)(uint16_t number), struct slice name)
{
	for (uint16_t i = 0; i < count; i++) {
		if (slice_equals(name, slice_of(name_of(i)))) {
			return i;
		}
	}
	return UNKNOWN;
}

static void unpack_names(struct unpack *unpack, uint16_t count,
	const char *(*name_of)(uint16_t number), struct names *ret_names)
{
	ret_names->count = unpack_u16(unpack);
	if (ret_names->count > NAMES_MAX) {
		unpack_fail(unpack);
	}
	for (uint16_t i = 0; i < ret_names->count && !unpack->failed; i++) {
		ret_names->numbers[i] = find(count, name_of, unpack_slice(unpack));
	}
}

/* Reads a value for each of their names, and keeps those that are known here. */
static void unpack_values(struct unpack *unpack, const struct names *names, uint64_t *ret_values)
{
	for (uint16_t i = 0; i < names->count; i++) {
		const uint64_t value = unpack_u64(unpack);
		if (names->numbers[i] != UNKNOWN) {
			ret_values[names->numbers[i]] = value;
		}
	}
}

/* --- moments -----------------------------------------------------------------------------------
 */

static void pack_moment(const struct admin_history *history, uint32_t number, struct pack *pack)
{
	const struct admin_moment *moment = admin_history_moment(history, number);
	pack_u64(pack, moment->at_ms);
	pack_u64(pack, moment->interval_ms);
	for (int i = 0; i < ADMIN_SERIES_COUNT; i++) {
		pack_u64(pack, moment->series[i]);
	}
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		pack_u64(pack, moment->ends[i]);
	}
	for (uint32_t i = 0; i < history->worker_count; i++) {
		pack_u16(pack, (uint16_t)admin_history_busy(history, number, i));
	}
}

/* All that comes in bytes of one of the giver's histories.
 * Owner: a call. */
struct reading {
	struct unpack *unpack;
	uint32_t worker_count; /* of the giver */
	struct names series;
	struct names ends;
};

static void unpack_moment(
	const struct reading *reading, struct admin_history *history, uint32_t number)
{
	struct unpack *unpack = reading->unpack;
	const uint32_t slot = number % ADMIN_HISTORY_MOMENTS;
	struct admin_moment *moment = &history->moments[slot];
	uint16_t *busy = history->busy + (size_t)slot * history->worker_count;
	uint64_t ends[CLOSE_REASON_COUNT] = {0};
	*moment = (struct admin_moment){.at_ms = unpack_u64(unpack)};
	moment->interval_ms = unpack_u64(unpack);
	unpack_values(unpack, &reading->series, moment->series);
	unpack_values(unpack, &reading->ends, ends);
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		moment->ends[i] = (uint32_t)ends[i];
	}
	memset(busy, 0, history->worker_count * sizeof(busy[0]));
	for (uint32_t i = 0; i < reading->worker_count; i++) {
		const uint16_t its = unpack_u16(unpack);
		if (i < history->worker_count) {
			busy[i] = its;
		}
	}
}

/* --- the last sample ---------------------------------------------------------------------------
 */

/* Where a sample has the figures that series are made of; NULL: they are made of something else. */
static void list_fields(struct admin_sample *sample, uint64_t *ret_fields[ADMIN_SERIES_COUNT])
{
	memset(ret_fields, 0, ADMIN_SERIES_COUNT * sizeof(ret_fields[0]));
#define LIST(field)                             ret_fields[ADMIN_SERIES_##field] = &sample->field;
#define WORKER(field, kind, metric, json, help) LIST(field)
#define NODE(field, kind, metric, json, help)   LIST(field)
#define MEMORY(kind, field, metric, json, help) LIST(field)
#include "../base/stats.def"
}

static void pack_histogram(const struct admin_histogram *histogram, struct pack *pack)
{
	pack_u64(pack, histogram->sum);
	pack_u64(pack, histogram->count);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		pack_u64(pack, histogram->counts[i]);
	}
}

static void unpack_histogram(struct unpack *unpack, struct admin_histogram *ret_histogram)
{
	ret_histogram->sum = unpack_u64(unpack);
	ret_histogram->count = unpack_u64(unpack);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		ret_histogram->counts[i] = unpack_u64(unpack);
	}
}

static void pack_sample(const struct admin_sample *sample, struct pack *pack)
{
	uint64_t *fields[ADMIN_SERIES_COUNT];
	list_fields((struct admin_sample *)sample, fields); /* they are only read */
	for (int i = 0; i < ADMIN_SERIES_COUNT; i++) {
		pack_u64(pack, fields[i] ? *fields[i] : 0);
	}
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		pack_u64(pack, sample->ends[i]);
	}
#define HISTOGRAM(field, metric, json, unit, help) pack_histogram(&sample->field, pack);
#include "../base/stats.def"
}

/* What the process has used is this one's own: it begins with nothing. */
static void unpack_sample(const struct reading *reading, struct admin_sample *ret_sample)
{
	uint64_t *fields[ADMIN_SERIES_COUNT];
	uint64_t values[ADMIN_SERIES_COUNT] = {0};
	memset(ret_sample, 0, sizeof(*ret_sample));
	list_fields(ret_sample, fields);
	unpack_values(reading->unpack, &reading->series, values);
	for (int i = 0; i < ADMIN_SERIES_COUNT; i++) {
		if (fields[i]) {
			*fields[i] = values[i];
		}
	}
	unpack_values(reading->unpack, &reading->ends, ret_sample->ends);
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	unpack_histogram(reading->unpack, &ret_sample->field);
#include "../base/stats.def"
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void admin_history_pack(const struct admin_history *history, struct pack *pack)
{
	pack_names(ADMIN_SERIES_COUNT, series_name, pack);
	pack_names(CLOSE_REASON_COUNT, end_name, pack);
	pack_u32(pack, history->worker_count);
	pack_u32(pack, history->count);
	for (uint32_t number = admin_history_first(history); number < history->count; number++) {
		pack_moment(history, number, pack);
	}
	pack_u8(pack, history->has_before);
	if (history->has_before) {
		pack_u64(pack, history->before_ms);
		pack_sample(&history->before, pack);
	}
}

static void unpack_all(struct reading *reading, struct admin_history *history)
{
	struct unpack *unpack = reading->unpack;
	unpack_names(unpack, ADMIN_SERIES_COUNT, series_name, &reading->series);
	unpack_names(unpack, CLOSE_REASON_COUNT, end_name, &reading->ends);
	reading->worker_count = unpack_u32(unpack);
	history->count = unpack_u32(unpack);
	if (reading->worker_count > HANDLE_WORKERS_MAX) {
		unpack_fail(unpack);
	}
	for (uint32_t number = admin_history_first(history);
		number < history->count && !unpack->failed; number++) {
		unpack_moment(reading, history, number);
	}
	history->has_before = unpack_bool(unpack);
	if (history->has_before) {
		history->before_ms = unpack_u64(unpack);
		unpack_sample(reading, &history->before);
	}
}

int admin_history_unpack(struct unpack *unpack, uint32_t worker_count, const uint64_t *busy_us,
	struct admin_history **ret_history)
{
	struct reading reading = {.unpack = unpack};
	struct admin_history *history = admin_history_create(worker_count);
	if (!history) {
		return -ENOMEM;
	}
	unpack_all(&reading, history);
	if (unpack->failed) {
		admin_history_destroy(&history);
		return -EINVAL;
	}
	memcpy(history->busy_us, busy_us, worker_count * sizeof(busy_us[0]));
	*ret_history = history;
	return 0;
}
