#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/origins.h"
#include "split.h"

struct row {
	const char *pattern;
	const char *origin;
	bool fits;
};

static const struct row rows[] = {
	{"https://chat.example.org", "https://chat.example.org", true},
	{"https://chat.example.org", "HTTPS://Chat.Example.org", true},
	{"https://chat.example.org", "https://chat.example.org:443", true},
	{"https://chat.example.org:443", "https://chat.example.org", true},
	{"http://chat.example.org:80", "http://chat.example.org", true},
	{"https://chat.example.org", "http://chat.example.org", false},
	{"https://chat.example.org", "https://chat.example.org:8443", false},
	{"https://chat.example.org:8443", "https://chat.example.org:8443", true},
	{"https://chat.example.org", "https://example.org", false},
	{"https://chat.example.org", "https://chat.example.org.evil.net", false},
	{"https://chat.example.org", "https://xchat.example.org", false},
	{"https://chat.example.org", "https://chat.example.org/", false},
	{"https://chat.example.org", "https://chat.example.org@evil.net", false},
	{"https://chat.example.org", "chat.example.org", false},
	{"https://chat.example.org", "null", false},
	{"https://chat.example.org", "", false},
	{"https://*.example.org", "https://a.example.org", true},
	{"https://*.example.org", "https://a.b.example.org", true},
	{"https://*.example.org", "https://A.Example.Org", true},
	{"https://*.example.org", "https://example.org", false},
	{"https://*.example.org", "https://.example.org", false},
	{"https://*.example.org", "https://evil.net/.example.org", false},
	{"https://*.example.org", "https://evil.net?.example.org", false},
	{"https://*.example.org", "https://evil.net:1.example.org", false},
	{"https://*.example.org", "https://u@a.example.org", false},
	{"https://*.example.org", "https://aexample.org", false},
	{"https://*.example.org", "http://a.example.org", false},
	{"https://*.example.org", "https://a.example.org:8443", false},
	{"https://*.example.org:*", "https://a.example.org:8443", true},
	{"http://localhost:*", "http://localhost:5173", true},
	{"http://localhost:*", "http://localhost", true},
	{"http://localhost:*", "http://localhost.evil.net:5173", false},
	{"http://[::1]:8080", "http://[::1]:8080", true},
	{"http://[::1]", "http://[::1]:8080", false},
	{"null", "null", true},
	{"null", "https://null", false},
	{"chrome-extension://abcdefgh", "chrome-extension://abcdefgh", true},
};

static void test_who_may_come(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct origins origins = {.count = 0};
		const size_t len = strlen(rows[i].origin);
		char *copy = split_copy(rows[i].origin, len);
		assert_int_equal(origins_add(&origins, rows[i].pattern), 0);
		if (origins_have(&origins, (struct slice){copy, len}) != rows[i].fits) {
			fail_msg("%s, %s", rows[i].pattern, rows[i].origin);
		}
		free(copy);
	}
}

static void test_what_is_no_pattern(void **state)
{
	static const char *const junk[] = {"", "*", "example.org", "https://", "://a", "https://*",
		"https://*.", "https://*.*.org", "https://a.*.org", "https://.a", "https://a.",
		"https://a/", "https://a b", "https://a:x", "https://a:65536", "https://a:", "Null",
		"https://[::1", "https://[]", "https://a,https://b", "1http://a", "https://u@a"};
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		struct origins origins = {.count = 0};
		if (origins_add(&origins, junk[i]) != -EINVAL) {
			fail_msg("\"%s\"", junk[i]);
		}
		assert_int_equal(origins.count, 0);
	}
	char longest[ORIGIN_MAX + 1] = "https://";
	struct origins origins = {.count = 0};
	memset(longest + 8, 'a', ORIGIN_MAX - 8);
	assert_int_equal(origins_add(&origins, longest), -EINVAL);
	longest[ORIGIN_MAX - 1] = '\0';
	assert_int_equal(origins_add(&origins, longest), 0);
}

static void test_several(void **state)
{
	struct origins origins = {.count = 0};
	assert_false(origins_have(&origins, SLICE("https://a.example")));
	for (int i = 0; i < ORIGINS_MAX; i++) {
		char pattern[32];
		snprintf(pattern, sizeof(pattern), "https://a%d.example", i);
		assert_int_equal(origins_add(&origins, pattern), 0);
		assert_int_equal(origins_add(&origins, pattern), -EEXIST);
	}
	assert_int_equal(origins_add(&origins, "https://b.example"), -ENOSPC);
	assert_true(origins_have(&origins, SLICE("https://a0.example")));
	assert_true(origins_have(&origins, SLICE("https://a31.example")));
	assert_false(origins_have(&origins, SLICE("https://a32.example")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_come),
		cmocka_unit_test(test_what_is_no_pattern),
		cmocka_unit_test(test_several),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
