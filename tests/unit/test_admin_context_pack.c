#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/context_pack.h"
#include "../../server/admin/history.h"
#include "../../server/admin/sample.h"
#include "../../server/node/serving.h"

enum {
	WORKERS = 2,
};

/* What the admin port of one process stands on; nothing of it runs. */
struct side {
	struct config config;
	struct node node;
	struct admin_context context;
};

static struct side giver;
static struct side taker;

static void begin(struct side *side)
{
	memset(side, 0, sizeof(*side));
	config_init(&side->config);
	assert_int_equal(node_init(&side->node, WORKERS, SERVING_MAIL_FANOUT), 0);
	assert_int_equal(node_make_tables(&side->node, 16, 1, NULL), 0);
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(worker_create(&side->node, (uint8_t)i, &side->config,
					 &side->node.workers[i]),
			0);
	}
	side->context.node = &side->node;
	side->context.history = admin_history_create(WORKERS);
	assert_non_null(side->context.history);
}

static void end(struct side *side)
{
	admin_history_destroy(&side->context.history);
	for (uint32_t i = 0; i < WORKERS; i++) {
		worker_destroy(&side->node.workers[i]);
	}
	node_finish(&side->node);
}

static int setup(void **state)
{
	user_table_thread_begin();
	begin(&giver);
	begin(&taker);
	return 0;
}

static int teardown(void **state)
{
	end(&giver);
	end(&taker);
	user_table_thread_end();
	return 0;
}

static void look(struct side *side, uint64_t at_ms, uint64_t logins)
{
	static struct admin_sample sample;
	const uint64_t busy_us[WORKERS] = {
		stats_read(&worker_stats(side->node.workers[0])->turn_us.sum),
		stats_read(&worker_stats(side->node.workers[1])->turn_us.sum),
	};
	sample.logins = logins;
	admin_history_add(side->context.history, at_ms, &sample, busy_us);
}

static void fill_in(struct admin_context *context)
{
	context->started_ms = 1000;
	context->started_boot_ms = 2000;
	context->started_at = (struct timespec){.tv_sec = 1700000000, .tv_nsec = 999999999};
	context->resident_at_start = 3 << 20;
	context->record_ms = 4000;
	context->rate = (struct admin_rate){.at_ms = 5000, .credit = 6000, .has_started = true};
}

static void test_it_is_the_same_run(void **state)
{
	struct pack pack = PACK_EMPTY;
	fill_in(&giver.context);
	taker.context.clients = 7; /* its own */
	admin_context_pack(&giver.context, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(admin_context_unpack(&taker.context, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_int_equal(taker.context.started_ms, 1000);
	assert_int_equal(taker.context.started_boot_ms, 2000);
	assert_int_equal(admin_context_run(&taker.context), UINT64_C(1700000000) * 1000 + 999);
	assert_int_equal(taker.context.resident_at_start, 3 << 20);
	assert_int_equal(taker.context.record_ms, 4000);
	assert_int_equal(taker.context.rate.at_ms, 5000);
	assert_int_equal(taker.context.rate.credit, 6000);
	assert_true(taker.context.rate.has_started);
	assert_int_equal(taker.context.clients, 7);
	assert_ptr_equal(taker.context.node, &taker.node);
	pack_finish(&pack);
}

/* What the giver's workers have worked has come to the first one, and is no work of this moment. */
static void test_the_history_goes_on(void **state)
{
	struct stats *worked = (struct stats *)worker_stats(taker.node.workers[0]);
	struct pack pack = PACK_EMPTY;
	look(&giver, 0, 10);
	look(&giver, 1000, 15);
	admin_context_pack(&giver.context, &pack);
	stats_note(&worked->turn_us, 5000000, 1);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(admin_context_unpack(&taker.context, &unpack), 0);
	stats_note(&worked->turn_us, 300000, 1);
	look(&taker, 2000, 18);
	const struct admin_history *history = taker.context.history;
	assert_int_equal(admin_history_count(history), 2);
	assert_int_equal(admin_history_moment(history, 0)->series[ADMIN_SERIES_logins], 5);
	assert_int_equal(admin_history_moment(history, 1)->series[ADMIN_SERIES_logins], 3);
	assert_int_equal(admin_history_busy(history, 1, 0), 300);
	pack_finish(&pack);
}

static void test_half_of_it_changes_nothing(void **state)
{
	struct pack pack = PACK_EMPTY;
	const struct admin_history *history = taker.context.history;
	fill_in(&giver.context);
	look(&giver, 0, 10);
	look(&giver, 1000, 15);
	admin_context_pack(&giver.context, &pack);
	for (size_t len = 0; len < pack.len; len += len < 100 ? 1 : 211) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(admin_context_unpack(&taker.context, &unpack), -EINVAL);
		assert_int_equal(taker.context.started_ms, 0);
		assert_ptr_equal(taker.context.history, history);
	}
	pack_finish(&pack);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_the_same_run),
		TEST(test_the_history_goes_on),
		TEST(test_half_of_it_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
