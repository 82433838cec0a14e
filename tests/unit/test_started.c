#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/started.h"

static void check(const char *listener, const char *url, const char *reach)
{
	char text[STARTED_URL_MAX];
	assert_string_equal(started_url(listener, text), reach);
	assert_string_equal(text, url);
}

static void test_urls(void **state)
{
	check(":8000", "ws://localhost:8000/", " (all addresses)");
	check("0.0.0.0:8000", "ws://127.0.0.1:8000/", " (all IPv4 addresses)");
	check("[::]:8000", "ws://[::1]:8000/", " (all IPv6 addresses)");
	check("127.0.0.1:80", "ws://127.0.0.1:80/", "");
	check("[::1]:8000", "ws://[::1]:8000/", "");
	check("[2001:db8::1]:65535", "ws://[2001:db8::1]:65535/", "");
	check("unix:/run/tidegate/socket", "unix:/run/tidegate/socket", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
