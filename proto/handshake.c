#include "handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "assert.h"
#include "other_protocol.h"
#include "query.h"

/* ---- A head, taken apart. */

struct head {
	struct slice method;
	struct slice version;
	struct handshake_field host;
	struct handshake_field websocket_version;
	struct handshake_field websocket_key;
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

static void note(struct handshake_field *field, struct slice value)
{
	field->value = value;
	field->count++;
}

static void take_field(
	struct head *head, struct handshake_request *request, struct slice name, struct slice value)
{
	if (slice_equals_nocase(name, SLICE("host"))) {
		note(&head->host, value);
	} else if (slice_equals_nocase(name, SLICE("connection"))) {
		head->connection_upgrade |= http_list_has(value, SLICE("upgrade"));
	} else if (slice_equals_nocase(name, SLICE("upgrade"))) {
		head->upgrade_websocket |= http_list_has(value, SLICE("websocket"));
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-version"))) {
		note(&head->websocket_version, value);
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-key"))) {
		note(&head->websocket_key, value);
	} else if (slice_equals_nocase(name, SLICE("sec-websocket-protocol"))) {
		note(&request->protocols, value);
	} else if (slice_equals_nocase(name, SLICE("origin"))) {
		note(&request->origin, value);
	} else if (slice_equals_nocase(name, SLICE("authorization"))) {
		note(&request->authorization, value);
	} else if (slice_equals_nocase(name, SLICE("forwarded"))) {
		note(&request->forwarded, value);
	} else if (slice_equals_nocase(name, SLICE("x-forwarded-for"))) {
		note(&request->x_forwarded_for, value);
	} else if (slice_equals_nocase(name, SLICE("content-length"))) {
		head->has_body |= !is_zero(value);
	} else if (slice_equals_nocase(name, SLICE("transfer-encoding"))) {
		head->has_body = true;
	}
}

static void take_apart(
	struct slice rest, struct head *ret_head, struct handshake_request *ret_request)
{
	struct slice line[3];
	struct slice name;
	struct slice value;

