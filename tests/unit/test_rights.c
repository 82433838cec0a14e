#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/session/identity/rights.h"

static struct rights_table *table;

static int set_up(void **state)
{
	return rights_table_create(&table);
}

static int tear_down(void **state)
{
	assert_int_equal(rights_table_count(table), 0);
	rights_table_destroy(&table);
	assert_null(table);
	rights_table_destroy(&table);
	return 0;
}

static int read_text(const char *text, struct rights **ret_rights)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!json) {
		fail_msg("no JSON: %s", text);
	}
	int err = rights_read(table, json, ret_rights);
	json_decref(json);
	return err;
}

static struct rights *read_good(const char *text)
{
	struct rights *rights = NULL;
	if (read_text(text, &rights) != 0) {
		fail_msg("refused: %s", text);
	}
	return rights;
}

static bool may_say(const struct rights *rights, const char *written)
{
	const struct audience audience = audience_of(slice_of(written));
	return rights_may_say(rights, &audience);
}

/* --- what they allow ---------------------------------------------------------------------------
 */

static void test_nothing_is_allowed_by_an_empty_set(void **state)
{
	struct rights *rights = read_good("{}");
	assert_false(may_say(rights, ""));
	assert_false(may_say(rights, "@bob"));
	assert_false(may_say(rights, "#lobby"));
	assert_false(rights_may_join(rights, SLICE("lobby")));
	assert_false(rights_may_request(rights));
	assert_false(rights_may_broadcast(rights));
	rights_unref(&rights);
	assert_null(rights);
}

static void test_without_a_token_all_is_allowed(void **state)
{
	assert_true(may_say(NULL, ""));
	assert_true(may_say(NULL, "@bob"));
	assert_true(rights_may_join(NULL, SLICE("lobby")));
	assert_true(rights_may_request(NULL));
	assert_true(rights_may_broadcast(NULL));
	assert_null(rights_ref(NULL));
}

static void test_what_a_token_without_tg_allows(void **state)
{
	struct rights *rights = rights_ref(rights_default());
	assert_true(may_say(rights, "@bob"));
	assert_true(may_say(rights, "#lobby"));
	assert_false(may_say(rights, ""));
	assert_true(rights_may_join(rights, SLICE("lobby")));
	assert_true(rights_may_request(rights));
	assert_false(rights_may_broadcast(rights));
	rights_unref(&rights);
	assert_non_null(rights_default());
	assert_int_equal(rights_table_count(table), 0);
}

static void test_patterns(void **state)
{
	struct rights *rights = read_good(
		"{\"say\":[\"@bob\",\"@team-*\",\"#*\"],\"join\":[\"lobby\",\"team-*\",\"a*b\"],"
		"\"all\":true,\"request\":true,\"later\":7}");
	assert_true(may_say(rights, "@bob"));
	assert_false(may_say(rights, "@bobo"));
	assert_false(may_say(rights, "@bo"));
	assert_true(may_say(rights, "@team-"));
	assert_true(may_say(rights, "@team-x"));
	assert_false(may_say(rights, "@team"));
	assert_true(may_say(rights, "#anything"));
	assert_true(may_say(rights, ""));
	assert_true(rights_may_join(rights, SLICE("lobby")));
	assert_false(rights_may_join(rights, SLICE("lobby2")));
	assert_true(rights_may_join(rights, SLICE("team-1")));
	assert_false(rights_may_join(rights, SLICE("tea")));
	assert_true(rights_may_request(rights));
	assert_true(rights_may_broadcast(rights));
	/* A star is special at the end only. */
	assert_true(rights_may_join(rights, SLICE("a*b")));
	assert_false(rights_may_join(rights, SLICE("axb")));
	/* An audience that is none is nobody's right. */
	assert_false(may_say(rights, "bob"));
	assert_false(may_say(rights, "@"));
	rights_unref(&rights);
}

