/* The opening handshake on the client's side. RFC 6455 section 4.1, RFC 9112. As strict with what a
 * server says as `handshake` is with clients: no obs-fold, no bare LF, no space before a colon. */
#ifndef TIDEGATE_CLIENT_HANDSHAKE_H
#define TIDEGATE_CLIENT_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "accept.h"

enum {
	CLIENT_HANDSHAKE_HEAD_MAX = 16384, /* bytes of an answer, the empty line included */
	CLIENT_HANDSHAKE_NONCE_LEN = 16,   /* random bytes of a key */
};

enum client_handshake_progress {
	CLIENT_HANDSHAKE_MORE,      /* the head goes on */
	CLIENT_HANDSHAKE_COMPLETE,  /* *ret_head_len bytes are the head; what follows are frames */
	CLIENT_HANDSHAKE_MALFORMED, /* these bytes cannot begin an HTTP answer */
	CLIENT_HANDSHAKE_TOO_LONG,  /* over CLIENT_HANDSHAKE_HEAD_MAX */
};

/* Where the search for the end of a head stands. Zero-initialised is the start. */
struct client_handshake_scan {
	uint16_t seen; /* bytes looked at */
	uint8_t state; /* how much of the status line and of the final CR LF CR LF has passed */
};

/* Why an answer opens no WebSocket. */
enum client_handshake_fault {
	CLIENT_HANDSHAKE_OPEN, /* it does */
	CLIENT_HANDSHAKE_NO_HTTP,
	CLIENT_HANDSHAKE_STATUS, /* not 101: a refusal */
	CLIENT_HANDSHAKE_VERSION,
	CLIENT_HANDSHAKE_NO_UPGRADE,
	CLIENT_HANDSHAKE_NO_CONNECTION,
	CLIENT_HANDSHAKE_NO_ACCEPT, /* missing or repeated */
	CLIENT_HANDSHAKE_WRONG_ACCEPT,
	CLIENT_HANDSHAKE_EXTENSION,   /* one that nobody offered */
	CLIENT_HANDSHAKE_SUBPROTOCOL, /* likewise */
};

struct client_handshake_answer {
	enum client_handshake_fault fault;
	uint16_t status;       /* of HTTP; 0 for CLIENT_HANDSHAKE_NO_HTTP */
	int32_t retry_after_s; /* Retry-After in seconds; -1 where there is none in that form */
};

/* Writes a Sec-WebSocket-Key, NUL-terminated. Thread: any. */
void client_handshake_key(
	const uint8_t nonce[CLIENT_HANDSHAKE_NONCE_LEN], char ret_key[ACCEPT_KEY_LEN + 1]);

/* Writes the request, without a NUL behind it, when `size` holds it and the NUL that is written for
 * a moment. `target` and `authority` (of Host) are valid in a request. Thread: any. Returns its
 * length, whatever the size, as snprintf() does. */
size_t client_handshake_request(
	const char *target, const char *authority, const char *key, char *ret_request, size_t size);

/* Looks for the end of the head in all bytes so far (`data` always begins at the head's first byte;
 * bytes seen before are not looked at again). What is no HTTP is told at once.
 * Thread: any. */
enum client_handshake_progress client_handshake_scan(
	struct client_handshake_scan *scan, const char *data, size_t len, size_t *ret_head_len);

/* Judges a complete head, the empty line included, by the key that was sent. Thread: any. */
void client_handshake_parse(const char *head, size_t head_len, const char *key,
	struct client_handshake_answer *ret_answer);

/* What is wrong, for people; a status is told apart by its number. Thread: any. */
const char *client_handshake_fault_text(enum client_handshake_fault fault);

#endif