	http_head_cut_line(&rest, line);
	*ret_head = (struct head){.method = line[0], .version = line[2]};
	*ret_request = (struct handshake_request){
		.target = line[1],
		.query = line[1],
		.fields = rest,
	};
	slice_cut(&ret_request->query, '?');
	while (http_head_cut_field(&rest, &name, &value)) {
		take_field(ret_head, ret_request, name, value);
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

/* An IPv6 address that lost its brackets, as npm's `websocket` sends it; `::1:8000` may have a
 * port. One that is written out has seven colons. */
static bool is_bare_ipv6(struct slice host)
{
	size_t colons = 0;
	for (size_t i = 0; i < host.len; i++) {
		if (!is_host_char(host.data[i], true)) {
			return false;
		}
		colons += host.data[i] == ':';
	}
	return colons >= 7 || (colons >= 2 && memmem(host.data, host.len, "::", 2));
}

static bool host_is_plausible(struct slice host)
{
	const struct slice whole = host;
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
	return (name_len > 0 && host.len == 0) || is_bare_ipv6(whole);
}

/* Behind `scheme`: an authority, and maybe more. */
static bool is_url_of(struct slice target, struct slice scheme)
{
	if (!slice_begins_nocase(target, scheme)) {
		return false;
	}
	slice_drop(&target, scheme.len);
	struct slice authority = slice_cut(&target, '?');
	return host_is_plausible(slice_cut(&authority, '/'));
}

/* origin-form or absolute-form, RFC 9112 section 3.2; Qt leaves out the slash of an empty path. */
static bool target_is_plausible(struct slice target)
{
	return target.data[0] == '/' || target.data[0] == '?' ||
	       is_url_of(target, SLICE("ws://")) || is_url_of(target, SLICE("wss://")) ||
	       is_url_of(target, SLICE("http://")) || is_url_of(target, SLICE("https://"));
}

/* Base64 of 16 bytes. The four bits left over may be anything: RFC 6455's own example, in section
 * 4.1, has some. */
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
	return true;
}

/* One without a name is a device too. */
static void take_device(struct handshake_request *request)
{
	int len = query_find(request->query, SLICE("device"), request->device, DEVICE_NAME_MAX);
	request->device_given = len != -ENOENT;
	if (len == -ENOENT) {
		len = 0;
	}
	if (len == 0 || (len > 0 && user_name_is_valid(request->device, (size_t)len))) {
		request->device[len] = '\0';
		request->device_len = (uint8_t)len;
		request->device_valid = true;
	}
}

static void take_user(struct handshake_request *request)
{
	const int len = query_find(request->query, SLICE("user"), request->user, USER_NAME_MAX);
	take_device(request);
	request->user_given = len != -ENOENT;
	if (len >= 0 && user_name_is_valid(request->user, (size_t)len) && request->device_valid) {
		request->user[len] = '\0';
		request->user_len = (uint8_t)len;
		request->user_valid = true;
	}
}

/* Most offer none; who spreads them over several lines is asked again for all. */
static void take_subprotocol(struct handshake_request *request)
{
	struct slice rest = request->fields;
	struct slice name;
	struct slice value;
	if (request->protocols.count == 0) {
		return;
	}
	while (http_head_cut_field(&rest, &name, &value)) {
		if (slice_equals_nocase(name, SLICE("sec-websocket-protocol"))) {
			const enum subprotocol best = subprotocol_best(value);
			if (best > request->subprotocol) {
				request->subprotocol = best;
			}
		}
	}
}

static void refuse(struct handshake_request *request, uint16_t status, const char *detail)
{
	request->status = status;
	request->detail = detail;
}

static const char *why_no_upgrade(const struct head *head)
{
	if (head->upgrade_websocket) {
		return "This is a WebSocket endpoint: \"Connection: Upgrade\" is missing, "
		       "maybe left out by a proxy.";
	}
	if (head->connection_upgrade) {
		return "This is a WebSocket endpoint: \"Upgrade: websocket\" is missing.";
	}
	return "This is a WebSocket endpoint: the request is no upgrade, or a proxy left that out.";
}

/* What is wrong with it, whether or not it is an upgrade; NULL for nothing. */
static const char *fault_of(const struct head *head, const struct handshake_request *request)
{
	if (!slice_equals(head->version, SLICE("HTTP/1.1"))) {
		return "HTTP/1.1 is required.";
	}
	if (!target_is_plausible(request->target)) {
		return "The request target is neither a path nor a URL.";
	}
	if (head->has_body) {
		return "The request must not have a body.";
	}
	if (head->host.count != 1) {
		return head->host.count ? "There is more than one Host." : "Host is missing.";
	}
	if (!host_is_plausible(head->host.value)) {
		return "Host is no host, nor one with a port.";
	}
	return NULL;
}

static void judge(struct slice whole, const struct head *head, struct handshake_request *request)
{
	const char *fault = fault_of(head, request);
	if (!slice_equals(head->method, SLICE("GET"))) {
		const char *advice = other_protocol_advice(whole);
		refuse(request, 405, advice ? advice : "Only GET is served here.");
	} else if (fault) {
		refuse(request, 400, fault);
	} else if (!head->connection_upgrade || !head->upgrade_websocket) {
		refuse(request, 426, why_no_upgrade(head));
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
		take_subprotocol(request);
		take_user(request);
	}
}

/* Whether the parameters of a media range say that it is not wanted: `q=0`, RFC 9110
 * section 12.4.2. */
static bool is_unwanted(struct slice parameters)
{
	while (parameters.len > 0) {
		struct slice weight = slice_cut(&parameters, ';');
		struct slice name = slice_trim(slice_cut(&weight, '='));
		weight = slice_trim(weight);
		if (!slice_equals_nocase(name, SLICE("q"))) {
			continue;
		}
		size_t len = 0;
		while (len < weight.len && (weight.data[len] == '0' || weight.data[len] == '.')) {
			len++;
		}
		return len > 0 && len == weight.len;
	}
	return false;
}

/* Looked for here, so that an upgrade does not pay for it. */
static bool accepts_html(struct slice fields)
{
	struct slice name;
	struct slice value;
	while (http_head_cut_field(&fields, &name, &value)) {
		if (!slice_equals_nocase(name, SLICE("accept"))) {
			continue;
		}
		while (value.len > 0) {
			struct slice range = slice_cut(&value, ',');
			struct slice type = slice_trim(slice_cut(&range, ';'));
			if (slice_equals_nocase(type, SLICE("text/html")) && !is_unwanted(range)) {
				return true;
			}
		}
	}
	return false;
}

/* Of a GET or HEAD that is not answered 101. */
static bool wants_page(const struct head *head, const struct handshake_request *request)
{
	return !fault_of(head, request) && !head->connection_upgrade && !head->upgrade_websocket &&
	       accepts_html(request->fields);
}

void handshake_judge(struct slice head, struct handshake_request *ret_request)
{
	struct head parts;
	take_apart(head, &parts, ret_request);
	ret_request->headers_only = slice_equals(parts.method, SLICE("HEAD"));
	judge(head, &parts, ret_request);
	if (ret_request->status == 426 || ret_request->headers_only) {
		ret_request->wants_page = wants_page(&parts, ret_request);
	}
}

static const char *why_given_up(struct slice begun, uint16_t status)
{
	const char *advice = other_protocol_advice(begun);
	switch (status) {
	case 400:
		return advice ? advice : http_head_fault(begun);
	case 408:
		return "The request took too long.";
	case 431:
		return "The request head is too long; browsers send all cookies of a host.";
	default:
		return "Come back later.";
	}
}

void handshake_give_up(struct slice begun, uint16_t status, struct handshake_request *ret_request)
{
	*ret_request = (struct handshake_request){
		.status = status,
		.headers_only = slice_begins(begun, SLICE("HEAD ")),
		.detail = why_given_up(begun, status),
	};
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
static size_t write_refusal(const struct handshake_request *request, const char *fields,
	char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	const char *phrase = phrase_of(request->status);
	const char *detail = request->detail ? request->detail : phrase;
	const size_t body_len = strlen(detail) + 1;
	const int len = snprintf(ret_answer, HANDSHAKE_ANSWER_MAX,
		"HTTP/1.1 %u %s\r\n"
		"%s"
		"Content-Type: text/plain\r\n"
		"Content-Length: %zu\r\n"
		"\r\n"
		"%s\n",
		request->status, phrase, fields, body_len, detail);
	ASSERT(len > 0 && len < HANDSHAKE_ANSWER_MAX);
	return (size_t)len - (request->headers_only ? body_len : 0);
}

static char *write_subprotocol(enum subprotocol subprotocol, char *end)
{
	static const char field[] = "\r\nSec-WebSocket-Protocol: ";
	const struct slice name = subprotocol_name(subprotocol);
	end = mempcpy(end, field, sizeof field - 1);
	return mempcpy(end, name.data, name.len);
}

static size_t write_switching(
	const struct handshake_request *request, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	static const char start[] = "HTTP/1.1 101 Switching Protocols\r\n"
				    "Upgrade: websocket\r\n"
				    "Connection: Upgrade\r\n"
				    "Sec-WebSocket-Accept: ";
	char *end = mempcpy(ret_answer, start, sizeof start - 1);
	end = mempcpy(end, request->accept, ACCEPT_LEN);
	if (request->subprotocol != SUBPROTOCOL_NONE) {
		end = write_subprotocol(request->subprotocol, end);
	}
	end = mempcpy(end, "\r\n\r\n", 4);
	return (size_t)(end - ret_answer);
}

size_t handshake_answer(
	const struct handshake_request *request, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	char retry_fields[64];
	const char *fields = "Connection: close\r\n";

	if (request->status == 101) {
		return write_switching(request, ret_answer);
	}
	if (request->status == 405) {
		fields = "Connection: close\r\nAllow: GET\r\n";
	} else if (request->status == 426 && request->wrong_version) {
		fields = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n"
			 "Sec-WebSocket-Version: 13\r\n";
	} else if (request->status == 426) {
		fields = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n";
	} else if (request->status == 503) {
		snprintf(retry_fields, sizeof(retry_fields),
			"Connection: close\r\nRetry-After: %u\r\n", request->retry_s);
		fields = retry_fields;
	}
	return write_refusal(request, fields, ret_answer);
}

size_t handshake_refusal(uint16_t status, uint32_t retry_s, char ret_answer[HANDSHAKE_ANSWER_MAX])
{
	struct handshake_request request;
	handshake_give_up(SLICE(""), status, &request);
	request.retry_s = retry_s;
	return handshake_answer(&request, ret_answer);
}
