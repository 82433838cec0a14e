#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/handle.h"
#include "../../server/limits.h"

static const struct limits_supply supply = {.files = 20000, .files_taken = 40, .memory = 1 << 30};

static struct limits share(uint64_t max_connections, struct limits_supply given, uint32_t workers)
{
	struct config config;
	config_init(&config);
	config.max_connections = max_connections;
	return limits_share(&config, &given, workers);
}

static void test_what_the_files_allow(void **state)
{
	struct limits limits = share(0, supply, 2);
	assert_int_equal(limits.refusals, 256);
	assert_int_equal(limits.connections, 20000 - 40 - 256);
	limits = share(0, (struct limits_supply){.files = 104, .files_taken = 40}, 2);
	assert_int_equal(limits.refusals, 4);
	assert_int_equal(limits.connections, 60);
}

/* Whatever is left is for connections, before anybody may stay to be refused. */
static void test_few_files(void **state)
{
	for (uint64_t room = 1; room < 40; room++) {
		struct limits_supply few = {.files = 40 + room, .files_taken = 40};
		struct limits limits = share(0, few, 2);
		assert_true(limits.connections >= 1);
		assert_int_equal(limits.connections + limits.refusals, room);
		assert_int_equal(share(1, few, 2).connections, 1);
	}
}

static void test_no_files(void **state)
{
	struct limits_supply none = {.files = 40, .files_taken = 40};
	char text[LIMITS_TEXT_MAX];
	assert_int_equal(share(0, none, 2).connections, 0);
	assert_int_equal(share(9, none, 2).connections, 0);
	limits_explain_files(&none, text);
	assert_non_null(strstr(text, "file limit of 40"));
	assert_non_null(strstr(text, "raise it to 41"));
	none.files = 20;
	assert_int_equal(share(9, none, 2).connections, 0);
	assert_int_equal(share(9, none, 2).refusals, 0);
	none.files = 41;
	assert_int_equal(share(9, none, 2).connections, 1);
}

static void test_what_is_asked_for(void **state)
{
	assert_int_equal(share(5, supply, 2).connections, 5);
	assert_int_equal(share(5, supply, 2).refusals, 256);
	assert_int_equal(share(19704, supply, 2).connections, 19704);
	assert_int_equal(share(19705, supply, 2).connections, 19704);
	assert_int_equal(share(1000000000, supply, 2).connections, 19704);
}

static void test_what_workers_can_number(void **state)
{
	const struct limits_supply all = {.files = UINT64_C(1) << 40};
	assert_int_equal(share(0, all, 1).connections, HANDLE_INDEX_MAX);
	assert_int_equal(share(1000000000, all, 3).connections, 3 * HANDLE_INDEX_MAX);
}

static void test_memory(void **state)
{
	struct config config;
	config_init(&config);
	config.memory_limit = 0;
	config.tx_queue_limit = 1 << 20;
	struct limits limits = limits_share(&config, &supply, 1);
	assert_int_equal(limits.memory, 1 << 30);
	assert_int_equal(limits.backlog, 1 << 19);
	assert_int_equal(limits.rooms, 1 << 28);
	config.memory_limit = 123456;
	config.tx_queue_limit = 1 << 30;
	limits = limits_share(&config, &supply, 1);
	assert_int_equal(limits.memory, 123456);
	assert_int_equal(limits.backlog, 123456 / 8);
	config.memory_limit = UINT64_C(1) << 40;
	assert_int_equal(limits_share(&config, &supply, 1).backlog, 4 << 20);
}

static void test_workers(void **state)
{
	struct config config;
	config_init(&config);
	config.workers = 0;
	assert_int_equal(limits_workers(&config, 6, UINT32_MAX), 6);
	assert_int_equal(limits_workers(&config, 6, 2), 2);
	assert_int_equal(limits_workers(&config, 1000, UINT32_MAX), HANDLE_WORKERS_MAX - 1);
	config.workers = 3;
	assert_int_equal(limits_workers(&config, 6, UINT32_MAX), 3);
	assert_int_equal(limits_workers(&config, 6, 2), 3); /* what is asked for is given */
}

static void test_admin_clients(void **state)
{
	assert_int_equal(limits_admin_clients(0), 4);
	assert_int_equal(limits_admin_clients(79), 4);
	assert_int_equal(limits_admin_clients(80), 5);
	assert_int_equal(limits_admin_clients(4096), 256);
	assert_int_equal(limits_admin_clients(UINT64_MAX), 256);
	assert_true(limits_files_taken(100) >= limits_files_taken(0) + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_files_allow),
		cmocka_unit_test(test_few_files),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_what_is_asked_for),
		cmocka_unit_test(test_what_workers_can_number),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_admin_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
