#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/client_handshake.h"
#include "../../proto/handshake.h"
#include "../../proto/user_name.h"
#include "heads.h"
#include "split.h"

/* RFC 6455 section 1.3. */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void the_sample_of_the_rfc(void **state)
{
	char made[ACCEPT_LEN + 1];
	char made_key[ACCEPT_KEY_LEN + 1];

	client_handshake_key((const uint8_t *)"the sample nonce", made_key);
	assert_string_equal(made_key, key);
	accept_of_key(key, made);
	assert_string_equal(made, accept);
}

struct row {
	const char *head;
	enum client_handshake_fault fault;
	uint16_t status;
	int32_t retry_after_s;
};

static const struct row rows[] = {
	{"HTTP/1.1 101 Switching Protocols\r\n" UPGRADE ACCEPT "\r\n", CLIENT_HANDSHAKE_OPEN, 101,
		-1},
	{"HTTP/1.1 101\r\n" UPGRADE ACCEPT "\r\n", CLIENT_HANDSHAKE_OPEN, 101, -1},
	{"HTTP/1.1 101 \r\nUPGRADE:WebSocket\r\nconnection: keep-alive, upgrade\r\n"
	 "SEC-WEBSOCKET-ACCEPT:\t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\nServer: x\r\n\r\n",
		CLIENT_HANDSHAKE_OPEN, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE ACCEPT "Sec-WebSocket-Extensions:\r\n\r\n",
		CLIENT_HANDSHAKE_OPEN, 101, -1},
	{"HTTP/1.0 101 X\r\n" UPGRADE ACCEPT "\r\n", CLIENT_HANDSHAKE_VERSION, 101, -1},
	{"HTTP/1.1 200 OK\r\n" UPGRADE ACCEPT "\r\n", CLIENT_HANDSHAKE_STATUS, 200, -1},
	{"HTTP/1.1 503 X\r\nRetry-After: 120\r\n\r\n", CLIENT_HANDSHAKE_STATUS, 503, 120},
	{"HTTP/1.1 503 X\r\nretry-after:0\r\n\r\n", CLIENT_HANDSHAKE_STATUS, 503, 0},
	{"HTTP/1.1 503 X\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n",
		CLIENT_HANDSHAKE_STATUS, 503, -1},
	{"HTTP/1.1 503 X\r\nRetry-After: 99999999999\r\n\r\n", CLIENT_HANDSHAKE_STATUS, 503,
		INT32_MAX},
	{"HTTP/1.1 503 X\r\nRetry-After: -1\r\n\r\n", CLIENT_HANDSHAKE_STATUS, 503, -1},
	{"HTTP/1.1 503 X\r\nRetry-After:\r\n\r\n", CLIENT_HANDSHAKE_STATUS, 503, -1},
	{"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n",
		CLIENT_HANDSHAKE_NO_UPGRADE, 101, -1},
	{"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n" ACCEPT "\r\n", CLIENT_HANDSHAKE_NO_UPGRADE,
		101, -1},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n",
		CLIENT_HANDSHAKE_NO_CONNECTION, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE "\r\n", CLIENT_HANDSHAKE_NO_ACCEPT, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE ACCEPT ACCEPT "\r\n", CLIENT_HANDSHAKE_NO_ACCEPT, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		CLIENT_HANDSHAKE_WRONG_ACCEPT, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE "Sec-WebSocket-Accept:\r\n\r\n",
		CLIENT_HANDSHAKE_WRONG_ACCEPT, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE ACCEPT "Sec-WebSocket-Extensions: x\r\n\r\n",
		CLIENT_HANDSHAKE_EXTENSION, 101, -1},
	{"HTTP/1.1 101 X\r\n" UPGRADE ACCEPT "Sec-WebSocket-Protocol: x\r\n\r\n",
		CLIENT_HANDSHAKE_SUBPROTOCOL, 101, -1},
};

