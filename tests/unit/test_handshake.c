#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/handshake.h"
#include "heads.h"
#include "split.h"

enum {
	HEAD_MAX = 8192, /* bytes that a head may have here */
};

#define HOST    "Host: server.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define REST    HOST UPGRADE VERSION KEY "\r\n"

/* ---- Helpers. */

/* Finds a head, whatever its pieces, and judges it in memory of its very size. The slices of what
 * is returned are gone. */
static struct handshake_request parse(const char *head)
{
	const size_t len = strlen(head);
	struct handshake_request request;

	heads_find(HTTP_HEAD_REQUEST, HEAD_MAX, head);
	char *copy = split_copy(head, len);
	handshake_judge((struct slice){copy, len}, &request);
	free(copy);
	return request;
}

static const char *answer_to(const struct handshake_request *request)
{
	static char answer[HANDSHAKE_ANSWER_MAX + 1];
	const size_t len = handshake_answer(request, answer);
	assert_in_range(len, 1, HANDSHAKE_ANSWER_MAX);
	answer[len] = '\0';
	return answer;
}

static void assert_has_line(const char *answer, const char *line)
{
	char whole[128];
	snprintf(whole, sizeof whole, "\r\n%s\r\n", line);
	if (!strstr(answer, whole)) {
		fail_msg("no \"%s\" in\n%s", line, answer);
	}
}

/* A refusal closes, and has a body of one line, as long as it says. */
static void assert_is_refusal(const char *answer, uint16_t status)
{
	char start[32];
	snprintf(start, sizeof start, "HTTP/1.1 %u ", status);
	assert_memory_equal(answer, start, strlen(start));

	const char *body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	body += 4;
	assert_true(strlen(body) > 1);
	assert_ptr_equal(strchr(body, '\n'), body + strlen(body) - 1);

	char length[48];
	snprintf(length, sizeof length, "Content-Length: %zu", strlen(body));
	assert_has_line(answer, length);
	assert_has_line(answer, "Content-Type: text/plain");
	assert_true(strstr(answer, "\r\nConnection: close\r\n") ||
		    strstr(answer, "\r\nConnection: Upgrade, close\r\n"));
}

static void assert_status(const char *head, uint16_t status)
{
	const struct handshake_request request = parse(head);
	if (request.status != status) {
		fail_msg("%u instead of %u to\n%s", request.status, status, head);
	}
	if (status != 101) {
		assert_is_refusal(answer_to(&request), status);
	}
}

/* ---- The rows of PROTOCOL section 1. */

static void a_valid_upgrade_gets_101(void **state)
{
	/* The key and its answer are those of RFC 6455 section 1.3. */
	const struct handshake_request request = parse("GET /chat?user=alice HTTP/1.1\r\n" REST);

	assert_int_equal(request.status, 101);
	assert_string_equal(request.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_true(request.user_valid);
	assert_string_equal(request.user, "alice");
	assert_int_equal(request.user_len, 5);
	assert_string_equal(answer_to(&request),
		"HTTP/1.1 101 Switching Protocols\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		"\r\n");
}

static void upgrades_of_browsers_get_101(void **state)
{
	assert_status("GET /?user=a HTTP/1.1\r\n"
		      "Host: localhost:8080\r\n"
		      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Firefox/115.0\r\n"
		      "Accept: */*\r\n"
		      "Accept-Language: zh-CN,en;q=0.5\r\n"
		      "Sec-WebSocket-Version: 13\r\n"
		      "Origin: http://localhost\r\n"
		      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
		      "Sec-WebSocket-Protocol: chat, superchat\r\n"
		      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
		      "Connection: keep-alive, Upgrade\r\n"
		      "Cookie: a=\"b, c\"; n=\xe6\xbd\xae\r\n"
		      "Upgrade: websocket\r\n"
		      "\r\n",
		101);
}

static void tokens_are_found_in_lists(void **state)
{
	static const char *const forms[] = {
		"upgrade: WebSocket\r\nconnection: upgrade\r\n",
		"UPGRADE:WEBSOCKET\r\nCONNECTION:UPGRADE\r\n",
		"Upgrade: \t websocket \t \r\nConnection:  close ,\tUpgrade\t\r\n",
		"Upgrade: h2c, websocket\r\nConnection: ,,Upgrade,,\r\n",
		"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: close\r\nConnection: Upgrade\r\n",
		"Connection: Upgrade\r\nConnection: close\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
	};

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / HTTP/1.1\r\n" HOST VERSION KEY "%s\r\n",
			forms[i]);
		assert_status(head, 101);
	}
}