/* The mark belongs to the pattern: who may speak to a room may not to a user of its name. */
static void test_users_and_rooms_are_apart(void **state)
{
	struct rights *rights = read_good("{\"say\":[\"#x*\"],\"join\":[]}");
	assert_true(may_say(rights, "#xy"));
	assert_false(may_say(rights, "@xy"));
	assert_false(rights_may_join(rights, SLICE("xy")));
	rights_unref(&rights);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void test_what_is_no_set(void **state)
{
	static const char *const bad[] = {
		"[]",
		"7",
		"null",
		"\"all\"",
		"true",
		"{\"say\":\"@bob\"}",
		"{\"say\":null}",
		"{\"say\":{}}",
		"{\"say\":[7]}",
		"{\"say\":[null]}",
		"{\"say\":[[\"@bob\"]]}",
		"{\"say\":[\"\"]}",
		"{\"say\":[\"bob\"]}",
		"{\"say\":[\"*\"]}",
		"{\"say\":[\"@\"]}",
		"{\"say\":[\"#\"]}",
		"{\"say\":[\"@ bob\"]}",
		"{\"say\":[\"@bob \"]}",
		"{\"say\":[\"@a\\u0001*\"]}",
		"{\"say\":[\"@a -- FROM b\"]}",
		"{\"say\":[\"@a-- FROM *\"]}",
		"{\"join\":[\"\"]}",
		"{\"join\":[\" *\"]}",
		"{\"join\":\"*\"}",
		"{\"all\":1}",
		"{\"all\":\"true\"}",
		"{\"all\":null}",
		"{\"request\":0}",
		"{\"request\":[]}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rights *rights = NULL;
		if (read_text(bad[i], &rights) != -EINVAL) {
			fail_msg("taken: %s", bad[i]);
		}
		assert_null(rights);
	}
}

/* A set with so many patterns of so many bytes each, in turns of `say` and `join`. */
static int read_many(size_t count, size_t len, struct rights **ret_rights)
{
	json_t *say = json_array();
	json_t *join = json_array();
	for (size_t i = 0; i < count; i++) {
		char pattern[128];
		snprintf(pattern, sizeof(pattern), "@%0*zu", (int)len - 1, i);
		json_array_append_new(i % 2 ? join : say, json_string(pattern));
	}
	json_t *tg = json_pack("{s:o, s:o}", "say", say, "join", join);
	int err = rights_read(table, tg, ret_rights);
	json_decref(tg);
	return err;
}

static void test_limits(void **state)
{
	struct rights *rights = NULL;
	assert_int_equal(read_many(32, 32, &rights), 0);
	assert_true(rights_may_join(rights, SLICE("@0000000000000000000000000000031")));
	rights_unref(&rights);
	assert_int_equal(read_many(33, 4, &rights), -EINVAL);
	assert_int_equal(read_many(32, 33, &rights), -EINVAL);
	assert_int_equal(read_many(1, 65, &rights), 0);
	rights_unref(&rights);
	assert_int_equal(read_many(1, 66, &rights), -EINVAL);
	/* The longest name that a pattern with a star can begin. */
	char text[128];
	snprintf(text, sizeof(text), "{\"join\":[\"%063d*\"]}", 0);
	rights = read_good(text);
	rights_unref(&rights);
	snprintf(text, sizeof(text), "{\"join\":[\"%064d*\"]}", 0);
	assert_int_equal(read_text(text, &rights), -EINVAL);
}

/* --- equal sets --------------------------------------------------------------------------------
 */

static void test_equal_sets_are_one(void **state)
{
	struct rights *one = read_good("{\"say\":[\"@a\",\"@b\",\"#c*\"],\"join\":[\"x\",\"y\"]}");
	struct rights *same = read_good(
		"{\"join\":[\"y\",\"x\",\"y\"],\"all\":false,\"say\":[\"#c*\",\"@b\",\"@a\"],\"z\":1}");
	assert_ptr_equal(one, same);
	assert_int_equal(rights_table_count(table), 1);
	static const char *const others[] = {
		"{\"say\":[\"@a\",\"@b\"],\"join\":[\"x\",\"y\"]}",
		"{\"say\":[\"@a\",\"@b\",\"#c\"],\"join\":[\"x\",\"y\"]}",
		"{\"say\":[\"@a\",\"@b\",\"#c*\"],\"join\":[\"x\",\"y\"],\"all\":true}",
		"{\"say\":[\"@a\",\"@b\",\"#c*\"],\"join\":[\"x\",\"y\"],\"request\":true}",
		"{\"say\":[\"@a\",\"@b\",\"#c*\"],\"join\":[\"x\"]}",
		/* The same bytes, parted elsewhere. */
		"{\"say\":[\"@a\",\"@b\"],\"join\":[\"#c*\",\"x\",\"y\"]}",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct rights *other = read_good(others[i]);
		assert_ptr_not_equal(other, one);
		assert_int_equal(rights_table_count(table), 2);
		rights_unref(&other);
	}
	rights_unref(&one);
	assert_true(may_say(same, "@a"));
	assert_int_equal(rights_table_count(table), 1);
	rights_unref(&same);
}

static void test_many_sets(void **state)
{
	enum {
		COUNT = 5000,
	};
	static struct rights *kept[COUNT];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			char text[64];
			snprintf(text, sizeof(text), "{\"join\":[\"%d\"]}", i);
			struct rights *rights = read_good(text);
			assert_true(round == 0 || rights == kept[i]);
			kept[i] = rights;
		}
		assert_int_equal(rights_table_count(table), COUNT);
	}
	for (int i = 0; i < COUNT; i++) {
		struct rights *again = kept[i];
		rights_unref(&kept[i]);
		rights_unref(&again);
	}
}

enum {
	THREADS = 4,
	ROUNDS = 3000,
	SETS = 3,
};

/* All take and give back the same few sets: none is found that is being freed, none is lost. */
static void *take_and_give_back(void *context)
{
	for (int i = 0; i < ROUNDS; i++) {
		char text[64];
		struct rights *rights;
		snprintf(text, sizeof(text), "{\"join\":[\"%d\"]}", i % SETS);
		json_t *tg = json_loads(text, 0, NULL);
		int err = rights_read(table, tg, &rights);
		json_decref(tg);
		if (err) {
			return "not read";
		}
		struct rights *another = rights_ref(rights);
		const char name = (char)('0' + i % SETS);
		if (!rights_may_join(another, (struct slice){&name, 1})) {
			return "not allowed";
		}
		rights_unref(&rights);
		rights_unref(&another);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give_back, NULL), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		pthread_join(threads[i], &fault);
		assert_null(fault);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_nothing_is_allowed_by_an_empty_set, set_up, tear_down),
		cmocka_unit_test(test_without_a_token_all_is_allowed),
		cmocka_unit_test_setup_teardown(
			test_what_a_token_without_tg_allows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_patterns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_users_and_rooms_are_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_equal_sets_are_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_sets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
