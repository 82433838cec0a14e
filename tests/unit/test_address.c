#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/config/address.h"

static struct address address;

static void check_inet(const char *text, const char *host, uint16_t port)
{
	assert_int_equal(address_parse(text, &address), 0);
	assert_null(address.path);
	assert_string_equal(address.host, host);
	assert_int_equal(address.port, port);
}

static void test_hosts_and_ports(void **state)
{
	check_inet(":8000", "", 8000);
	check_inet("127.0.0.1:0", "127.0.0.1", 0);
	check_inet("gate-1.example_net:65535", "gate-1.example_net", 65535);
	check_inet("[::1]:8000", "::1", 8000);
	check_inet("[2001:db8::ffff:192.0.2.1]:443", "2001:db8::ffff:192.0.2.1", 443);
	check_inet("[::]:00080", "::", 80);
	check_inet("unix.example:80", "unix.example", 80);
}

static void test_paths(void **state)
{
	char text[5 + ADDRESS_PATH_MAX + 1] = "unix:";
	assert_int_equal(address_parse("unix:/run/sock:1", &address), 0);
	assert_string_equal(address.path, "/run/sock:1");
	assert_int_equal(address_parse("unix:8000", &address), 0);
	assert_true(address_is_unix("unix:8000"));
	assert_false(address_is_unix("unix"));
	assert_false(address_is_unix("localhost:8000"));
	assert_string_equal(address.path, "8000");
	memset(text + 5, 'p', ADDRESS_PATH_MAX - 1);
	assert_int_equal(address_parse(text, &address), 0);
	assert_ptr_equal(address.path, text + 5);
	text[5 + ADDRESS_PATH_MAX - 1] = 'p';
	assert_int_equal(address_parse(text, &address), -EINVAL);
	assert_int_equal(address_parse("unix:", &address), -EINVAL);
}

static void test_behind_proxy(void **state)
{
	static const struct {
		const char *text;
		const char *behind; /* NULL: nothing stands in front */
	} rows[] = {
		{"proxy:127.0.0.1:80", "127.0.0.1:80"},
		{"proxy::80", ":80"},
		{"proxy:[::1]:80", "[::1]:80"},
		{"proxy:unix:/run/x", "unix:/run/x"},
		{"proxy:80", NULL},
		{"proxy.example.org:80", NULL},
		{":80", NULL},
		{"unix:proxy:/run", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *behind = rows[i].behind;
		assert_string_equal(
			address_behind_proxy(rows[i].text), behind ? behind : rows[i].text);
		assert_int_equal(address_parse(rows[i].text, &address), 0);
		assert_int_equal(address.is_proxied, behind != NULL);
	}
	check_inet("proxy:80", "proxy", 80);
	check_inet("proxy:127.0.0.1:80", "127.0.0.1", 80);
	assert_int_equal(address_parse("proxy:unix:/run/x", &address), 0);
	assert_string_equal(address.path, "/run/x");
	assert_true(address_is_unix("proxy:unix:/run/x"));
	assert_int_equal(address_parse("proxy:proxy::80", &address), -EINVAL);
}

static void test_tls(void **state)
{
	check_inet("wss://:443", "", 443);
	assert_true(address.is_tls);
	assert_false(address.is_proxied);
	check_inet("wss://[::1]:443", "::1", 443);
	assert_true(address.is_tls);
	check_inet("proxy:wss://chat.example:443", "chat.example", 443);
	assert_true(address.is_tls);
	assert_true(address.is_proxied);
	check_inet("wss:443", "wss", 443);
	assert_false(address.is_tls);
	assert_true(address_is_tls("proxy:wss://:443"));
	assert_false(address_is_tls(":443"));
	assert_string_equal(address_place("proxy:wss://a:1"), "a:1");
	assert_string_equal(address_place("wss://a:1"), "a:1");
	assert_string_equal(address_place("proxy:unix:/run/x"), "unix:/run/x");
	assert_string_equal(address_place("a:1"), "a:1");
	assert_string_equal(address_without_star("*:1"), ":1");
	assert_string_equal(address_without_star(":1"), ":1");
}

static void test_what_is_no_address(void **state)
{
	static const char *const junk[] = {"", "8000", ":", "host:", ":65536", ":-1", ":+1", ": 1",
		":80a", ":99999999999999999999", "::1:8000", "[::1]", "[::1]8000", "[::1:8000",
		"[]:80", "[", "[127.0.0.1]:80", "[::1%lo]:80", "a b:80", "http://a:80", "*", "*:80",
		"host:80 ", "h\xc3\xb6st:80", "ws://:80", "wss://", "wss://unix:/run/x",
		"wss:///run/x", "wss://proxy::80", "wss://wss://:80", "wss://:80/", "WSS://:80"};
	const struct address before = {.host = "as it was", .port = 1};
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		address = before;
		assert_int_equal(address_parse(junk[i], &address), -EINVAL);
		assert_memory_equal(&address, &before, sizeof(address));
	}
}

static void test_length(void **state)
{
	char text[ADDRESS_MAX + 1];
	memset(text, 'h', sizeof(text));
	strcpy(text + ADDRESS_MAX - 4, ":80"); /* with its NUL just fits */
	assert_int_equal(address_parse(text, &address), 0);
	assert_int_equal(strlen(address.host), ADDRESS_MAX - 4);
	memset(text, 'h', sizeof(text));
	strcpy(text + ADDRESS_MAX - 3, ":80");
	assert_int_equal(address_parse(text, &address), -EINVAL);
}

static void test_host_of_a_longer_text(void **state)
{
	assert_int_equal(address_host_len("a.example/path"), 9);
	assert_int_equal(address_host_len("[::1]:80"), 5);
	assert_int_equal(address_host_len(":80"), 0);
	assert_int_equal(address_host_len("[::1"), 0);
	assert_int_equal(address_host_len("[::g]"), 0);
	assert_int_equal(address_host_len("[00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00]"), 0);
}

static void check_url(const char *listener, const char *url, const char *reach)
{
	char text[ADDRESS_URL_MAX];
	assert_string_equal(address_url("ws", listener, text), reach);
	assert_string_equal(text, url);
}

static void test_urls(void **state)
{
	char text[ADDRESS_URL_MAX];
	check_url(":8000", "ws://localhost:8000/", " (all addresses)");
	check_url("0.0.0.0:8000", "ws://127.0.0.1:8000/", " (all IPv4 addresses)");
	check_url("[::]:8000", "ws://[::1]:8000/", " (all IPv6 addresses)");
	check_url("127.0.0.1:80", "ws://127.0.0.1:80/", "");
	check_url("[::1]:8000", "ws://[::1]:8000/", "");
	check_url("[2001:db8::1]:65535", "ws://[2001:db8::1]:65535/", "");
	check_url("unix:/run/tidegate/socket", "unix:/run/tidegate/socket", "");
	check_url("wss://:443", "wss://localhost:443/", " (all addresses)");
	check_url("wss://[::]:443", "wss://[::1]:443/", " (all IPv6 addresses)");
	check_url("wss://192.0.2.1:443", "wss://192.0.2.1:443/", "");
	check_url("proxy:wss://:443", "proxy:wss://:443", " (PROXY protocol)");
	address_url("http", "0.0.0.0:8001", text);
	assert_string_equal(text, "http://127.0.0.1:8001/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_and_ports),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_behind_proxy),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_host_of_a_longer_text),
		cmocka_unit_test(test_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
