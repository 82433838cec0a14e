#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/outcome.h"
#include "../../server/node/room_names.h"

static json_t *json(const char *text)
{
	json_t *made = json_loads(text, 0, NULL);
	if (!made) {
		fail_msg("not JSON: %s", text);
	}
	return made;
}

static struct outcome of(const char *const *parts)
{
	struct outcome outcome = {.sum = NULL};
	for (; *parts; parts++) {
		outcome_add(&outcome, json(*parts));
	}
	return outcome;
}

static void expect_sum(struct outcome *outcome, const char *text)
{
	enum problem problem;
	const char *detail;
	json_t *sum = outcome_take(outcome, &problem, &detail);
	json_t *wanted = json(text);
	assert_non_null(sum);
	if (!json_equal(sum, wanted)) {
		fail_msg("%s, not %s", json_dumps(sum, 0), text);
	}
	json_decref(sum);
	json_decref(wanted);
	outcome_finish(outcome);
}

static void expect_problem(struct outcome *outcome, enum problem wanted, const char *words)
{
	enum problem problem;
	const char *detail;
	assert_null(outcome_take(outcome, &problem, &detail));
	assert_string_equal(problem_name(problem), problem_name(wanted));
	assert_non_null(strstr(detail, words));
	outcome_finish(outcome);
}

static void test_numbers_are_added(void **state)
{
	(void)state;
	struct outcome outcome = of((const char *[]){"{\"result\":\"queued\",\"sessions\":1}",
		"{\"problem\":\"offline\",\"detail\":\"d\"}",
		"{\"result\":\"queued\",\"sessions\":2,\"overflowed\":1}", NULL});
	expect_sum(&outcome, "{\"result\":\"queued\",\"sessions\":3,\"overflowed\":1}");
}

static void test_lists_are_joined(void **state)
{
	(void)state;
	struct outcome outcome = of((const char *[]){
		"{\"user\":\"a\",\"sessions\":[1]}", "{\"user\":\"a\",\"sessions\":[2,3]}", NULL});
	expect_sum(&outcome, "{\"user\":\"a\",\"sessions\":[1,2,3]}");
}

/* Nodes are not trusted to be well-formed: what does not fit is left out, and nothing overflows. */
static void test_what_does_not_fit(void **state)
{
	(void)state;
	struct outcome outcome = of((const char *[]){"{\"sessions\":9223372036854775807}",
		"{\"sessions\":5}", "{\"sessions\":-5}", "{\"sessions\":[]}",
		"{\"sessions\":\"x\"}", "{\"sessions\":9223372036854775807}", NULL});
	expect_sum(&outcome, "{\"sessions\":9223372036854775807}");
	outcome = of((const char *[]){"{\"sessions\":1}", "{\"problem\":7}",
		"{\"problem\":\"no such\",\"detail\":{}}", NULL});
	expect_sum(&outcome, "{\"sessions\":1}");
	outcome = of((const char *[]){"{\"problem\":\"bad-host\"}", NULL});
	expect_problem(&outcome, PROBLEM_NO_MEMORY, "");
}

static void test_the_problem_that_says_the_most(void **state)
{
	(void)state;
	struct outcome outcome = of((const char *[]){"{\"problem\":\"offline\",\"detail\":\"d1\"}",
		"{\"problem\":\"overflow\",\"detail\":\"d2\"}",
		"{\"problem\":\"too-many-rooms\",\"detail\":\"d3\"}", NULL});
	expect_problem(&outcome, PROBLEM_OVERFLOW, "d2");
	outcome = of((const char *[]){"{\"problem\":\"offline\",\"detail\":\"d1\"}", NULL});
	expect_problem(&outcome, PROBLEM_OFFLINE, "d1");
}

