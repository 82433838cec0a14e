#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/answer.h"

static void check_header(const struct admin_answer *answer, const char *name, const char *expected)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s: %s", name, expected ? expected : "");
	assert_in_range(len, 1, sizeof(line) - 1);
	const char *found = answer->headers.data ? strstr(answer->headers.data, line) : NULL;
	if (expected) {
		assert_non_null(found);
		assert_memory_equal(found + len, "\r\n", 2);
	} else {
		assert_null(found);
	}
}

/* What goes out in front of the body. */
static void check_head(const struct admin_answer *answer, bool keeps_alive, bool is_http_1_0,
	const char *start, const char *end)
{
	size_t len;
	char *head = admin_answer_head(answer, keeps_alive, is_http_1_0, &len);
	assert_non_null(head);
	assert_int_equal(strlen(head), len);
	assert_memory_equal(head, start, strlen(start));
	assert_in_range(len, strlen(end), 1 << 16);
	assert_string_equal(head + len - strlen(end), end);
	free(head);
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
	admin_answer_problem(&answer, PROBLEM_UNAUTHORIZED, "say %s", "who");
	assert_int_equal(answer.status, 401);
	check_header(&answer, "Content-Type", "application/problem+json");
	check_header(&answer, "WWW-Authenticate", "Bearer realm=\"tidegate\"");
	admin_answer_problem(&answer, PROBLEM_OFFLINE, "gone");
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

static void check_phrase(const struct admin_answer *answer)
{
	size_t len;
	char *head = admin_answer_head(answer, true, false, &len);
	assert_non_null(head);
	assert_true(head[strlen("HTTP/1.1 400 ")] >= 'A');
	free(head);
}

static void test_heads(void **state)
{
	struct admin_answer answer = {0};
	admin_answer_text(&answer, 200, "four");
	check_head(&answer, true, false, "HTTP/1.1 200 OK\r\nDate: ", "\r\n\r\n");
	admin_answer_header(&answer, "X-Last", "1");
	check_head(&answer, false, false, "HTTP/1.1 200 OK\r\n", "X-Last: 1\r\n\r\n");
	size_t len;
	char *head = admin_answer_head(&answer, false, false, &len);
	assert_non_null(strstr(head, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(head, "\r\nContent-Length: 4\r\n"));
	free(head);
	head = admin_answer_head(&answer, true, true, &len);
	assert_non_null(strstr(head, "\r\nConnection: keep-alive\r\n"));
	free(head);
	admin_answer_nothing(&answer);
	head = admin_answer_head(&answer, true, false, &len);
	assert_non_null(strstr(head, "HTTP/1.1 204 No Content\r\n"));
	assert_null(strstr(head, "Content-Length"));
	free(head);
	admin_answer_finish(&answer);
}

/* Each status that a problem may have has its phrase. */
static void test_phrases(void **state)
{
	struct admin_answer answer = {0};
#define PROBLEM(name, status, type, title)                                                         \
	admin_answer_problem(&answer, PROBLEM_##name, "x");                                        \
	check_phrase(&answer);
#include "../../server/node/problem.def"
#undef PROBLEM
	admin_answer_finish(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_every_answer_says),
		cmocka_unit_test(test_a_second_one_takes_the_place),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_phrases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
