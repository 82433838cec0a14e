#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/metrics.h"

/* --- buckets -----------------------------------------------------------------------------------
 */

static void test_buckets(void **state)
{
	for (unsigned i = 0; i < STATS_BOUNDS; i++) {
		uint64_t bound = UINT64_C(1) << i;
		assert_int_equal(stats_bucket(bound), i);
		assert_int_equal(stats_bucket(bound + 1), i + 1);
	}
	assert_int_equal(stats_bucket(0), 0);
	assert_int_equal(stats_bucket(UINT64_MAX), STATS_BOUNDS);
}

static void test_notes(void **state)
{
	struct stats_histogram histogram = {.sum = 0};
	stats_note(&histogram, 5, 3);
	stats_note(&histogram, 8, 1);
	stats_note(&histogram, 7, 0);
	assert_int_equal(stats_read(&histogram.sum), 23);
	assert_int_equal(stats_read(&histogram.counts[3]), 4);
}

/* --- text --------------------------------------------------------------------------------------
 */

static void test_a_text_grows(void **state)
{
	struct admin_text text = ADMIN_TEXT_EMPTY;
	char expected[20001] = "";
	size_t len;
	for (int i = 0; i < 2000; i++) {
		admin_text_add(&text, "%010d", i);
		snprintf(expected + (size_t)i * 10, 11, "%010d", i);
	}
	char *data = admin_text_take(&text, &len);
	assert_int_equal(len, 20000);
	assert_string_equal(data, expected);
	assert_null(text.data);
	free(data);
	/* One piece larger than all before it. */
	admin_text_add(&text, "%s%s", expected, "end");
	assert_int_equal(text.len, 20003);
	admin_text_finish(&text);
}

/* --- metrics -----------------------------------------------------------------------------------
 */

static char *render(const struct admin_sample *sample)
{
	struct node node = {.worker_count = 1};
	struct admin_context context = {.node = &node, .config.id = "a\"b\\c"};
	struct admin_text text = ADMIN_TEXT_EMPTY;
	size_t len;
	admin_metrics_write(&text, &context, sample);
	char *data = admin_text_take(&text, &len);
	assert_non_null(data);
	assert_int_equal(strlen(data), len);
	assert_int_equal(data[len - 1], '\n');
	return data;
}

static void expect_line(const char *data, const char *line)
{
	char wanted[256];
	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (!strstr(data, wanted)) {
		fail_msg("\"%s\" is missing", line);
	}
}

static void test_values_stand_where_they_belong(void **state)
{
	struct admin_sample sample = {
		.workers = 3,
		.connections = 11,
		.accepted = 12,
		.pings_packet = 13,
		.pings_protocol = 14,
		.ends[CLOSE_REASON_KICKED] = 15,
		.queue_bytes = UINT64_C(1) << 40,
		.process = {.cpu_seconds = 1.5, .open_files = 16},
		.resident_at_start = 18,
	};
	char *data = render(&sample);
	expect_line(data, "tidegate_connections 11");
	expect_line(data, "tidegate_connections_total 12");
	expect_line(data, "tidegate_pings_received_total{kind=\"packet\"} 13");
	expect_line(data, "tidegate_pings_received_total{kind=\"protocol\"} 14");
	expect_line(data, "tidegate_ends_total{reason=\"kicked\"} 15");
	expect_line(data, "tidegate_ends_total{reason=\"peer_eof\"} 0");
	expect_line(data, "tidegate_queue_bytes 1099511627776");
	expect_line(data, "process_cpu_seconds_total 1.500000");
	expect_line(data, "process_open_fds 16");
	expect_line(data, "tidegate_start_resident_memory_bytes 18");
	expect_line(data, "# TYPE tidegate_workers gauge");
	expect_line(data, "tidegate_workers 3");
	assert_non_null(strstr(data, "node=\"a\\\"b\\\\c\""));
	assert_null(strstr(data, "jemalloc_allocated"));
	free(data);
	sample.process.has_allocator = true;
	sample.process.allocated_bytes = 17;
	data = render(&sample);
	expect_line(data, "tidegate_jemalloc_allocated_bytes 17");
	free(data);
}

static void test_every_reason_has_its_row(void **state)
{
	struct admin_sample sample = {.connections = 0};
	char *data = render(&sample);
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		char line[128];
		snprintf(line, sizeof(line), "tidegate_ends_total{reason=\"%s\"} 0",
			close_reason_counter((enum close_reason)i));
		expect_line(data, line);
	}
	free(data);
}

/* Buckets hold all below their bound; times are told in seconds. */
static void test_histograms_add_up(void **state)
{
	struct admin_sample sample = {
		.turn_us = {.sum = 5000003, .count = 6},
		.fanout_receivers = {.sum = 40, .count = 2, .counts[4] = 1, .counts[5] = 1},
	};
	sample.turn_us.counts[0] = 3;
	sample.turn_us.counts[10] = 2;
	sample.turn_us.counts[STATS_BOUNDS] = 1;
	char *data = render(&sample);
	expect_line(data, "tidegate_turn_seconds_bucket{le=\"1e-06\"} 3");
	expect_line(data, "tidegate_turn_seconds_bucket{le=\"0.000512\"} 3");
	expect_line(data, "tidegate_turn_seconds_bucket{le=\"0.001024\"} 5");
	expect_line(data, "tidegate_turn_seconds_bucket{le=\"16.777216\"} 5");
	expect_line(data, "tidegate_turn_seconds_bucket{le=\"+Inf\"} 6");
	expect_line(data, "tidegate_turn_seconds_sum 5.000003");
	expect_line(data, "tidegate_turn_seconds_count 6");
	expect_line(data, "tidegate_fanout_receivers_bucket{le=\"16\"} 1");
	expect_line(data, "tidegate_fanout_receivers_bucket{le=\"32\"} 2");
	expect_line(data, "tidegate_fanout_receivers_sum 40");
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_a_text_grows),
		cmocka_unit_test(test_values_stand_where_they_belong),
		cmocka_unit_test(test_every_reason_has_its_row),
		cmocka_unit_test(test_histograms_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
