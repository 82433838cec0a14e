#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "history_inner.h"
#include "quantile.h"

enum {
	BUSY_WHOLE = 1000,
};

/* --- what is kept ------------------------------------------------------------------------------
 */

#define KIND_OF_COUNTER ADMIN_SERIES_GROWTH
#define KIND_OF_GAUGE   ADMIN_SERIES_LEVEL
#define ROW(field, name, kind)                                                                     \
	[ADMIN_SERIES_##field] = {name, (name) ? (kind) : ADMIN_SERIES_HIDDEN},

const struct admin_series_row admin_series_rows[ADMIN_SERIES_COUNT] = {
#define WORKER(field, kind, metric, json, help) ROW(field, json, KIND_OF_##kind)
#define NODE(field, kind, metric, json, help)   ROW(field, json, KIND_OF_##kind)
#define MEMORY(kind, field, metric, json, help) ROW(field, json, ADMIN_SERIES_LEVEL)
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	ROW(field##_p50, json "_p50", ADMIN_SERIES_LEVEL)                                          \
	ROW(field##_p99, json "_p99", ADMIN_SERIES_LEVEL)
#include "../base/stats.def"
	ROW(rss, "rss", ADMIN_SERIES_LEVEL) ROW(memory_per_connection, "memory_per_connection",
		ADMIN_SERIES_LEVEL) ROW(cpu_us, "cpu_us", ADMIN_SERIES_GROWTH)};

/* --- moments -----------------------------------------------------------------------------------
 */

/* What is made of others may stand still for a moment when they are not read all at once. */
static uint64_t growth(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static uint64_t value_of(enum admin_series_kind kind, uint64_t before, uint64_t now)
{
	return kind == ADMIN_SERIES_GROWTH ? growth(before, now) : now;
}

static uint64_t cpu_us(const struct admin_sample *sample)
{
	return (uint64_t)(sample->process.cpu_seconds * 1e6);
}

static void fill_in(struct admin_moment *moment, const struct admin_sample *before,
	const struct admin_sample *now)
{
	uint64_t *series = moment->series;
#define SET(field, kind)                        series[ADMIN_SERIES_##field] = value_of(kind, before->field, now->field);
#define WORKER(field, kind, metric, json, help) SET(field, KIND_OF_##kind)
#define NODE(field, kind, metric, json, help)   SET(field, KIND_OF_##kind)
#define MEMORY(kind, field, metric, json, help) SET(field, ADMIN_SERIES_LEVEL)
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	series[ADMIN_SERIES_##field##_p50] = admin_quantile(&before->field, &now->field, 0.5);     \
	series[ADMIN_SERIES_##field##_p99] = admin_quantile(&before->field, &now->field, 0.99);
#include "../base/stats.def"
	series[ADMIN_SERIES_rss] = now->process.resident_bytes;
	series[ADMIN_SERIES_memory_per_connection] = now->memory_per_connection;
	series[ADMIN_SERIES_cpu_us] = growth(cpu_us(before), cpu_us(now));
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		moment->ends[i] = (uint32_t)growth(before->ends[i], now->ends[i]);
	}
}

static void add_busy(
	struct admin_history *history, uint32_t slot, uint64_t interval_ms, const uint64_t *busy_us)
{
	uint16_t *busy = history->busy + (size_t)slot * history->worker_count;
	for (uint32_t i = 0; i < history->worker_count; i++) {
		/* us for each ms are thousandths. A turn counts when it is over, all of it. */
		uint64_t share = growth(history->busy_us[i], busy_us[i]) / interval_ms;
		busy[i] = share < BUSY_WHOLE ? (uint16_t)share : BUSY_WHOLE;
	}
}

void admin_history_add(struct admin_history *history, uint64_t at_ms,
	const struct admin_sample *sample, const uint64_t *busy_us)
{
	if (history->has_before && at_ms > history->before_ms) {
		uint32_t slot = history->count % ADMIN_HISTORY_MOMENTS;
		struct admin_moment *moment = &history->moments[slot];
		moment->at_ms = at_ms;
		moment->interval_ms = at_ms - history->before_ms;
		fill_in(moment, &history->before, sample);
		add_busy(history, slot, moment->interval_ms, busy_us);
		history->count++;
	}
	history->has_before = true;
	history->before_ms = at_ms;
	history->before = *sample;
	memcpy(history->busy_us, busy_us, history->worker_count * sizeof(busy_us[0]));
}

/* --- looking -----------------------------------------------------------------------------------
 */

uint32_t admin_history_count(const struct admin_history *history)
{
	return history->count;
}

uint32_t admin_history_first(const struct admin_history *history)
{
	return history->count > ADMIN_HISTORY_MOMENTS ? history->count - ADMIN_HISTORY_MOMENTS : 0;
}

static uint32_t slot_of(const struct admin_history *history, uint32_t number)
{
	ASSERT(number >= admin_history_first(history) && number < history->count);
	return number % ADMIN_HISTORY_MOMENTS;
}

const struct admin_moment *admin_history_moment(
	const struct admin_history *history, uint32_t number)
{
	return &history->moments[slot_of(history, number)];
}

unsigned admin_history_busy(const struct admin_history *history, uint32_t number, uint32_t worker)
{
	return history->busy[(size_t)slot_of(history, number) * history->worker_count + worker];
}

/* --- life --------------------------------------------------------------------------------------
 */

struct admin_history *admin_history_create(uint32_t worker_count)
{
	struct admin_history *history = malloc(sizeof(*history));
	if (!history) {
		return NULL;
	}
	size_t busy_size = (size_t)worker_count * ADMIN_HISTORY_MOMENTS * sizeof(uint16_t);
	/* Whatever it holds: what is touched now does not grow in resident memory later, where it
	 * would be taken for what connections cost. */
	memset(history, UINT8_MAX, sizeof(*history));
	history->worker_count = worker_count;
	history->count = 0;
	history->has_before = false;
	history->busy_us = calloc(worker_count, sizeof(history->busy_us[0]));
	history->busy = malloc(busy_size);
	if (!history->busy_us || !history->busy) {
		admin_history_destroy(&history);
		return NULL;
	}
	memset(history->busy, UINT8_MAX, busy_size);
	return history;
}

void admin_history_destroy(struct admin_history **history)
{
	struct admin_history *given = *history;
	if (!given) {
		return;
	}
	*history = NULL;
	free(given->busy_us);
	free(given->busy);
	free(given);
}