static void answers_are_judged(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client_handshake_answer answer;
		const size_t len = strlen(rows[i].head);
		char *head = split_copy(rows[i].head, len);

		client_handshake_judge((struct slice){head, len}, key, SUBPROTOCOL_NONE, &answer);
		free(head);
		if (answer.fault != rows[i].fault) {
			print_error("%s: %s\n", rows[i].head,
				client_handshake_fault_text(answer.fault));
		}
		assert_int_equal(answer.fault, rows[i].fault);
		assert_int_equal(answer.status, rows[i].status);
		assert_int_equal(answer.retry_after_s, rows[i].retry_after_s);
	}
}

static void heads_are_found_however_they_are_cut(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		heads_find(HTTP_HEAD_ANSWER, CLIENT_HANDSHAKE_HEAD_MAX, rows[i].head);
	}
}

static void a_head_may_have_16_kib_and_no_more(void **state)
{
	static const char start[] = "HTTP/1.1 101 X\r\nA: ";
	static const char end[] = "\r\n\r\n";
	const size_t limit = CLIENT_HANDSHAKE_HEAD_MAX;
	char *data = malloc(limit + 1);
	struct client_handshake_answer answer;

	assert_non_null(data);
	for (size_t len = limit; len <= limit + 1; len++) {
		struct http_head_scan scan = {.state = HTTP_HEAD_ANSWER};
		struct slice head;

		memset(data, 'a', len);
		memcpy(data, start, sizeof(start) - 1);
		memcpy(data + len - 4, end, 4);
		if (len > limit) {
			assert_int_equal(
				http_head_scan(&scan, data, len, limit, &head), HTTP_HEAD_TOO_LONG);
			continue;
		}
		assert_int_equal(
			http_head_scan(&scan, data, len, limit, &head), HTTP_HEAD_COMPLETE);
		client_handshake_judge(head, key, SUBPROTOCOL_NONE, &answer);
		assert_int_equal(answer.fault, CLIENT_HANDSHAKE_NO_UPGRADE);
	}
	free(data);
}

/* Both sides of ours understand each other. */
static void the_gateway_takes_the_request(void **state)
{
	char request[1024];
	char answer[HANDSHAKE_ANSWER_MAX];
	struct handshake_request asked;
	struct client_handshake_answer judged;

	const size_t len = client_handshake_request("/chat?user=b%20b", "[::1]:8000", key,
		SUBPROTOCOL_NONE, NULL, request, sizeof(request));
	assert_true(len < sizeof(request));
	assert_int_equal(client_handshake_request("/chat?user=b%20b", "[::1]:8000", key,
				 SUBPROTOCOL_NONE, NULL, NULL, 0),
		len);
	handshake_judge((struct slice){request, len}, &asked);
	assert_int_equal(asked.status, 101);
	assert_string_equal(asked.user, "b b");
	const size_t answer_len = handshake_answer(&asked, answer);
	client_handshake_judge((struct slice){answer, answer_len}, key, SUBPROTOCOL_NONE, &judged);
	assert_int_equal(judged.fault, CLIENT_HANDSHAKE_OPEN);

	struct http_head_scan scan = {.state = HTTP_HEAD_ANSWER};
	struct slice head;
	const size_t refusal_len = handshake_refusal(503, 9, answer);
	assert_int_equal(
		http_head_scan(&scan, answer, refusal_len, CLIENT_HANDSHAKE_HEAD_MAX, &head),
		HTTP_HEAD_COMPLETE);
	client_handshake_judge(head, key, SUBPROTOCOL_NONE, &judged);
	assert_int_equal(judged.fault, CLIENT_HANDSHAKE_STATUS);
	assert_int_equal(judged.status, 503);
	assert_int_equal(judged.retry_after_s, 9);
}

/* What is offered is asked for, and taken when it is named once; a gateway of before names nothing.
 */