static void a_get_that_is_no_upgrade_gets_426(void **state)
{
	static const char *const forms[] = {
		"",
		"Connection: Upgrade\r\n",
		"Upgrade: websocket\r\n",
		"Connection: close\r\nUpgrade: websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: h2c\r\n",
		"Connection: UpgradeX\r\nUpgrade: websocket\r\n",
		"Connection: X-Upgrade\r\nUpgrade: websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
		"Connection: Upgrade\r\nUpgrade: web socket\r\n",
		"Connection:\r\nUpgrade:\r\n",
		"X-Connection: Upgrade\r\nUpgrade: websocket\r\n",
	};

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / HTTP/1.1\r\n" HOST VERSION KEY "%s\r\n",
			forms[i]);
		const struct handshake_request request = parse(head);
		assert_int_equal(request.status, 426);
		assert_false(request.wrong_version);
		const char *answer = answer_to(&request);
		assert_is_refusal(answer, 426);
		assert_has_line(answer, "Upgrade: websocket");
		assert_has_line(answer, "Connection: Upgrade, close");
		assert_null(strstr(answer, "Sec-WebSocket-Version"));
	}
}

static void another_websocket_version_gets_426(void **state)
{
	static const char *const versions[] = {"8", "0", "14", "013", "13, 8", "1 3", "", "13.0"};

	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		char head[512];
		snprintf(head, sizeof head,
			"GET / HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: %s\r\n\r\n",
			versions[i]);
		const struct handshake_request request = parse(head);
		assert_int_equal(request.status, 426);
		assert_true(request.wrong_version);
		const char *answer = answer_to(&request);
		assert_is_refusal(answer, 426);
		assert_has_line(answer, "Sec-WebSocket-Version: 13");
		assert_has_line(answer, "Upgrade: websocket");
	}
}

static void a_missing_or_repeated_version_gets_400(void **state)
{
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE KEY "\r\n", 400);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION VERSION "\r\n", 400);
}

static void a_bad_key_gets_400(void **state)
{
	static const char *const keys[] = {
		"",                                                         /* missing */
		KEY KEY,                                                    /* repeated */
		"Sec-WebSocket-Key:\r\n",                                   /* empty */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n",           /* too short */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n",         /* too long */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWE=\r\n",          /* 17 bytes */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQaa\r\n",          /* 18 bytes */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-Q==\r\n",          /* another alphabet */
		"Sec-WebSocket-Key: dGhlIHNh XBsZSBub25jZQ==\r\n",          /* a space */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n",          /* padding inside */
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, a\r\n",       /* a list */
		"Sec-WebSocket-Key: \xe6\xbd\xaelIHNhbXBsZSBub25jZQ==\r\n", /* no ASCII */
	};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / HTTP/1.1\r\n" HOST UPGRADE VERSION "%s\r\n",
			keys[i]);
		assert_status(head, 400);
	}
}

static void all_digits_of_base64_make_keys(void **state)
{
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION
		      "sec-websocket-key:ABCDEFGHIJKLMNOPQRSTUQ==\r\n\r\n",
		101);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION
		      "Sec-WebSocket-Key: \tabcdefghijklmnopqrstug== \r\n\r\n",
		101);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION
		      "Sec-WebSocket-Key: wxyz0123456789+/vwxyzw==\r\n\r\n",
		101);
	/* The example of RFC 6455 section 4.1, with bits left over. */
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION
		      "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n\r\n",
		101);
}

