#include "handshake.h"

#include <stdio.h>
#include <string.h>

#include "accept.h"
#include "ascii.h"
#include "assert.h"
#include "http_field.h"
#include "slice.h"
#include "user_name.h"

_Static_assert((int)HANDSHAKE_ACCEPT_LEN == (int)ACCEPT_LEN, "the same field");
_Static_assert((int)HANDSHAKE_USER_MAX == (int)USER_NAME_MAX, "the same name");

/* Printable ASCII; a fragment is never sent. What RFC 3986 wants encoded besides is let through,
 * as browsers send some of it raw. */
static bool is_target(char c)
{
	return c > ' ' && c <= '~' && c != '#';
}

/* ---- The search for the end. The grammar of a head is regular: a state is all there is to keep.
 */

enum scan_state {
	SCAN_METHOD_START,
	SCAN_METHOD,
	SCAN_TARGET_START,
	SCAN_TARGET,
	SCAN_VERSION, /* and the states up to SCAN_VERSION_END: a byte each of "HTTP/1.1" */
	SCAN_VERSION_END = SCAN_VERSION + 8,
	SCAN_LINE_LF,
	SCAN_NAME_START,
	SCAN_NAME,
	SCAN_VALUE,
	SCAN_HEAD_LF,
	SCAN_COMPLETE,
	SCAN_MALFORMED,
};

static enum scan_state scan_version(enum scan_state state, char c)
{
	static const char pattern[] = "HTTP/d.d";
	const char wanted = pattern[state - SCAN_VERSION];
	const bool fits = wanted == 'd' ? ascii_is_digit(c) : c == wanted;
	return fits ? state + 1 : SCAN_MALFORMED;
}

static enum scan_state scan_byte(enum scan_state state, char c)
{
	switch (state) {
	case SCAN_METHOD_START:
		return http_is_token(c) ? SCAN_METHOD : SCAN_MALFORMED;
	case SCAN_METHOD:
		return http_is_token(c) ? SCAN_METHOD
		       : c == ' '       ? SCAN_TARGET_START
					: SCAN_MALFORMED;
	case SCAN_TARGET_START:
		return is_target(c) ? SCAN_TARGET : SCAN_MALFORMED;
	case SCAN_TARGET:
		return is_target(c) ? SCAN_TARGET : c == ' ' ? SCAN_VERSION : SCAN_MALFORMED;
	case SCAN_VERSION_END:
		return c == '\r' ? SCAN_LINE_LF : SCAN_MALFORMED;
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
		return scan_version(state, c);
	}
}

/* Passes over bytes that leave the state as it is, which most do. */
static size_t pass_run(enum scan_state state, const char *data, size_t at, size_t end)
{
	if (state == SCAN_VALUE) {
		while (at < end && http_is_value(data[at])) {
			at++;
		}
	} else if (state == SCAN_NAME) {
		while (at < end && http_is_token(data[at])) {
			at++;
		}
	} else if (state == SCAN_TARGET) {
		while (at < end && is_target(data[at])) {
			at++;
		}
	}
	return at;
}

enum handshake_progress handshake_scan(
	struct handshake_scan *scan, const char *data, size_t len, size_t *ret_head_len)
{
	const size_t limit = len < HANDSHAKE_HEAD_MAX ? len : HANDSHAKE_HEAD_MAX;
	enum scan_state state = scan->state;
	size_t seen = scan->seen;

	while (seen < limit && state < SCAN_COMPLETE) {
		state = scan_byte(state, data[seen++]);
		seen = pass_run(state, data, seen, limit);
	}
	scan->state = (uint8_t)state;
	scan->seen = (uint16_t)seen;

	if (state == SCAN_MALFORMED) {
		return HANDSHAKE_MALFORMED;
	}
	if (state == SCAN_COMPLETE) {
		*ret_head_len = seen;
		return HANDSHAKE_COMPLETE;
	}
	return seen == HANDSHAKE_HEAD_MAX ? HANDSHAKE_TOO_LONG : HANDSHAKE_MORE;
}

/* ---- A complete head, taken apart. */

/* A field that may come once only. */
struct single {
	struct slice value; /* of the last one */
	size_t count;
};

struct head {
	struct slice method;
	struct slice target;
	struct slice version;
	struct single host;
	struct single websocket_version;
	struct single websocket_key;
	bool connection_upgrade;
	bool upgrade_websocket;
	bool has_body; /* or says about its body what cannot be */
};

static bool is_zero(struct slice number)
{
	for (size_t i = 0; i < number.len; i++) {
		if (number.data[i] != '0') {
			return false;
		}
	}
	return number.len > 0;
}

static void take_single(struct single *single, struct slice value)
{
	single->value = value;
	single->count++;
}

