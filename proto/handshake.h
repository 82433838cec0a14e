/* The opening handshake on the server's side: a request's head is judged and answered. RFC 6455
 * section 4.2; PROTOCOL section 1. */
#ifndef TIDEGATE_HANDSHAKE_H
#define TIDEGATE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "http_head.h"
#include "subprotocol.h"
#include "user_name.h"

enum {
	HANDSHAKE_ANSWER_MAX = 512, /* bytes of any answer written here */
};

/* A field of a request. One that is a list may stand on several lines, which belong together:
 * the others are found by http_head_cut_field() on the request's `fields`. */
struct handshake_field {
	struct slice value; /* of the last line */
	uint32_t count;     /* lines; 0: there is none */
};

/* What a head asks for. Slices are in the head and stay as they came; `target` to `fields` are set
 * whatever the status. */
struct handshake_request {
	uint16_t status; /* of the answer: 101, 400, 405 or 426; of one that was given up: below */
	bool wrong_version; /* of 426: whether Sec-WebSocket-Version is to be named */
	bool headers_only;  /* of a refusal: its body is left out, as RFC 9110 asks of HEAD */
	bool wants_page; /* of 405 and 426: a browser that looks, whose GET or HEAD is sound and no
			  * upgrade */
	bool user_valid; /* of 101: there is one `user`, and it is a name; so is `device`, if any */
	bool user_given; /* of 101: there is a `user`, whatever it is */
	bool device_valid;                /* of 101: `device` is one name, an empty one, or none */
	bool device_given;                /* of 101: there is a `device`, whatever it is */
	uint8_t user_len;                 /* bytes */
	uint8_t device_len;               /* bytes; 0: the device without a name */
	enum subprotocol subprotocol;     /* of 101 */
	uint32_t retry_s;                 /* of 503: Retry-After, the caller's to set */
	char user[USER_NAME_MAX + 1];     /* decoded, NUL-terminated, meaningful when user_valid */
	char device[DEVICE_NAME_MAX + 1]; /* likewise, when device_valid */
	char accept[ACCEPT_LEN + 1];      /* Sec-WebSocket-Accept, of 101 */
	/* One line for people, the body of the answer: why it is not 101. Holds nothing of the
	 * request, so that it may be logged. NULL: the status says it. */
	const char *detail;

	struct slice target;
	struct slice query;               /* of the target, behind the '?' */
	struct handshake_field protocols; /* Sec-WebSocket-Protocol */
	struct handshake_field origin;
	struct handshake_field authorization;
	struct handshake_field forwarded;
	struct handshake_field x_forwarded_for;
	struct slice fields; /* all of them, as lines */
};

/* Judges a head that http_head_scan() has found, in the order of PROTOCOL section 1: method,
 * version of HTTP, target, body, Host, upgrade tokens, WebSocket version, key, then the user.
 * Thread: any. */
void handshake_judge(struct slice head, struct handshake_request *ret_request);

/* Gives up on a request before it is judged, with 400 (its head is malformed), 408, 431 or 503.
 * `begun` is what has come of it, maybe nothing: all of the head that the answer depends on.
 * Thread: any. */
void handshake_give_up(struct slice begun, uint16_t status, struct handshake_request *ret_request);

/* Writes the answer to a request, whatever its status. Thread: any.
 * Returns the length, at most HANDSHAKE_ANSWER_MAX. */
size_t handshake_answer(
	const struct handshake_request *request, char ret_answer[HANDSHAKE_ANSWER_MAX]);

/* Writes the answer to a request of which nothing has come: 400, 408, 431 or 503 (with
 * Retry-After: `retry_s`). Thread: any. Returns the length, at most HANDSHAKE_ANSWER_MAX. */
size_t handshake_refusal(uint16_t status, uint32_t retry_s, char ret_answer[HANDSHAKE_ANSWER_MAX]);

#endif