static void a_bad_host_gets_400(void **state)
{
	static const char *const hosts[] = {"", HOST HOST, HOST "Host: other\r\n", "Host:\r\n",
		"Host: :80\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: user@a\r\n",
		"Host: a:80:90\r\n", "Host: 1:2:3:4:5:6:7\r\n", "Host: ::g\r\n", "Host: ::1/\r\n",
		"Host: 127.0.0.1:80:90\r\n", "Host: a:http\r\n", "Host: [::1\r\n", "Host: []\r\n",
		"Host: [::1]x\r\n", "Host: [name]\r\n", "Host: \xe6\xbd\xae\r\n", "Host: a\"b\r\n"};

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEY "%s\r\n",
			hosts[i]);
		assert_status(head, 400);
	}
}

static void plausible_hosts_are_taken(void **state)
{
	static const char *const hosts[] = {"a", "a.b-c_d.example:65535", "127.0.0.1:80", "[::1]",
		"[2001:db8::192.0.2.1]:443", "xn--6q8b.example", "a:",
		/* As npm's `websocket` has them. */
		"::1", "::1:8000", "2001:db8::1:443", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:80",
		"::ffff:127.0.0.1:8000"};

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char head[512];
		snprintf(head, sizeof head,
			"GET / HTTP/1.1\r\nhOST:%s\r\n" UPGRADE VERSION KEY "\r\n", hosts[i]);
		assert_status(head, 101);
	}
}

static void another_method_gets_405(void **state)
{
	static const char *const methods[] = {
		"POST", "PUT", "OPTIONS", "get", "GETS", "GE", "M-SEARCH", "!#$%&'*+-.^_`|~"};

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "%s / HTTP/1.1\r\n" REST, methods[i]);
		const struct handshake_request request = parse(head);
		assert_int_equal(request.status, 405);
		const char *answer = answer_to(&request);
		assert_is_refusal(answer, 405);
		assert_has_line(answer, "Allow: GET");
	}
	/* Whatever form of target goes with the method. */
	assert_status("OPTIONS * HTTP/1.1\r\n" REST, 405);
	assert_status("CONNECT a:443 HTTP/1.1\r\n" REST, 405);
}

static void another_version_of_http_gets_400(void **state)
{
	static const char *const versions[] = {"HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0"};

	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / %s\r\n" REST, versions[i]);
		const struct handshake_request request = parse(head);
		assert_int_equal(request.status, 400);
		assert_non_null(strstr(answer_to(&request), "HTTP/1.1 is required"));
	}
}

static void a_body_gets_400(void **state)
{
	static const char *const fields[] = {"Content-Length: 1",
		"Content-Length: 5\r\nContent-Length: 0", "Content-Length: 0\r\nContent-Length: 5",
		"Content-Length: -0", "Content-Length:", "Content-Length: 0, 0",
		"Content-Length: 0x0", "Content-Length: ten", "Transfer-Encoding: chunked",
		"Transfer-Encoding: identity", "transfer-encoding:"};

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET / HTTP/1.1\r\n%s\r\n" REST, fields[i]);
		assert_status(head, 400);
	}
	assert_status("GET / HTTP/1.1\r\nContent-Length: 0\r\n" REST, 101);
}

static void the_order_of_checks_is_that_of_the_protocol(void **state)
{
	/* Each is wrong in all that is checked later too. */
	assert_status("POST / HTTP/1.0\r\n\r\n", 405);
	assert_status("GET / HTTP/1.0\r\n\r\n", 400);
	assert_status("GET / HTTP/1.1\r\n\r\n", 400);
	assert_status("GET / HTTP/1.1\r\n" HOST "\r\n", 426);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Version: 8\r\n\r\n", 426);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION "\r\n", 400);
	assert_status("GET / HTTP/1.1\r\n" HOST UPGRADE VERSION KEY "\r\n", 101);
}

/* ---- Targets. */