static void take_field(struct head *head, struct slice name, struct slice value)
{
	if (slice_equals_nocase(name, SLICE("host"))) {
		take_single(&head->host, value);
	} else if (slice_equals_nocase(name, SLICE("connection"))) {
		head->connection_upgrade |= http_list_has(value, SLICE("upgrade"));
	} else if (slice_equals_nocase(name, SLICE("upgrade"))) {
		head->upgrade_websocket |= http_list_has(value, SLICE("websocket"));
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-version"))) {
		take_single(&head->websocket_version, value);
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-key"))) {
		take_single(&head->websocket_key, value);
	} else if (slice_equals_nocase(name, SLICE("content-length"))) {
		head->has_body |= !is_zero(value);
	} else if (slice_equals_nocase(name, SLICE("transfer-encoding"))) {
		head->has_body = true;
	}
}

/* `rest` has passed the scan, so that every separator looked for is there. */
static void take_apart(struct slice rest, struct head *ret_head)
{
	*ret_head = (struct head){
		.method = slice_cut(&rest, ' '),
		.target = slice_cut(&rest, ' '),
		.version = slice_cut(&rest, '\r'),
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

/* ---- What is asked for. */

static size_t leading_digits(struct slice slice)
{
	size_t count = 0;
	while (count < slice.len && ascii_is_digit(slice.data[count])) {
		count++;
	}
	return count;
}

/* A name or an IPv4 address of RFC 3986, or an address in brackets. */
static bool is_host_char(char c, bool in_brackets)
{
	if (in_brackets) {
		return ascii_hex_value(c) >= 0 || c == ':' || c == '.';
	}
	return ascii_is_alnum(c) || strchr("-._~!$&'()*+,;=%", c);
}

static bool host_is_plausible(struct slice host)
{
	const bool in_brackets = host.len > 0 && host.data[0] == '[';
	if (in_brackets) {
		slice_drop(&host, 1);
	}
	size_t name_len = 0;
	while (name_len < host.len && is_host_char(host.data[name_len], in_brackets)) {
		name_len++;
	}
	slice_drop(&host, name_len);
	if (in_brackets) {
		if (host.len == 0 || host.data[0] != ']') {
			return false;
		}
		slice_drop(&host, 1);
	}
	if (host.len > 0 && host.data[0] == ':') {
		slice_drop(&host, 1);
		slice_drop(&host, leading_digits(host));
	}
	return name_len > 0 && host.len == 0;
}

/* origin-form or absolute-form, RFC 9112 section 3.2. */
static bool target_is_plausible(struct slice target)
{
	if (target.data[0] == '/') {
		return true;
	}
	if (slice_begins_nocase(target, SLICE("http://"))) {
		slice_drop(&target, strlen("http://"));
	} else if (slice_begins_nocase(target, SLICE("https://"))) {
		slice_drop(&target, strlen("https://"));
	} else {
		return false;
	}
	struct slice authority = slice_cut(&target, '?');
	return host_is_plausible(slice_cut(&authority, '/'));
}

/* Base64 of exactly 16 bytes, the bits left over being zero. */
static bool key_is_valid(struct slice key)
{
	const size_t digits = ACCEPT_KEY_LEN - 2;
	if (key.len != ACCEPT_KEY_LEN || memcmp(key.data + digits, "==", 2) != 0) {
		return false;
	}
	for (size_t i = 0; i < digits; i++) {
		if (!ascii_is_alnum(key.data[i]) && key.data[i] != '+' && key.data[i] != '/') {
			return false;
		}
	}
	return strchr("AQgw", key.data[digits - 1]);
}

/* Decodes %XX. Returns the length, or -1 when it is over `size` or an escape is broken. */
static int percent_decode(struct slice slice, char *ret_decoded, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < slice.len; i++) {
		int c = (uint8_t)slice.data[i];
		if (c == '%') {
			if (slice.len - i < 3) {
				return -1;
			}
			const int high = ascii_hex_value(slice.data[i + 1]);
			const int low = ascii_hex_value(slice.data[i + 2]);
			if (high < 0 || low < 0) {
				return -1;
			}
			c = high * 16 + low;
			i += 2;
		}
		if (len == size) {
			return -1;
		}
		ret_decoded[len++] = (char)c;
	}
	return (int)len;
}

static bool take_user(struct slice value, struct handshake_request *ret_request)
{
	const int len = percent_decode(value, ret_request->user, HANDSHAKE_USER_MAX);
	if (len < 0 || !user_name_is_valid(ret_request->user, (size_t)len)) {
		return false;
	}
	ret_request->user[len] = '\0';
	ret_request->user_len = (uint8_t)len;
	return true;
}

static bool is_user_key(struct slice key)
{
	char decoded[4];
	return percent_decode(key, decoded, sizeof decoded) == 4 && memcmp(decoded, "user", 4) == 0;
}

/* Looks for the one `user` of the query. */
static void find_user(struct slice target, struct handshake_request *ret_request)
{
	size_t count = 0;

	slice_cut(&target, '?');
	while (target.len > 0) {
		struct slice value = slice_cut(&target, '&');
		const struct slice key = slice_cut(&value, '=');
		if (is_user_key(key)) {
			count++;
			ret_request->user_valid = count == 1 && take_user(value, ret_request);
		}
	}
}

static void refuse(struct handshake_request *request, uint16_t status, const char *detail)
{
	request->status = status;
	request->detail = detail;
}

static void judge(const struct head *head, struct handshake_request *request)
{
	if (!slice_equals(head->method, SLICE("GET"))) {
		refuse(request, 405, "Only GET is served here.");
	} else if (!slice_equals(head->version, SLICE("HTTP/1.1"))) {
		refuse(request, 400, "HTTP/1.1 is required.");
	} else if (!target_is_plausible(head->target)) {
		refuse(request, 400, "The request target is neither a path nor a URL.");
	} else if (head->has_body) {
		refuse(request, 400, "The request must not have a body.");
	} else if (head->host.count != 1 || !host_is_plausible(head->host.value)) {
		refuse(request, 400, "One valid Host is required.");
	} else if (!head->connection_upgrade || !head->upgrade_websocket) {
		refuse(request, 426, "This is a WebSocket endpoint.");
	} else if (head->websocket_version.count != 1) {
		refuse(request, 400, "One Sec-WebSocket-Version is required.");
	} else if (!slice_equals(head->websocket_version.value, SLICE("13"))) {
		refuse(request, 426, "Only Sec-WebSocket-Version 13 is spoken here.");
		request->wrong_version = true;
	} else if (head->websocket_key.count != 1 || !key_is_valid(head->websocket_key.value)) {
		refuse(request, 400, "One valid Sec-WebSocket-Key is required.");
	} else {
		request->status = 101;
		accept_of_key(head->websocket_key.value.data, request->accept);
		find_user(head->target, request);
	}
}

void handshake_parse(const char *head, size_t head_len, struct handshake_request *ret_request)
{
	struct handshake_scan scan = {0};
	size_t scanned_len = 0;

	*ret_request = (struct handshake_request){0};
	if (head_len > HANDSHAKE_HEAD_MAX) {
		refuse(ret_request, 431, "The request head is too long.");
	} else if (handshake_scan(&scan, head, head_len, &scanned_len) != HANDSHAKE_COMPLETE ||
		   scanned_len != head_len) {
		refuse(ret_request, 400, "This is no HTTP request.");
	} else {
		struct head parts;
		take_apart((struct slice){head, head_len}, &parts);
		judge(&parts, ret_request);
	}
}

/* ---- Answers. */

static const char *phrase_of(uint16_t status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	default:
		ASSERT(status == 503);
		return "Service Unavailable";
	}
}

