#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/handshake.h"
#include "../../tools/client/url.h"

static void urls_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *scheme, *host, *service, *authority, *target, *path;
	} rows[] = {
		{"ws://127.0.0.1:8000", "ws", "127.0.0.1", "8000", "127.0.0.1:8000", "", NULL},
		{"ws://gate.example", "ws", "gate.example", "80", "gate.example", "", NULL},
		{"ws://gate.example:/", "ws", "gate.example", "80", "gate.example:", "/", NULL},
		{"WS://Gate/a/b?c=d", "ws", "Gate", "80", "Gate", "/a/b?c=d", NULL},
		{"ws://gate?token=x", "ws", "gate", "80", "gate", "?token=x", NULL},
		{"ws://[::1]:8000/x", "ws", "::1", "8000", "[::1]:8000", "/x", NULL},
		{"ws://[fe80::1]", "ws", "fe80::1", "80", "[fe80::1]", "", NULL},
		{"wss://gate", "wss", "gate", "443", "gate", "", NULL},
		{"unix:/run/gate.sock", "unix", "", "", "localhost", "", "/run/gate.sock"},
		{"unix:gate.sock", "unix", "", "", "localhost", "", "gate.sock"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct url url;
		assert_int_equal(url_parse(rows[i].text, &url), 0);
		assert_string_equal(url.scheme, rows[i].scheme);
		assert_string_equal(url.host, rows[i].host);
		assert_string_equal(url.service, rows[i].service);
		assert_string_equal(url.authority, rows[i].authority);
		assert_string_equal(url.target, rows[i].target);
		if (rows[i].path) {
			assert_string_equal(url.path, rows[i].path);
		} else {
			assert_null(url.path);
		}
	}
}

static void what_is_no_url_is_told(void **state)
{
	static const char *const texts[] = {"", "127.0.0.1:8000", "ws:", "ws:/", "ws://", "ws:///x",
		"ws://:80", "ws://a:0", "ws://a:65536", "ws://a:123456", "ws://a:8x", "ws://a:-1",
		"ws://a@b", "ws://a b", "ws://a/b c", "ws://a/#x", "ws://a#x", "ws://a/\r\nX: y",
		"ws://a\r\n", "ws://[::1", "ws://[::1]x", "ws://[]", "ws://[g]", "ws://::1", ":x",
		"unix:", "w\ts://a", "ws://a/\xe4\xb8\xad"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct url url;
		if (url_parse(texts[i], &url) == 0) {
			fail_msg("%s is taken", texts[i]);
		}
	}
}

static void lengths_are_bounded(void **state)
{
	struct url url;
	char text[URL_MAX + 2];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "ws://h/", 7);
	assert_int_not_equal(url_parse(text, &url), 0);
	text[URL_MAX] = '\0';
	assert_int_equal(url_parse(text, &url), 0);

	memset(text, 'a', sizeof(text));
	memcpy(text, "ws://", 5);
	text[5 + URL_HOST_MAX] = '\0';
	assert_int_equal(url_parse(text, &url), 0);
	text[5 + URL_HOST_MAX] = 'a';
	text[6 + URL_HOST_MAX] = '\0';
	assert_int_not_equal(url_parse(text, &url), 0);

	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	assert_int_equal(url_parse(text, &url), 0);
	text[5 + 107] = 'a';
	text[5 + 108] = '\0';
	assert_int_not_equal(url_parse(text, &url), 0);
}

static void targets_are_joined(void **state)
{
	static const struct {
		const char *target;
		struct url_login login;
		const char *joined;
	} rows[] = {
		{"", {0}, "/"},
		{"/x", {0}, "/x"},
		{"", {.user = "bob"}, "/?user=bob"},
		{"/x?y=z", {.user = "bob"}, "/x?y=z&user=bob"},
		{"", {.device = "a/b+c="}, "/?device=a%2Fb%2Bc%3D"},
		{"", {.user = "a-._~9Z"}, "/?user=a-._~9Z"},
		{"", {.user = " %+&\""}, "/?user=%20%25%2B%26%22"},
		{"/?a&&b=c&", {0}, "/?a&b=c"},
		{"/?", {.user = "bob"}, "/?user=bob"},
		{"?y=z", {"bob", "my phone"}, "/?y=z&user=bob&device=my%20phone"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *joined;
		assert_int_equal(url_target(rows[i].target, &rows[i].login, &joined), 0);
		assert_string_equal(joined, rows[i].joined);
		free(joined);
	}
}

/* What was set wins over what the URL has, in each spelling that the gateway takes for the key. */
static void user_and_device_are_replaced(void **state)
{
	static const struct {
		const char *target;
		struct url_login login;
		const char *joined;
	} rows[] = {
		{"/?user=eve", {.user = "bob"}, "/?user=bob"},
		{"/x?a=b&user=eve&c", {.user = "bob"}, "/x?a=b&c&user=bob"},
		{"?%75ser=eve&us%65r=eve&user", {.user = "bob"}, "/?user=bob"},
		{"?%75%73%65%72=eve&%64evice=old", {.user = "bob", .device = "new"},
			"/?user=bob&device=new"},
		{"?d%65vice=old&user=eve", {.device = "new"}, "/?user=eve&device=new"},
		/* Others, and what is no spelling of the key. */
		{"?users=1&User=2&u=user&us+er&%7ser&user%00=3&a=user=4", {.user = "bob"},
			"/?users=1&User=2&u=user&us+er&%7ser&user%00=3&a=user=4&user=bob"},
		/* Nobody was set: the URL's own stand. So does what is none of theirs. */
		{"?user=eve&device=old", {0}, "/?user=eve&device=old"},
		{"?user=eve&token=t", {.user = "bob"}, "/?token=t&user=bob"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *joined;
		assert_int_equal(url_target(rows[i].target, &rows[i].login, &joined), 0);
		assert_string_equal(joined, rows[i].joined);
		free(joined);
	}
}

/* Fault 12 of the tutorial's SDK: the gateway gets every name as it is. */
static void users_arrive_whole(void **state)
{
	static const char *const users[] = {"a&b=1#x \xe4\xb8\xad", "+", "%41", "?/\\", "\"'<>"};

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		struct handshake_request request;
		char head[1024];
		char *target;

		assert_int_equal(
			url_target("/", &(struct url_login){.user = users[i]}, &target), 0);
		const int len = snprintf(head, sizeof(head),
			"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			target);
		handshake_judge((struct slice){head, (size_t)len}, &request);
		assert_int_equal(request.status, 101);
		assert_true(request.user_valid);
		assert_string_equal(request.user, users[i]);
		free(target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(what_is_no_url_is_told),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(targets_are_joined),
		cmocka_unit_test(user_and_device_are_replaced),
		cmocka_unit_test(users_arrive_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