static void forms_of_targets(void **state)
{
	static const struct {
		const char *target;
		uint16_t status;
	} targets[] = {
		{"/", 101},
		{"/a/b?c=d&e", 101},
		{"/%zz?x=%", 101},
		{"/{a}|\\^`<>\"", 101},
		{"http://server.example.com/?user=a", 101},
		{"HTTPS://a:443?user=a", 101},
		{"http://[::1]:80", 101},
		{"ws://server.example.com:8000/?user=a", 101},
		{"WSS://a", 101},
		{"ws://a?user=a", 101},
		{"ws://", 400},
		{"ws://:80/", 400},
		{"wsx://a/", 400},
		{"?user=a", 101},
		{"?", 101},
		{"/\xe6\xbd\xae?user=\xe6\xbd\xae", 101},
		{"http://", 400},
		{"http:///path", 400},
		{"http://user@a/", 400},
		{"ftp://a/", 400},
		{"*", 400},
		{"a:80", 400},
		{"path", 400},
	};

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		char head[512];
		snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n" REST, targets[i].target);
		assert_status(head, targets[i].status);
	}
}

static void assert_user(const char *target, const char *user)
{
	char head[1024];
	snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n" REST, target);
	const struct handshake_request request = parse(head);
	assert_int_equal(request.status, 101);
	if (request.user_valid != (user != NULL)) {
		fail_msg("user of %s", target);
	}
	if (user) {
		assert_string_equal(request.user, user);
		assert_int_equal(request.user_len, strlen(user));
	}
}

#define TEN        "0123456789"
#define SIXTY_FOUR TEN TEN TEN TEN TEN TEN "0123"

static void users_are_decoded(void **state)
{
	assert_user("/?user=a", "a");
	assert_user("/any/path?x=1&user=alice&y=2", "alice");
	assert_user("http://a/?user=alice", "alice");
	assert_user("http://a?user=alice", "alice");
	assert_user("/?user=%E6%BD%AE%e6%b1%90", "\xe6\xbd\xae\xe6\xb1\x90");
	assert_user("/?user=a+b%20c", "a+b c");
	assert_user("/?user=a%26b%3Dc%25", "a&b=c%");
	assert_user("/?user=a=b=c", "a=b=c");
	assert_user("/?user=a?b", "a?b");
	assert_user("/?u%73er=a", "a");
	assert_user("/?%75%73%65%72=a", "a");
	assert_user("/?User=b&USER=c&users=d&use=e&xuser=f&user=a", "a");
	assert_user("/?&&user=a&&", "a");
	assert_user("/?%zz=b&user%=c&user=a", "a");
	assert_user("/?user=" SIXTY_FOUR, SIXTY_FOUR);
	/* As Go's and Python's clients send it, and Qt's. */
	assert_user("/?user=\xe6\xbd\xae", "\xe6\xbd\xae");
	assert_user("?user=alice", "alice");
	assert_user("ws://a/?user=alice", "alice");
}

static void users_that_are_no_names(void **state)
{
	static const char *const targets[] = {
		"/", "/?", "/?x=y", "/user=a", "/?User=a", /* missing */
		"/?user", "/?user=", "/?user&x=y",         /* empty */
		"/?user=a&user=b", "/?user=a&user=a",      /* repeated */
		"/?user=a&user", "/?user=&user=a", "/?user=a&us%65r=b", "/?user=%&user=a&user=b",
		"/?user=%", "/?user=%4", "/?user=%4g", "/?user=%g4", "/?user=a%&x", /* no escapes */
		"/?user=%FF", "/?user=%C3", "/?user=%ED%A0%80", "/?user=%C0%80",    /* no UTF-8 */
		"/?user=%00", "/?user=a%00b", "/?user=%0A", "/?user=%1F", "/?user=%7F",
		"/?user=%C2%80", "/?user=%C2%9F", /* control characters */
		"/?user=\xff", "/?user=\xe6\xbd", "/?user=%E6\xbd", "/?user=%2D-%20FROM%20bob",
		"/?user=a%20", "/?user=%C2%A0a", "/?user=%E2%80%AEa", /* what misleads */
		"/?user=" SIXTY_FOUR "4", "/?user=" SIXTY_FOUR "%34", /* too long */
	};

	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		assert_user(targets[i], NULL);
	}
}

/* ---- What else a request says. */

