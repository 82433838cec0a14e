#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../server/admin/history.h"
#include "../../server/admin/history_answer.h"
#include "../../server/admin/quantile.h"

enum {
	WORKERS = 2,
	STARTED_MS = 1700000000,
};

/* A gateway that counts, and its clock. */
struct rig {
	struct admin_history *history;
	struct admin_sample sample;
	uint64_t busy_us[WORKERS];
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	rig->history = admin_history_create(WORKERS);
	*state = rig;
	return rig->history ? 0 : -1;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	admin_history_destroy(&rig->history);
	assert_null(rig->history);
	free(rig);
	return 0;
}

static void look(struct rig *rig, uint64_t at_ms)
{
	rig->now_ms = at_ms;
	admin_history_add(rig->history, at_ms, &rig->sample, rig->busy_us);
}

static const struct admin_moment *last(const struct rig *rig)
{
	return admin_history_moment(rig->history, admin_history_count(rig->history) - 1);
}

static json_t *told(const struct rig *rig, uint32_t from)
{
	struct admin_text text = ADMIN_TEXT_EMPTY;
	size_t len;
	json_error_t error;
	admin_history_write(&text, rig->history, WORKERS, from, rig->now_ms, STARTED_MS);
	char *data = admin_text_take(&text, &len);
	json_t *json = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		fail_msg("%s in %s", error.text, data);
	}
	free(data);
	return json;
}

