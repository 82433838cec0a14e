#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/fanout/first_names.h"
#include "split.h"

enum {
	MANY = 1000,
};

static void assert_names(const struct first_names *first, const char *const *names)
{
	uint32_t i = 0;
	for (; names[i]; i++) {
		assert_true(i < first_names_count(first));
		assert_true(slice_equals(first->names[i], slice_of(names[i])));
	}
	assert_int_equal(first_names_count(first), i);
}

static void test_each_once_in_order(void **state)
{
	(void)state;
	static const char *const given[] = {"b", "aa", "c", "b", "a", "\xc3\xa4", "ab", "a"};
	struct first_names first;
	first_names_begin(&first, SLICE(""), 100);
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		first_names_add(&first, slice_of(given[i]));
	}
	assert_names(&first, (const char *const[]){"a", "aa", "ab", "b", "c", "\xc3\xa4", NULL});
	assert_true(first_names_are_all(&first));
	first_names_begin(&first, SLICE("aa"), 2);
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		first_names_add(&first, slice_of(given[i]));
	}
	assert_names(&first, (const char *const[]){"ab", "b", NULL});
	assert_false(first_names_are_all(&first));
}

/* However many are asked for, they come page by page, all and once. */
static void test_pages_of_every_size(void **state)
{
	(void)state;
	static char names[MANY][8];
	static struct first_names first;
	uint32_t random = 5;
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "%03d", i);
	}
	for (uint32_t most = 1; most < 2 * FIRST_NAMES_MAX; most += 17) {
		struct slice after = SLICE("");
		uint32_t seen = 0;
		do {
			first_names_begin(&first, after, most);
			uint32_t begin = split_random(&random) % MANY;
			for (uint32_t i = 0; i < MANY; i++) {
				/* 7 and MANY have no common factor. */
				first_names_add(&first, slice_of(names[(begin + 7 * i) % MANY]));
			}
			assert_in_range(first_names_count(&first), 1, FIRST_NAMES_MAX);
			for (uint32_t i = 0; i < first_names_count(&first); i++) {
				assert_true(slice_equals(first.names[i], slice_of(names[seen++])));
			}
			after = slice_of(names[seen - 1]);
		} while (!first_names_are_all(&first));
		assert_int_equal(seen, MANY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once_in_order),
		cmocka_unit_test(test_pages_of_every_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