static void expect_field(struct handshake_field field, uint32_t count, const char *value)
{
	assert_int_equal(field.count, count);
	assert_int_equal(field.value.len, strlen(value));
	assert_memory_equal(field.value.data, value, field.value.len);
}

static void expect_slice(struct slice slice, const char *text)
{
	assert_int_equal(slice.len, strlen(text));
	assert_memory_equal(slice.data, text, slice.len);
}

static struct handshake_request parse_target(const char *target)
{
	char head[512];
	snprintf(head, sizeof head, "GET %s HTTP/1.1\r\n" REST, target);
	return parse(head);
}

static void assert_device(const char *target, const char *device)
{
	const struct handshake_request request = parse_target(target);
	assert_true(request.user_valid);
	assert_string_equal(request.device, device);
	assert_int_equal(request.device_len, strlen(device));
}

/* One that has no name is a device too; a name is under the rule of users, but shorter. */
static void devices(void **state)
{
	static const char *const none[] = {
		"/?user=a&device=%20b",
		"/?user=a&device=b&device=c",
		"/?user=a&device=%",
		"/?user=a&device=%ff",
		"/?user=a&device=012345678901234567890123456789012",
	};
	assert_device("/?user=a", "");
	assert_device("/?user=a&device=", "");
	assert_device("/?device=phone&user=a", "phone");
	assert_device("/?user=a&%64evice=%e4%b8%ad", "\xe4\xb8\xad");
	assert_device("/?user=a&device=01234567890123456789012345678901",
		"01234567890123456789012345678901");
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		const struct handshake_request request = parse_target(none[i]);
		assert_int_equal(request.status, 101);
		assert_false(request.user_valid);
	}
}

static struct handshake_request parse_offer(const char *lines)
{
	char head[512];
	snprintf(head, sizeof head, "GET /?user=a HTTP/1.1\r\n%s" REST, lines);
	return parse(head);
}

static void the_best_subprotocol_is_taken(void **state)
{
	static const struct {
		const char *lines;
		enum subprotocol taken;
	} offers[] = {
		{"", SUBPROTOCOL_NONE},
		{"Sec-WebSocket-Protocol: chat\r\n", SUBPROTOCOL_NONE},
		{"Sec-WebSocket-Protocol: \r\n", SUBPROTOCOL_NONE},
		{"Sec-WebSocket-Protocol: tidegate.v0\r\n", SUBPROTOCOL_V0},
		{"Sec-WebSocket-Protocol: tidegate.v1\r\n", SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: tidegate.v0, tidegate.v1\r\n", SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: tidegate.v1,tidegate.v0\r\n", SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: chat ,\ttidegate.v1 , tidegate.token.x\r\n",
			SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: tidegate.v1\r\nSec-WebSocket-Protocol: chat\r\n",
			SUBPROTOCOL_V1},
		{"sec-websocket-protocol: tidegate.v0\r\nSEC-WEBSOCKET-PROTOCOL: tidegate.v1\r\n",
			SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: Tidegate.V1\r\n", SUBPROTOCOL_NONE},
		{"Sec-WebSocket-Protocol: tidegate.v10, xtidegate.v1\r\n", SUBPROTOCOL_NONE},
	};
	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		const struct handshake_request request = parse_offer(offers[i].lines);
		assert_int_equal(request.status, 101);
		assert_int_equal(request.subprotocol, offers[i].taken);
	}
}

static void the_answer_names_what_was_taken(void **state)
{
	struct handshake_request request =
		parse_offer("Sec-WebSocket-Protocol: a, tidegate.v1\r\n");
	assert_has_line(answer_to(&request), "Sec-WebSocket-Protocol: tidegate.v1");
	request = parse_offer("Sec-WebSocket-Protocol: tidegate.v0\r\n");
	assert_has_line(answer_to(&request), "Sec-WebSocket-Protocol: tidegate.v0");
	request = parse_offer("Sec-WebSocket-Protocol: a\r\n");
	assert_null(strstr(answer_to(&request), "WebSocket-Protocol"));
}

