#include "client_handshake.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "http_field.h"
#include "slice.h"

void client_handshake_key(
	const uint8_t nonce[CLIENT_HANDSHAKE_NONCE_LEN], char ret_key[ACCEPT_KEY_LEN + 1])
{
	EVP_EncodeBlock((uint8_t *)ret_key, nonce, CLIENT_HANDSHAKE_NONCE_LEN);
}

size_t client_handshake_request(
	const char *target, const char *authority, const char *key, char *ret_request, size_t size)
{
	const int len = snprintf(ret_request, size,
		"GET %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"\r\n",
		target, authority, key);
	return (size_t)len;
}

/* ---- The search for the end. */

enum scan_state {
	SCAN_START, /* and the states up to SCAN_STATUS_END: a byte each of "HTTP/1.1 101" */
	SCAN_STATUS_END = 12,
	SCAN_PHRASE,
	SCAN_LINE_LF,
	SCAN_NAME_START,
	SCAN_NAME,
	SCAN_VALUE,
	SCAN_HEAD_LF,
	SCAN_COMPLETE,
	SCAN_MALFORMED,
};

static enum scan_state scan_start(enum scan_state state, char c)
{
	static const char pattern[] = "HTTP/d.d ddd";
	const char wanted = pattern[state];
	const bool fits = wanted == 'd' ? ascii_is_digit(c) : c == wanted;
	return fits ? state + 1 : SCAN_MALFORMED;
}

static enum scan_state scan_byte(enum scan_state state, char c)
{
	switch (state) {
	case SCAN_STATUS_END:
		/* Some leave out the space with the phrase, which RFC 9112 asks for. */
		return c == ' ' ? SCAN_PHRASE : c == '\r' ? SCAN_LINE_LF : SCAN_MALFORMED;
	case SCAN_PHRASE:
		return http_is_value(c) ? SCAN_PHRASE : c == '\r' ? SCAN_LINE_LF : SCAN_MALFORMED;
	case SCAN_LINE_LF:
		return c == '\n' ? SCAN_NAME_START : SCAN_MALFORMED;
	case SCAN_NAME_START:
		return c == '\r' ? SCAN_HEAD_LF : http_is_token(c) ? SCAN_NAME : SCAN_MALFORMED;
	case SCAN_NAME:
		return http_is_token(c) ? SCAN_NAME : c == ':' ? SCAN_VALUE : SCAN_MALFORMED;
	case SCAN_VALUE:
		return http_is_value(c) ? SCAN_VALUE : c == '\r' ? SCAN_LINE_LF : SCAN_MALFORMED;
	case SCAN_HEAD_LF:
		return c == '\n' ? SCAN_COMPLETE : SCAN_MALFORMED;
	case SCAN_COMPLETE:
	case SCAN_MALFORMED:
		return state;
	default:
		return scan_start(state, c);
	}
}

enum client_handshake_progress client_handshake_scan(
	struct client_handshake_scan *scan, const char *data, size_t len, size_t *ret_head_len)
{
	const size_t limit = len < CLIENT_HANDSHAKE_HEAD_MAX ? len : CLIENT_HANDSHAKE_HEAD_MAX;
	enum scan_state state = scan->state;
	size_t seen = scan->seen;

	while (seen < limit && state < SCAN_COMPLETE) {
		state = scan_byte(state, data[seen++]);
	}
	scan->state = (uint8_t)state;
	scan->seen = (uint16_t)seen;

	if (state == SCAN_MALFORMED) {
		return CLIENT_HANDSHAKE_MALFORMED;
	}
	if (state == SCAN_COMPLETE) {
		*ret_head_len = seen;
		return CLIENT_HANDSHAKE_COMPLETE;
	}
	return seen == CLIENT_HANDSHAKE_HEAD_MAX ? CLIENT_HANDSHAKE_TOO_LONG
						 : CLIENT_HANDSHAKE_MORE;
}

/* ---- A complete head, taken apart. */

struct head {
	struct slice status_line;
	struct slice accept; /* of the last one */
	size_t accept_count;
	bool connection_upgrade;
	bool upgrade_websocket;
	bool has_extension;
	bool has_subprotocol;
	int32_t retry_after_s;
};

/* Seconds only: a date means little without the server's clock. */
static int32_t read_seconds(struct slice value)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_digit(value.data[i])) {
			return -1;
		}
		seconds = seconds * 10 + (value.data[i] - '0');
		if (seconds > INT32_MAX) {
			return -1;
		}
	}
	return value.len > 0 ? (int32_t)seconds : -1;
}