/* Never called done where nobody has done it, nor offline where one has not been heard. */
static void test_who_is_missing(void **state)
{
	(void)state;
	struct outcome outcome =
		of((const char *[]){"{\"problem\":\"offline\",\"detail\":\"d1\"}", NULL});
	outcome_add_missing(&outcome, SLICE("gw-2"), false);
	expect_problem(&outcome, PROBLEM_UNREACHABLE, "reached");
	outcome = of((const char *[]){"{\"problem\":\"overflow\",\"detail\":\"d1\"}", NULL});
	outcome_add_missing(&outcome, SLICE("gw-2"), false);
	outcome_add_missing(&outcome, SLICE("gw-3"), true);
	expect_problem(&outcome, PROBLEM_UNKNOWN, "in time");
	outcome = of((const char *[]){"{\"sessions\":1}", NULL});
	outcome_add_missing(&outcome, SLICE("gw-2"), false);
	outcome_add_missing(&outcome, SLICE("gw-3"), true);
	expect_sum(&outcome, "{\"sessions\":1,\"missing\":[\"gw-2\",\"gw-3\"]}");
}

static void test_no_memory(void **state)
{
	(void)state;
	struct outcome outcome = {.sum = NULL};
	outcome_add(&outcome, NULL);
	expect_problem(&outcome, PROBLEM_NO_MEMORY, "answer");
	outcome = of((const char *[]){"{\"sessions\":1}", NULL});
	outcome_add(&outcome, NULL);
	expect_problem(&outcome, PROBLEM_NO_MEMORY, "answer");
}

/* --- pages -------------------------------------------------------------------------------------
 */

static void expect_merged(
	int (*merge)(json_t *sum, uint32_t most), const char *from, uint32_t most, const char *text)
{
	json_t *sum = json(from);
	json_t *wanted = json(text);
	assert_int_equal(merge(sum, most), 0);
	if (!json_equal(sum, wanted)) {
		fail_msg("%s, not %s", json_dumps(sum, 0), text);
	}
	json_decref(sum);
	json_decref(wanted);
}

static void test_pages_of_members(void **state)
{
	(void)state;
	expect_merged(room_names_merge_members,
		"{\"members\":[\"b\",\"d\",\"a\",\"b\"],\"more\":0}", 4,
		"{\"members\":[\"a\",\"b\",\"d\"],\"after\":null}");
	expect_merged(room_names_merge_members,
		"{\"members\":[\"b\",\"d\",\"a\",\"c\"],\"more\":0}", 3,
		"{\"members\":[\"a\",\"b\",\"c\"],\"after\":\"c\"}");
	expect_merged(room_names_merge_members, "{\"members\":[\"b\",\"a\"],\"more\":2}", 2,
		"{\"members\":[\"a\",\"b\"],\"after\":\"b\"}");
	expect_merged(room_names_merge_members, "{\"members\":[],\"more\":0}", 2,
		"{\"members\":[],\"after\":null}");
	/* By bytes, the shorter first; and what is no name is none. */
	expect_merged(room_names_merge_members,
		"{\"members\":[\"\\u00e9\",7,\"ab\",{},\"a\",\"Z\",\"\"],\"more\":0}", 9,
		"{\"members\":[\"Z\",\"a\",\"ab\",\"\\u00e9\"],\"after\":null}");
}

static void test_pages_of_rooms(void **state)
{
	(void)state;
	expect_merged(room_names_merge,
		"{\"rooms\":[{\"room\":\"b\",\"users\":1,\"sessions\":2},"
		"{\"room\":\"a\",\"users\":3,\"sessions\":3},"
		"{\"room\":\"b\",\"users\":4,\"sessions\":5}],\"more\":0}",
		2,
		"{\"rooms\":[{\"room\":\"a\",\"users\":3,\"sessions\":3},"
		"{\"room\":\"b\",\"users\":5,\"sessions\":7}],\"after\":null}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_added),
		cmocka_unit_test(test_lists_are_joined),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_the_problem_that_says_the_most),
		cmocka_unit_test(test_who_is_missing),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_pages_of_members),
		cmocka_unit_test(test_pages_of_rooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