static void a_request_knows_what_stands_in_it(void **state)
{
	static const char head[] =
		"GET http://a/b?user=%61&c?d HTTP/1.1\r\n" HOST UPGRADE VERSION KEY
		"sec-websocket-protocol: tidegate.v1 , x\r\n"
		"ORIGIN: https://a.example\r\n"
		"Authorization:\tBearer x.y.z \r\n"
		"X-Forwarded-For: 192.0.2.1\r\n"
		"Forwarded: for=192.0.2.3;proto=https\r\n"
		"X-Forwarded-For: 192.0.2.2, ::1\r\n\r\n";
	const struct slice all = {head, sizeof(head) - 1};
	struct handshake_request request;

	handshake_judge(all, &request);
	assert_int_equal(request.status, 101);
	assert_string_equal(request.user, "a");
	expect_slice(request.target, "http://a/b?user=%61&c?d");
	expect_slice(request.query, "user=%61&c?d");
	expect_field(request.protocols, 1, "tidegate.v1 , x");
	expect_field(request.origin, 1, "https://a.example");
	expect_field(request.authorization, 1, "Bearer x.y.z");
	expect_field(request.forwarded, 1, "for=192.0.2.3;proto=https");
	expect_field(request.x_forwarded_for, 2, "192.0.2.2, ::1");

	/* A list's other lines are among the fields. */
	struct slice rest = request.fields;
	struct slice name = SLICE("");
	struct slice value = SLICE("");
	assert_ptr_equal(rest.data, strstr(head, HOST));
	assert_ptr_equal(rest.data + rest.len, head + sizeof(head) - 1);
	while (!slice_equals_nocase(name, SLICE("x-forwarded-for"))) {
		assert_true(http_head_cut_field(&rest, &name, &value));
	}
	expect_slice(value, "192.0.2.1");
}

static void a_refused_request_knows_it_too(void **state)
{
	static const char head[] = "PUT /x HTTP/1.0\r\nOrigin: a\r\nOrigin:\r\n\r\n";
	struct handshake_request request;

	handshake_judge((struct slice){head, sizeof(head) - 1}, &request);
	assert_int_equal(request.status, 405);
	expect_slice(request.target, "/x");
	expect_slice(request.query, "");
	expect_field(request.origin, 2, "");
	assert_int_equal(request.protocols.count, 0);
	assert_int_equal(request.authorization.count, 0);
	assert_int_equal(request.forwarded.count, 0);
	assert_int_equal(request.x_forwarded_for.count, 0);
}

/* ---- Browsers that look. */

#define BROWSER "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"

static void a_browser_wants_a_page(void **state)
{
	static const char *const heads[] = {
		"GET / HTTP/1.1\r\n" HOST BROWSER "\r\n",
		"HEAD / HTTP/1.1\r\n" HOST BROWSER "\r\n",
		"GET /any?user=a HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n" BROWSER "\r\n",
		"GET / HTTP/1.1\r\n" HOST "aCCEPT:TEXT/HTML\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: */* , text/html ;level=1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: image/png\r\nAccept: text/html\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: text/html;q=0.001\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: text/html;q=0, text/html; q=1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: text/html;q=;level=0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		const struct handshake_request request = parse(heads[i]);
		assert_true(request.wants_page);
		/* Whether it gets one is not judged here. */
		assert_int_equal(request.status, request.headers_only ? 405 : 426);
	}
}

