/* The opening handshake on the server's side. RFC 6455 section 4.2, RFC 9112; PROTOCOL section
 * 1. Strict: no obs-fold, no bare LF, no space before a colon, no HTTP/0.9. */
#ifndef TIDEGATE_HANDSHAKE_H
#define TIDEGATE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HANDSHAKE_HEAD_MAX = 8192,  /* bytes, the empty line included */
	HANDSHAKE_USER_MAX = 64,    /* bytes of a user's name, decoded */
	HANDSHAKE_ACCEPT_LEN = 28,  /* base64 of a SHA-1 */
	HANDSHAKE_ANSWER_MAX = 512, /* bytes of any answer written here */
};

enum handshake_progress {
	HANDSHAKE_MORE,      /* the head goes on */
	HANDSHAKE_COMPLETE,  /* *ret_head_len bytes are the head; what follows are frames */
	HANDSHAKE_MALFORMED, /* these bytes cannot begin an HTTP request: answer 400 */
	HANDSHAKE_TOO_LONG,  /* over HANDSHAKE_HEAD_MAX: answer 431 */
};

/* Where the search for the end of a head stands. Zero-initialised is the start. */
struct handshake_scan {
	uint16_t seen; /* bytes looked at */
	uint8_t state; /* how much of the request line and of the final CR LF CR LF has passed */
};

/* What a head asks for. */
struct handshake_request {
	uint16_t status;    /* of the answer: 101, 400, 405, 426 or 431 */
	bool wrong_version; /* of 426: whether Sec-WebSocket-Version is to be named */
	bool user_valid;    /* of 101: one `user` of 1 to 64 bytes, UTF-8, no control character */
	uint8_t user_len;   /* bytes */
	char user[HANDSHAKE_USER_MAX + 1]; /* decoded, NUL-terminated, meaningful when user_valid */
	char accept[HANDSHAKE_ACCEPT_LEN + 1]; /* Sec-WebSocket-Accept, of 101 */
	const char *detail; /* one line for people: why it is not 101; NULL: the status says it */
};

/* Looks for the end of the head in all bytes so far (`data` always begins at the head's first
 * byte; bytes seen before are not looked at again). Malformed starts (a TLS hello, binary, a bare
 * LF) are told at once, not at the deadline.
 * Thread: any. */
enum handshake_progress handshake_scan(
	struct handshake_scan *scan, const char *data, size_t len, size_t *ret_head_len);

/* Judges a complete head, the empty line included, in the order of PROTOCOL section 1:
 * syntax, method, version of HTTP, target, body, Host, upgrade tokens, WebSocket version, key, then
 * the user.
 * Thread: any. */
void handshake_parse(const char *head, size_t head_len, struct handshake_request *ret_request);

/* Writes the answer to a request, whatever its status. Thread: any.
 * Returns the length, at most HANDSHAKE_ANSWER_MAX. */
size_t handshake_answer(
	const struct handshake_request *request, char ret_answer[HANDSHAKE_ANSWER_MAX]);

/* Writes an answer that no head asked for: 400, 408, 431 or 503 (with Retry-After: `retry_s`).
 * Thread: any. Returns the length, at most HANDSHAKE_ANSWER_MAX. */
size_t handshake_refusal(uint16_t status, uint32_t retry_s, char ret_answer[HANDSHAKE_ANSWER_MAX]);

#endif
