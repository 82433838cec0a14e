#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/repeats.h"

static struct repeats repeats;

static uint64_t key_of(char kind, const char *to, const char *id)
{
	return repeats_key(
		&repeats, kind, (struct slice){to, strlen(to)}, (struct slice){id, strlen(id)});
}

static void put(uint64_t key, uint32_t number, uint64_t now_ms)
{
	const struct repeat repeat = {.key = key, .numbers = {number, number + 1}};
	repeats_put(&repeats, &repeat, now_ms);
}

static void test_what_an_id_is_for(void **state)
{
	(void)state;
	const uint64_t key = key_of('@', "bob", "1");
	repeats_init(&repeats);
	assert_int_equal(key_of('@', "bob", "1"), key_of('@', "bob", "1"));
	assert_int_not_equal(key_of('@', "bob", "1"), key);
	assert_int_not_equal(key_of('@', "bob", "1"), key_of('#', "bob", "1"));
	assert_int_not_equal(key_of('@', "bob", "1"), key_of('@', "bob1", ""));
	assert_int_not_equal(key_of('@', "bob", "1"), key_of('@', "bob", "2"));
	assert_int_not_equal(key_of('*', "", "1"), 0);
	repeats_finish(&repeats);
}

static void test_a_minute_is_remembered(void **state)
{
	(void)state;
	uint64_t now_ms = 1000000;
	repeats_init(&repeats);
	const uint64_t key = key_of('@', "bob", "1");
	assert_null(repeats_find(&repeats, key, now_ms));
	put(key, 5, now_ms);
	for (uint64_t age_ms = 0; age_ms <= REPEATS_MS; age_ms += 500) {
		const struct repeat *found = repeats_find(&repeats, key, now_ms + age_ms);
		assert_non_null(found);
		assert_int_equal(found->numbers[0], 5);
		assert_int_equal(found->numbers[1], 6);
		put(key_of('@', "bob", "other"), 1, now_ms + age_ms);
	}
	assert_null(repeats_find(&repeats, key, now_ms + 2 * REPEATS_MS + 2));
	repeats_finish(&repeats);
}

static void test_a_long_silence_forgets(void **state)
{
	(void)state;
	repeats_init(&repeats);
	const uint64_t key = key_of('@', "bob", "1");
	put(key, 5, 1000000);
	assert_null(repeats_find(&repeats, key, 1000000 + 2 * REPEATS_MS + 2));
	put(key, 6, 1000000 + 2 * REPEATS_MS + 3);
	assert_int_equal(repeats_find(&repeats, key, 1000000 + 2 * REPEATS_MS + 4)->numbers[0], 6);
	repeats_finish(&repeats);
}

/* Half a million in one moment: the newest generation is known, and memory is bounded. */
static void test_there_is_a_limit(void **state)
{
	(void)state;
	enum {
		MANY = 8 * REPEATS_MAX
	};
	repeats_init(&repeats);
	for (uint32_t i = 0; i < MANY; i++) {
		put(i * UINT64_C(0x9e3779b97f4a7c15) + 1, i, 1000000);
		assert_true(repeats.now.count <= REPEATS_MAX);
		assert_true(repeats.now.capacity <= 2 * REPEATS_MAX);
	}
	for (uint32_t i = MANY - REPEATS_MAX; i < MANY; i++) {
		const struct repeat *found =
			repeats_find(&repeats, i * UINT64_C(0x9e3779b97f4a7c15) + 1, 1000001);
		assert_non_null(found);
		assert_int_equal(found->numbers[0], i);
	}
	assert_null(repeats_find(&repeats, 1, 1000001));
	repeats_finish(&repeats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_an_id_is_for),
		cmocka_unit_test(test_a_minute_is_remembered),
		cmocka_unit_test(test_a_long_silence_forgets),
		cmocka_unit_test(test_there_is_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