static void others_want_no_page(void **state)
{
	static const char *const heads[] = {
		"GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept:\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST
		"Accept: text/htmlx, xtext/html, text/plain;text/html\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "X-Accept: text/html\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: text/html;q=0, */*\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Accept: text/html; level=1 ; Q = 0.000\r\n\r\n",
		"POST / HTTP/1.1\r\n" HOST BROWSER "\r\n",
		/* What is wrong with a request stays wrong. */
		"GET / HTTP/1.1\r\n" BROWSER "\r\n",
		"HEAD / HTTP/1.1\r\n" HOST HOST BROWSER "\r\n",
		"GET / HTTP/1.0\r\n" HOST BROWSER "\r\n",
		"HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" BROWSER "\r\n",
		"GET ftp://x HTTP/1.1\r\n" HOST BROWSER "\r\n",
		/* An upgrade is one, and half of one a proxy's fault. */
		"GET / HTTP/1.1\r\n" BROWSER REST,
		"HEAD / HTTP/1.1\r\n" BROWSER REST,
		"GET / HTTP/1.1\r\n" BROWSER HOST UPGRADE "Sec-WebSocket-Version: 8\r\n\r\n",
		"GET / HTTP/1.1\r\n" BROWSER HOST "Upgrade: websocket\r\n\r\n",
		"GET / HTTP/1.1\r\n" BROWSER HOST "Connection: Upgrade\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		if (parse(heads[i]).wants_page) {
			fail_msg("wants a page:\n%s", heads[i]);
		}
	}
}

/* ---- HEAD. */

static void a_head_gets_no_body(void **state)
{
	struct handshake_request request = parse("HEAD / HTTP/1.1\r\n" REST);
	assert_int_equal(request.status, 405);
	assert_has_line(answer_to(&request), "Allow: GET");
	assert_string_equal(strstr(answer_to(&request), "\r\n\r\n"), "\r\n\r\n");

	static const uint16_t statuses[] = {400, 408, 431, 503};
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		handshake_give_up(SLICE("HEAD /x HTTP"), statuses[i], &request);
		assert_string_equal(strstr(answer_to(&request), "\r\n\r\n"), "\r\n\r\n");
		handshake_give_up(SLICE("HEADER /x HTTP"), statuses[i], &request);
		assert_is_refusal(answer_to(&request), statuses[i]);
	}
}

/* ---- What was wrong. */

static void assert_detail(const char *head, const char *words)
{
	const struct handshake_request request = parse(head);
	if (!strstr(request.detail, words)) {
		fail_msg("\"%s\" of\n%s", request.detail, head);
	}
}

static void refusals_say_what_was_wrong(void **state)
{
	assert_detail("POST / HTTP/1.1\r\n" REST, "Only GET");
	assert_detail("PRI * HTTP/2.0\r\n\r\n", "HTTP/2 is not spoken");
	assert_detail("GET / HTTP/1.1\r\n" UPGRADE VERSION KEY "\r\n", "Host is missing");
	assert_detail("GET / HTTP/1.1\r\n" HOST REST, "more than one Host");
	assert_detail("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host is no host");
	assert_detail("GET / HTTP/1.1\r\n" HOST "\r\n", "is no upgrade");
	assert_detail("GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n",
		"\"Connection: Upgrade\" is missing");
	assert_detail("GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\n\r\n",
		"\"Upgrade: websocket\" is missing");
}

