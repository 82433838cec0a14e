#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/origin.h"

static const struct admin_origin trusting = {.host = "gateway.example"};
static const struct admin_origin asking = {.tokens = {2, {"0123456789abcdef", "another-token-16"}}};

static enum admin_verdict judge_host(const struct admin_origin *origin, const char *host)
{
	struct admin_origin_head head = {.host_count = 1, .host = host, .is_open = true};
	return admin_origin_judge(origin, &head);
}

static void test_names_of_this_machine(void **state)
{
	static const char *const ours[] = {"localhost", "LocalHost:80", "127.0.0.1",
		"127.9.9.9:8001", "[::1]", "[::1]:8001", "gateway.example", "GATEWAY.example:1"};
	static const char *const others[] = {"evil.example", "localhost.", "localhost.example",
		"xlocalhost", "127.0.0.1.example", "127.1", "126.0.0.1", "128.0.0.1", "[::]",
		"[::2]", "[::ffff:127.0.0.1]", "0"};
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_int_equal(judge_host(&trusting, ours[i]), ADMIN_WELCOME);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(judge_host(&trusting, others[i]), ADMIN_WRONG_HOST);
		assert_int_equal(judge_host(&asking, others[i]), ADMIN_WELCOME);
	}
}

static void test_what_is_no_host(void **state)
{
	static const char *const bad[] = {"", ":80", "a b", "a;b", "a/b", "a'b",
		"localhost:", "localhost:8x", "[::1", "[::1]x", "[", "[]x", "a:1:2", "\xc3\xa4"};
	struct admin_origin_head head = {.host_count = 2, .host = "localhost", .is_open = true};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(judge_host(&asking, bad[i]), ADMIN_BAD_HOST);
	}
	assert_int_equal(admin_origin_judge(&trusting, &head), ADMIN_BAD_HOST);
	head = (struct admin_origin_head){.is_open = true};
	assert_int_equal(admin_origin_judge(&trusting, &head), ADMIN_BAD_HOST);
	char name[ADMIN_HOST_MAX + 10];
	memset(name, 'x', sizeof(name));
	name[ADMIN_HOST_MAX] = '\0';
	assert_int_equal(judge_host(&asking, name), ADMIN_BAD_HOST);
}

static void test_hostname(void **state)
{
	char name[ADMIN_HOST_MAX];
	assert_int_equal(admin_origin_host("a.example:80", name), 0);
	assert_string_equal(name, "a.example");
	assert_int_equal(admin_origin_host("[::1]:80", name), 0);
	assert_string_equal(name, "[::1]");
	assert_int_equal(admin_origin_host("unix:/run/x", name), -EINVAL);
}

static enum admin_verdict judge_page(
	const char *origin, const char *site, const char *mode, bool is_page)
{
	struct admin_origin_head head = {
		.host_count = 1,
		.host = "localhost:8001",
		.origin = origin,
		.fetch_site = site,
		.fetch_mode = mode,
		.is_page = is_page,
		.is_open = true,
	};
	return admin_origin_judge(&trusting, &head);
}

static void test_pages(void **state)
{
	static const char *const foreign[] = {"", "null", "http://localhost",
		"http://localhost:8002", "http://127.0.0.1:8001", "http://localhost:8001.example",
		"http://localhost:8001/", "http://x@localhost:8001", "ws://localhost:8001",
		"localhost:8001"};
	assert_int_equal(judge_page(NULL, NULL, NULL, false), ADMIN_WELCOME);
	assert_int_equal(judge_page("http://localhost:8001", NULL, NULL, false), ADMIN_WELCOME);
	assert_int_equal(
		judge_page("https://localhost:8001", "same-origin", "cors", false), ADMIN_WELCOME);
	assert_int_equal(judge_page(NULL, "none", "navigate", false), ADMIN_WELCOME);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		assert_int_equal(judge_page(foreign[i], NULL, NULL, false), ADMIN_FOREIGN_ORIGIN);
		assert_int_equal(
			judge_page(foreign[i], "same-origin", NULL, true), ADMIN_FOREIGN_ORIGIN);
	}
	assert_int_equal(judge_page(NULL, "cross-site", "navigate", false), ADMIN_FOREIGN_ORIGIN);
	assert_int_equal(judge_page(NULL, "same-site", "navigate", false), ADMIN_FOREIGN_ORIGIN);
	assert_int_equal(judge_page(NULL, "cross-site", "navigate", true), ADMIN_WELCOME);
	assert_int_equal(judge_page(NULL, "cross-site", "no-cors", true), ADMIN_FOREIGN_ORIGIN);
	assert_int_equal(judge_page(NULL, "cross-site", NULL, true), ADMIN_FOREIGN_ORIGIN);
}

static enum admin_verdict judge_token(const char *authorization)
{
	struct admin_origin_head head = {
		.host_count = 1, .host = "any.example", .authorization = authorization};
	return admin_origin_judge(&asking, &head);
}

static void test_tokens(void **state)
{
	static const char *const wrong[] = {"Bearer ", "Bearer 0123456789abcde",
		"Bearer 0123456789abcdef0", "Bearer 0123456789abcdeF", "Bearer x 0123456789abcdef"};
	static const char *const none[] = {
		NULL, "", "Bearer", "Basic 0123456789abcdef", "0123456789abcdef"};
	char large[1000] = "Bearer ";
	assert_int_equal(judge_token("Bearer 0123456789abcdef"), ADMIN_WELCOME);
	assert_int_equal(judge_token("bearer   0123456789abcdef"), ADMIN_WELCOME);
	assert_int_equal(judge_token("Bearer another-token-16"), ADMIN_WELCOME);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(judge_token(wrong[i]), ADMIN_WRONG_TOKEN);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(judge_token(none[i]), ADMIN_NO_TOKEN);
	}
	memset(large + 7, 'x', sizeof(large) - 8);
	assert_int_equal(judge_token(large), ADMIN_WRONG_TOKEN);
}

static void test_who_may_reach_it(void **state)
{
	char error[512] = "";
	assert_int_equal(admin_origin_check_reach("*:1", 1, true, error, sizeof(error)), 0);
	assert_string_equal(error, "");
	assert_int_equal(admin_origin_check_reach("*:1", 1, false, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "*:1"));
	assert_non_null(strstr(error, "--admin-tls"));
	assert_non_null(strstr(error, "--admin-plain"));
	assert_null(strstr(error, "--admin-token"));
	assert_int_equal(admin_origin_check_reach("*:1", 0, true, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "--admin-token"));
	assert_null(strstr(error, "--admin-plain"));
	assert_int_equal(admin_origin_check_reach("*:1", 0, false, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "--admin-token"));
	assert_non_null(strstr(error, "--admin-plain"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_this_machine),
		cmocka_unit_test(test_what_is_no_host),
		cmocka_unit_test(test_hostname),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_who_may_reach_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
