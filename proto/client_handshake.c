#include "client_handshake.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"

void client_handshake_key(
	const uint8_t nonce[CLIENT_HANDSHAKE_NONCE_LEN], char ret_key[ACCEPT_KEY_LEN + 1])
{
	EVP_EncodeBlock((uint8_t *)ret_key, nonce, CLIENT_HANDSHAKE_NONCE_LEN);
}

size_t client_handshake_request(const char *target, const char *authority, const char *key,
	enum subprotocol offered, const char *token, char *ret_request, size_t size)
{
	const struct slice name = subprotocol_name(offered);
	const int len = snprintf(ret_request, size,
		"GET %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"%s%.*s%s"
		"%s%s%s"
		"\r\n",
		target, authority, key, name.len > 0 ? "Sec-WebSocket-Protocol: " : "",
		(int)name.len, name.data, name.len > 0 ? "\r\n" : "",
		token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "");
	return (size_t)len;
}

/* ---- A head, taken apart. */

struct head {
	struct slice version;
	uint16_t status;
	struct slice accept; /* of the last one */
	size_t accept_count;
	bool connection_upgrade;
	bool upgrade_websocket;
	bool has_extension;
	struct slice subprotocol; /* of the last one */
	size_t subprotocol_count;
	int32_t retry_after_s;
};

/* Seconds only: a date means little without the server's clock. Too many are as many as there can
 * be. */
static int32_t read_seconds(struct slice value)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_digit(value.data[i])) {
			return -1;
		}
		seconds = seconds * 10 + (value.data[i] - '0');
		if (seconds > INT32_MAX) {
			seconds = INT32_MAX;
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
		head->subprotocol = value;
		head->subprotocol_count++;
	} else if (slice_equals_nocase(name, SLICE("retry-after"))) {
		head->retry_after_s = read_seconds(value);
	}
}

/* `digits` are three. */
static uint16_t read_status(struct slice digits)
{
	return (uint16_t)((digits.data[0] - '0') * 100 + (digits.data[1] - '0') * 10 +
			  (digits.data[2] - '0'));
}

static void take_apart(struct slice rest, struct head *ret_head)
{
	struct slice line[3];
	struct slice name;
	struct slice value;

	http_head_cut_line(&rest, line);
	*ret_head = (struct head){
		.version = line[0],
		.status = read_status(line[1]),
		.retry_after_s = -1,
	};
	while (http_head_cut_field(&rest, &name, &value)) {
		take_field(ret_head, name, value);
	}
}

/* Whether the answer names what was offered, or nothing. */
static bool has_fit_subprotocol(const struct head *head, enum subprotocol offered)
{
	return head->subprotocol_count == 0 ||
	       (head->subprotocol_count == 1 && offered != SUBPROTOCOL_NONE &&
		       slice_equals(head->subprotocol, subprotocol_name(offered)));
}

static enum client_handshake_fault judge(
	const struct head *head, const char *key, enum subprotocol offered)
{
	char accept[ACCEPT_LEN + 1];

	if (head->status != 101) {
		return CLIENT_HANDSHAKE_STATUS;
	}
	if (!slice_equals(head->version, SLICE("HTTP/1.1"))) {
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
	return has_fit_subprotocol(head, offered) ? CLIENT_HANDSHAKE_OPEN
						  : CLIENT_HANDSHAKE_SUBPROTOCOL;
}

void client_handshake_judge(struct slice head, const char *key, enum subprotocol offered,
	struct client_handshake_answer *ret_answer)
{
	struct head parts;
	take_apart(head, &parts);
	*ret_answer = (struct client_handshake_answer){
		.fault = judge(&parts, key, offered),
		.status = parts.status,
		.retry_after_s = parts.retry_after_s,
		.subprotocol = parts.subprotocol_count > 0 ? offered : SUBPROTOCOL_NONE,
	};
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