static void who_is_given_up_is_told_why(void **state)
{
	static const struct {
		const char *begun;
		uint16_t status;
		const char *words;
	} cases[] = {
		{"\x16\x03\x01", 400, "TLS on a plain port: use ws://"},
		{"PROXY TCP4 1", 400, "proxy protocol is not spoken"},
		{"GET / HTTP/1.1\n", 400, "LF alone"},
		{"GET / HTTP", 408, "took too long"},
		{"GET / HTTP", 431, "too long"},
		{"GET / HTTP", 503, "Come back later"},
		{"", 400, "no HTTP"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct handshake_request request;
		handshake_give_up((struct slice){cases[i].begun, strlen(cases[i].begun)},
			cases[i].status, &request);
		assert_is_refusal(answer_to(&request), cases[i].status);
		assert_non_null(strstr(request.detail, cases[i].words));
	}
}

/* ---- Limits. */

/* Makes a head of exactly `len` bytes. */
static void fill_head(char *head, size_t len)
{
	static const char start[] = "GET /?user=a HTTP/1.1\r\nX-Fill: ";
	static const char end[] = "\r\n" REST;

	memset(head, 'x', len);
	memcpy(head, start, sizeof start - 1);
	memcpy(head + len - (sizeof end - 1), end, sizeof end - 1);
}

static void heads_are_taken_up_to_the_limit(void **state)
{
	static char data[HEAD_MAX + 1];

	for (size_t step = 1; step <= HEAD_MAX; step *= 8) {
		struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
		struct slice head = {NULL, 0};
		fill_head(data, HEAD_MAX);
		for (size_t len = step; len < HEAD_MAX; len += step) {
			assert_int_equal(
				http_head_scan(&scan, data, len, HEAD_MAX, &head), HTTP_HEAD_MORE);
		}
		assert_int_equal(http_head_scan(&scan, data, sizeof(data), HEAD_MAX, &head),
			HTTP_HEAD_COMPLETE);
		assert_int_equal(head.len, HEAD_MAX);

		struct handshake_request request;
		handshake_judge(head, &request);
		assert_int_equal(request.status, 101);
	}
}

static void longer_heads_are_too_long(void **state)
{
	static char data[HEAD_MAX + 1];
	struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
	struct slice head;

	fill_head(data, sizeof(data));
	assert_int_equal(
		http_head_scan(&scan, data, HEAD_MAX - 1, HEAD_MAX, &head), HTTP_HEAD_MORE);
	assert_int_equal(
		http_head_scan(&scan, data, HEAD_MAX, HEAD_MAX, &head), HTTP_HEAD_TOO_LONG);
	assert_int_equal(
		http_head_scan(&scan, data, sizeof(data), HEAD_MAX, &head), HTTP_HEAD_TOO_LONG);
}

/* ---- Refusals that no head asked for. */

static void refusals(void **state)
{
	static const uint16_t statuses[] = {400, 408, 431, 503};
	char answer[HANDSHAKE_ANSWER_MAX + 1];

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		const size_t len = handshake_refusal(statuses[i], UINT32_MAX, answer);
		assert_in_range(len, 1, HANDSHAKE_ANSWER_MAX);
		answer[len] = '\0';
		assert_is_refusal(answer, statuses[i]);
		assert_int_equal(strstr(answer, "\r\nRetry-After: 4294967295\r\n") != NULL,
			statuses[i] == 503);
	}
}

static void a_status_alone_makes_an_answer(void **state)
{
	const struct handshake_request request = {.status = 431};
	assert_is_refusal(answer_to(&request), 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_upgrade_gets_101),
		cmocka_unit_test(upgrades_of_browsers_get_101),
		cmocka_unit_test(tokens_are_found_in_lists),
		cmocka_unit_test(a_get_that_is_no_upgrade_gets_426),
		cmocka_unit_test(another_websocket_version_gets_426),
		cmocka_unit_test(a_browser_wants_a_page),
		cmocka_unit_test(others_want_no_page),
		cmocka_unit_test(a_missing_or_repeated_version_gets_400),
		cmocka_unit_test(a_bad_key_gets_400),
		cmocka_unit_test(all_digits_of_base64_make_keys),
		cmocka_unit_test(a_bad_host_gets_400),
		cmocka_unit_test(plausible_hosts_are_taken),
		cmocka_unit_test(another_method_gets_405),
		cmocka_unit_test(another_version_of_http_gets_400),
		cmocka_unit_test(a_body_gets_400),
		cmocka_unit_test(the_order_of_checks_is_that_of_the_protocol),
		cmocka_unit_test(forms_of_targets),
		cmocka_unit_test(users_are_decoded),
		cmocka_unit_test(users_that_are_no_names),
		cmocka_unit_test(devices),
		cmocka_unit_test(the_best_subprotocol_is_taken),
		cmocka_unit_test(the_answer_names_what_was_taken),
		cmocka_unit_test(a_request_knows_what_stands_in_it),
		cmocka_unit_test(a_refused_request_knows_it_too),
		cmocka_unit_test(a_head_gets_no_body),
		cmocka_unit_test(refusals_say_what_was_wrong),
		cmocka_unit_test(who_is_given_up_is_told_why),
		cmocka_unit_test(heads_are_taken_up_to_the_limit),
		cmocka_unit_test(longer_heads_are_too_long),
		cmocka_unit_test(refusals),
		cmocka_unit_test(a_status_alone_makes_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