static void take_field(struct head *head, struct slice name, struct slice value)
{
	if (slice_equals_nocase(name, SLICE("connection"))) {
		head->connection_upgrade |= http_list_has(value, SLICE("upgrade"));
	} else if (slice_equals_nocase(name, SLICE("upgrade"))) {
		head->upgrade_websocket |= http_list_has(value, SLICE("websocket"));
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-accept"))) {
		head->accept = value;
		head->accept_count++;
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-extensions"))) {
		head->has_extension |= value.len > 0;
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-protocol"))) {
		head->has_subprotocol = true;
	} else if (slice_equals_nocase(name, SLICE("retry-after"))) {
		head->retry_after_s = read_seconds(value);
	}
}

/* `rest` has passed the scan, so that every separator looked for is there. */
static void take_apart(struct slice rest, struct head *ret_head)
{
	*ret_head = (struct head){
		.status_line = slice_cut(&rest, '\r'),
		.retry_after_s = -1,
	};
	for (;;) {
		slice_drop(&rest, 1); /* the LF */
		struct slice value = slice_cut(&rest, '\r');
		if (value.len == 0) {
			return;
		}
		const struct slice name = slice_cut(&value, ':');
		take_field(ret_head, name, slice_trim(value));
	}
}

static enum client_handshake_fault judge(const struct head *head, uint16_t status, const char *key)
{
	char accept[ACCEPT_LEN + 1];

	if (status != 101) {
		return CLIENT_HANDSHAKE_STATUS;
	}
	if (!slice_begins_nocase(head->status_line, SLICE("HTTP/1.1"))) {
		return CLIENT_HANDSHAKE_VERSION;
	}
	if (!head->upgrade_websocket) {
		return CLIENT_HANDSHAKE_NO_UPGRADE;
	}
	if (!head->connection_upgrade) {
		return CLIENT_HANDSHAKE_NO_CONNECTION;
	}
	if (head->accept_count != 1) {
		return CLIENT_HANDSHAKE_NO_ACCEPT;
	}
	accept_of_key(key, accept);
	if (!slice_equals(head->accept, (struct slice){accept, ACCEPT_LEN})) {
		return CLIENT_HANDSHAKE_WRONG_ACCEPT;
	}
	if (head->has_extension) {
		return CLIENT_HANDSHAKE_EXTENSION;
	}
	return head->has_subprotocol ? CLIENT_HANDSHAKE_SUBPROTOCOL : CLIENT_HANDSHAKE_OPEN;
}

void client_handshake_parse(const char *head, size_t head_len, const char *key,
	struct client_handshake_answer *ret_answer)
{
	struct client_handshake_scan scan = {0};
	size_t scanned_len = 0;
	struct head parts;

	*ret_answer = (struct client_handshake_answer){
		.fault = CLIENT_HANDSHAKE_NO_HTTP,
		.retry_after_s = -1,
	};
	if (client_handshake_scan(&scan, head, head_len, &scanned_len) !=
			CLIENT_HANDSHAKE_COMPLETE ||
		scanned_len != head_len) {
		return;
	}
	take_apart((struct slice){head, head_len}, &parts);
	const char *status = parts.status_line.data + strlen("HTTP/1.1 ");
	ret_answer->status =
		(uint16_t)((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
	ret_answer->retry_after_s = parts.retry_after_s;
	ret_answer->fault = judge(&parts, ret_answer->status, key);
}

const char *client_handshake_fault_text(enum client_handshake_fault fault)
{
	switch (fault) {
	case CLIENT_HANDSHAKE_OPEN:
		return "open";
	case CLIENT_HANDSHAKE_NO_HTTP:
		return "the answer is no HTTP";
	case CLIENT_HANDSHAKE_STATUS:
		return "the status is not 101";
	case CLIENT_HANDSHAKE_VERSION:
		return "the answer is not HTTP/1.1";
	case CLIENT_HANDSHAKE_NO_UPGRADE:
		return "Upgrade: websocket is missing";
	case CLIENT_HANDSHAKE_NO_CONNECTION:
		return "Connection: Upgrade is missing";
	case CLIENT_HANDSHAKE_NO_ACCEPT:
		return "one Sec-WebSocket-Accept is required";
	case CLIENT_HANDSHAKE_WRONG_ACCEPT:
		return "Sec-WebSocket-Accept does not fit the key";
	case CLIENT_HANDSHAKE_EXTENSION:
		return "an extension that was not offered";
	case CLIENT_HANDSHAKE_SUBPROTOCOL:
		return "a subprotocol that was not offered";
	}
	return "unknown";
}