/* `fields` are whole lines. */
static size_t write_answer(uint16_t status, const char *fields, const char *detail,
	char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	const int len = snprintf(ret_answer, HANDSHAKE_ANSWER_MAX,
		"HTTP/1.1 %u %s\r\n"
		"%s"
		"Content-Type: text/plain\r\n"
		"Content-Length: %zu\r\n"
		"\r\n"
		"%s\n",
		status, phrase_of(status), fields, strlen(detail) + 1, detail);
	ASSERT(len > 0 && len < HANDSHAKE_ANSWER_MAX);
	return (size_t)len;
}

static size_t write_switching(const char *accept, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	static const char start[] = "HTTP/1.1 101 Switching Protocols\r\n"
				    "Upgrade: websocket\r\n"
				    "Connection: Upgrade\r\n"
				    "Sec-WebSocket-Accept: ";
	char *end = mempcpy(ret_answer, start, sizeof start - 1);
	end = mempcpy(end, accept, HANDSHAKE_ACCEPT_LEN);
	end = mempcpy(end, "\r\n\r\n", 4);
	return (size_t)(end - ret_answer);
}

size_t handshake_answer(
	const struct handshake_request *request, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	const char *fields = "Connection: close\r\n";

	if (request->status == 101) {
		return write_switching(request->accept, ret_answer);
	}
	if (request->status == 405) {
		fields = "Connection: close\r\nAllow: GET\r\n";
	} else if (request->status == 426 && request->wrong_version) {
		fields = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n"
			 "Sec-WebSocket-Version: 13\r\n";
	} else if (request->status == 426) {
		fields = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n";
	}
	const char *detail = request->detail ? request->detail : phrase_of(request->status);
	return write_answer(request->status, fields, detail, ret_answer);
}

size_t handshake_refusal(uint16_t status, uint32_t retry_s, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	char fields[64] = "Connection: close\r\n";
	const char *detail = "This is no HTTP request.";

	if (status == 408) {
		detail = "The request took too long.";
	} else if (status == 431) {
		detail = "The request head is too long.";
	} else if (status == 503) {
		detail = "Come back later.";
		snprintf(
			fields, sizeof fields, "Connection: close\r\nRetry-After: %u\r\n", retry_s);
	}
	return write_answer(status, fields, detail, ret_answer);
}
