#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/answer.h"

static void check_header(const struct admin_answer *answer, const char *name, const char *expected)
{
	const char *value = MHD_get_response_header(answer->response, name);
	if (expected) {
		assert_non_null(value);
		assert_string_equal(value, expected);
	} else {
		assert_null(value);
	}
}

static void test_what_every_answer_says(void **state)
{
	struct admin_answer answer = {0};
	assert_false(admin_answer_is_made(&answer));
	admin_answer_header(&answer, "ETag", "of nothing");
	admin_answer_static(&answer, 304, NULL, NULL, 0);
	assert_true(admin_answer_is_made(&answer));
	assert_int_equal(answer.status, 304);
	check_header(&answer, "ETag", NULL);
	check_header(&answer, "Content-Type", NULL);
	check_header(&answer, "Cache-Control", NULL);
	check_header(&answer, "X-Content-Type-Options", "nosniff");
	check_header(&answer, "Referrer-Policy", "no-referrer");
	check_header(&answer, "Cross-Origin-Resource-Policy", "same-origin");
	admin_answer_finish(&answer);
	assert_false(admin_answer_is_made(&answer));
	admin_answer_finish(&answer);
}

static void test_a_second_one_takes_the_place(void **state)
{
	struct admin_answer answer = {0};
	admin_answer_text(&answer, 200, "first");
	admin_answer_header(&answer, "Allow", "GET");
	admin_answer_json(&answer, 202, json_pack("{s:i}", "second", 2));
	assert_int_equal(answer.status, 202);
	check_header(&answer, "Allow", NULL);
	check_header(&answer, "Content-Type", "application/json");
	check_header(&answer, "Cache-Control", "no-store");
	check_header(&answer, "Retry-After", NULL);
	admin_answer_finish(&answer);
}

static void test_problems(void **state)
{
	struct admin_answer answer = {0};
	admin_answer_problem(&answer, ADMIN_PROBLEM_UNAUTHORIZED, "say %s", "who");
	assert_int_equal(answer.status, 401);
	check_header(&answer, "Content-Type", "application/problem+json");
	check_header(&answer, "WWW-Authenticate", "Bearer realm=\"tidegate\"");
	admin_answer_problem(&answer, ADMIN_PROBLEM_OFFLINE, "gone");
	assert_int_equal(answer.status, 404);
	check_header(&answer, "WWW-Authenticate", NULL);
	admin_answer_finish(&answer);
}

static void test_no_memory(void **state)
{
	struct admin_answer answer = {0};
	admin_answer_json(&answer, 200, NULL);
	assert_int_equal(answer.status, 503);
	check_header(&answer, "Content-Type", "application/problem+json");
	check_header(&answer, "Retry-After", "1");
	admin_answer_finish(&answer);
	admin_answer_data(&answer, "text/plain", NULL, 0);
	assert_int_equal(answer.status, 503);
	check_header(&answer, "Content-Type", "application/problem+json");
	admin_answer_finish(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_every_answer_says),
		cmocka_unit_test(test_a_second_one_takes_the_place),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