static void what_is_offered_is_taken_or_not(void **state)
{
	static const struct {
		const char *fields;
		enum client_handshake_fault fault;
		enum subprotocol taken;
	} answers[] = {
		{"", CLIENT_HANDSHAKE_OPEN, SUBPROTOCOL_NONE},
		{"sec-websocket-protocol:  tidegate.v1 \r\n", CLIENT_HANDSHAKE_OPEN,
			SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: tidegate.v0\r\n", CLIENT_HANDSHAKE_SUBPROTOCOL,
			SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: TIDEGATE.V1\r\n", CLIENT_HANDSHAKE_SUBPROTOCOL,
			SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol:\r\n", CLIENT_HANDSHAKE_SUBPROTOCOL, SUBPROTOCOL_V1},
		{"Sec-WebSocket-Protocol: tidegate.v1\r\nSec-WebSocket-Protocol: "
		 "tidegate.v1\r\n",
			CLIENT_HANDSHAKE_SUBPROTOCOL, SUBPROTOCOL_V1},
	};
	char text[512];
	struct handshake_request asked;
	struct client_handshake_answer judged;

	const size_t request_len = client_handshake_request(
		"/?user=bob", "gate", key, SUBPROTOCOL_V1, NULL, text, sizeof(text));
	handshake_judge((struct slice){text, request_len}, &asked);
	assert_int_equal(asked.subprotocol, SUBPROTOCOL_V1);
	const size_t answer_len = handshake_answer(&asked, text);
	client_handshake_judge((struct slice){text, answer_len}, key, SUBPROTOCOL_V1, &judged);
	assert_int_equal(judged.fault, CLIENT_HANDSHAKE_OPEN);
	assert_int_equal(judged.subprotocol, SUBPROTOCOL_V1);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const int len = snprintf(text, sizeof(text),
			"HTTP/1.1 101 X\r\n" UPGRADE ACCEPT "%s\r\n", answers[i].fields);
		client_handshake_judge(
			(struct slice){text, (size_t)len}, key, SUBPROTOCOL_V1, &judged);
		assert_int_equal(judged.fault, answers[i].fault);
		if (judged.fault == CLIENT_HANDSHAKE_OPEN) {
			assert_int_equal(judged.subprotocol, answers[i].taken);
		}
	}
}

static void a_token_has_a_header_of_its_own(void **state)
{
	static const char field[] = "\r\nAuthorization: Bearer a.b-c_d=\r\n";
	char text[512];
	struct handshake_request asked;

	const size_t len = client_handshake_request(
		"/?user=bob", "gate", key, SUBPROTOCOL_V1, "a.b-c_d=", text, sizeof(text));
	assert_int_equal(client_handshake_request(
				 "/?user=bob", "gate", key, SUBPROTOCOL_V1, "a.b-c_d=", NULL, 0),
		len);
	assert_non_null(memmem(text, len, field, sizeof(field) - 1));
	handshake_judge((struct slice){text, len}, &asked);
	assert_int_equal(asked.status, 101);
}

static void names_of_users(void **state)
{
	char longest[65];

	memset(longest, 'a', sizeof(longest));
	assert_true(user_name_is_valid(longest, 64));
	assert_false(user_name_is_valid(longest, 65));
	assert_false(user_name_is_valid("", 0));
	assert_true(user_name_is_valid("a&b=1#x \xe4\xb8\xad", 11));
	assert_false(user_name_is_valid("a\x1f", 2));
	assert_false(user_name_is_valid("a\x7f", 2));
	assert_false(user_name_is_valid("a\xc2\x80", 3));
	assert_false(user_name_is_valid("a\xc2\x9f", 3));
	assert_true(user_name_is_valid("a\xc2\xa1", 3));
	assert_false(user_name_is_valid("a\xc2", 2));
}

static void every_fault_has_a_text(void **state)
{
	for (unsigned a = CLIENT_HANDSHAKE_OPEN; a <= CLIENT_HANDSHAKE_SUBPROTOCOL; a++) {
		for (unsigned b = 0; b < a; b++) {
			assert_string_not_equal(
				client_handshake_fault_text(a), client_handshake_fault_text(b));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_of_the_rfc),
		cmocka_unit_test(answers_are_judged),
		cmocka_unit_test(heads_are_found_however_they_are_cut),
		cmocka_unit_test(a_head_may_have_16_kib_and_no_more),
		cmocka_unit_test(the_gateway_takes_the_request),
		cmocka_unit_test(what_is_offered_is_taken_or_not),
		cmocka_unit_test(a_token_has_a_header_of_its_own),
		cmocka_unit_test(names_of_users),
		cmocka_unit_test(every_fault_has_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