/* A list of the answer, as text. */
static void expect_list(json_t *json, const char *group, const char *name, const char *expected)
{
	json_t *list = group ? json_object_get(json_object_get(json, group), name)
			     : json_object_get(json, name);
	assert_non_null(list);
	char *text = json_dumps(list, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
}

static void test_the_first_look_is_no_moment(void **state)
{
	struct rig *rig = *state;
	json_t *json = told(rig, 0);
	expect_list(json, NULL, "at_ms", "[]");
	expect_list(json, "levels", "connections", "[]");
	json_decref(json);
	rig->sample.logins = 50;
	look(rig, 0);
	assert_int_equal(admin_history_count(rig->history), 0);
	rig->sample.logins = 53;
	rig->sample.connections = 7;
	look(rig, 1000);
	assert_int_equal(admin_history_count(rig->history), 1);
	assert_int_equal(last(rig)->at_ms, 1000);
	assert_int_equal(last(rig)->interval_ms, 1000);
	assert_int_equal(last(rig)->series[ADMIN_SERIES_logins], 3);
	assert_int_equal(last(rig)->series[ADMIN_SERIES_connections], 7);
	/* Whoever asks twice within a millisecond makes no moment of no time. */
	look(rig, 1000);
	assert_int_equal(admin_history_count(rig->history), 1);
}

static void test_no_more_is_kept_than_there_is_room_for(void **state)
{
	struct rig *rig = *state;
	uint32_t total = 2 * ADMIN_HISTORY_MOMENTS + 100;
	for (uint32_t i = 0; i <= total; i++) {
		rig->sample.logins = (uint64_t)i * i;
		rig->sample.users = i;
		look(rig, i * UINT64_C(1000));
	}
	assert_int_equal(admin_history_count(rig->history), total);
	uint32_t first = admin_history_first(rig->history);
	assert_int_equal(first, total - ADMIN_HISTORY_MOMENTS);
	for (uint32_t number = first; number < total; number++) {
		const struct admin_moment *moment = admin_history_moment(rig->history, number);
		assert_int_equal(moment->at_ms, (number + 1) * UINT64_C(1000));
		assert_int_equal(moment->series[ADMIN_SERIES_users], number + 1);
		assert_int_equal(moment->series[ADMIN_SERIES_logins], 2 * number + 1);
	}
	json_t *json = told(rig, 0);
	assert_int_equal(json_array_size(json_object_get(json, "at_ms")), ADMIN_HISTORY_MOMENTS);
	json_decref(json);
	json = told(rig, total - 2);
	expect_list(json, NULL, "at_ms", "[1899000,1900000]");
	json_decref(json);
	json = told(rig, total);
	expect_list(json, NULL, "at_ms", "[]");
	expect_list(json, NULL, "busy", "[[],[]]");
	assert_int_equal(json_integer_value(json_object_get(json, "count")), total);
	json_decref(json);
}

/* The thread was held up, or the machine slept: what grew meanwhile is not put into one second. */
static void test_a_gap_is_told(void **state)
{
	struct rig *rig = *state;
	look(rig, 0);
	look(rig, 1000);
	rig->sample.messages_in = 80;
	rig->busy_us[1] = 4000000;
	look(rig, 9000);
	json_t *json = told(rig, 0);
	expect_list(json, NULL, "at_ms", "[1000,9000]");
	expect_list(json, NULL, "interval_ms", "[1000,8000]");
	expect_list(json, "growth", "messages_in", "[0,80]");
	json_t *busy = json_array_get(json_object_get(json, "busy"), 1);
	assert_true(json_real_value(json_array_get(busy, 1)) == 0.5);
	json_decref(json);
}

static void test_each_figure_has_its_list(void **state)
{
	struct rig *rig = *state;
	look(rig, 0);
	rig->sample.memory_queues = 11;
	rig->sample.slow_readers = 12;
	rig->sample.accept_refused = 13;
	rig->sample.bytes_out = UINT64_C(1) << 40;
	rig->sample.ends[CLOSE_REASON_KICKED] = 14;
	rig->sample.process.resident_bytes = 15;
	rig->sample.process.cpu_seconds = 0.25;
	rig->sample.memory_per_connection = ADMIN_SAMPLE_UNKNOWN;
	rig->sample.turn_us.counts[5] = 100;
	rig->busy_us[0] = 123456;
	rig->busy_us[1] = 5000000; /* a turn that was five seconds long, over now */
	look(rig, 1000);
	rig->sample.memory_per_connection = 220;
	look(rig, 2000);
	json_t *json = told(rig, 0);
	expect_list(json, "levels", "memory_queues", "[11,11]");
	expect_list(json, "growth", "slow_readers_cut", "[12,0]");
	expect_list(json, "growth", "accept_refused", "[13,0]");
	expect_list(json, "growth", "bytes_out", "[1099511627776,0]");
	expect_list(json, "growth", "cpu_us", "[250000,0]");
	expect_list(json, "levels", "rss", "[15,15]");
	expect_list(json, "levels", "memory_per_connection", "[null,220]");
	expect_list(json, "levels", "turn_us_p50", "[25,null]");
	expect_list(json, "levels", "turn_us_p99", "[32,null]");
	expect_list(json, "levels", "fanout_receivers_p99", "[null,null]");
	expect_list(json, "ends", "kicked", "[14,0]");
	assert_int_equal(json_object_size(json_object_get(json, "ends")), 1);
	json_t *busy = json_object_get(json, "busy");
	assert_true(json_real_value(json_array_get(json_array_get(busy, 0), 0)) == 0.123);
	assert_true(json_real_value(json_array_get(json_array_get(busy, 1), 0)) == 1.0);
	json_decref(json);
}

static void test_quantiles(void **state)
{
	(void)state;
	static const struct admin_histogram none;
	struct admin_histogram some = {.counts[3] = 99, .counts[10] = 1};
	assert_int_equal(admin_quantile(&none, &none, 0.5), ADMIN_SAMPLE_UNKNOWN);
	assert_int_equal(admin_quantile(&some, &some, 0.5), ADMIN_SAMPLE_UNKNOWN);
	assert_in_range(admin_quantile(&none, &some, 0.5), 5, 7);
	assert_int_equal(admin_quantile(&none, &some, 0.99), 8);
	assert_int_equal(admin_quantile(&none, &some, 1), 1024);
	struct admin_histogram more = some;
	more.counts[STATS_BOUNDS] = 5;
	assert_int_equal(admin_quantile(&some, &more, 0.5), UINT64_C(1) << (STATS_BOUNDS - 1));
	struct admin_histogram small = {.counts[0] = 10};
	assert_int_equal(admin_quantile(&none, &small, 0.5), 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_look_is_no_moment),
		TEST(test_no_more_is_kept_than_there_is_room_for),
		TEST(test_a_gap_is_told),
		TEST(test_each_figure_has_its_list),
		TEST(test_quantiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
