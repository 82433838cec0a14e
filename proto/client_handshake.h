/* The opening handshake on the client's side: a request is written, and the answer's head judged,
 * as strictly as `handshake` judges clients. RFC 6455 section 4.1. */
#ifndef TIDEGATE_CLIENT_HANDSHAKE_H
#define TIDEGATE_CLIENT_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "http_head.h"
#include "subprotocol.h"

enum {
	CLIENT_HANDSHAKE_HEAD_MAX = 16384, /* bytes of an answer, the empty line included */
	CLIENT_HANDSHAKE_NONCE_LEN = 16,   /* random bytes of a key */
};

/* Why an answer opens no WebSocket. */
enum client_handshake_fault {
	CLIENT_HANDSHAKE_OPEN,    /* it does */
	CLIENT_HANDSHAKE_NO_HTTP, /* for who finds no head that could be judged */
	CLIENT_HANDSHAKE_STATUS,  /* not 101: a refusal */
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
	uint16_t status;       /* of HTTP */
	int32_t retry_after_s; /* Retry-After in seconds; -1 where there is none in that form */
	enum subprotocol subprotocol; /* what was taken of the offer */
};

/* Writes a Sec-WebSocket-Key, NUL-terminated. Thread: any. */
void client_handshake_key(
	const uint8_t nonce[CLIENT_HANDSHAKE_NONCE_LEN], char ret_key[ACCEPT_KEY_LEN + 1]);

/* Writes the request, without a NUL behind it, when `size` holds it and the NUL that is written for
 * a moment. `target`, `authority` (of Host) and `token` (RFC 6750 section 2.1; NULL: none) are
 * valid in a request. Thread: any. Returns its length, whatever the size, as snprintf() does. */
size_t client_handshake_request(const char *target, const char *authority, const char *key,
	enum subprotocol offered, const char *token, char *ret_request, size_t size);

/* Judges a head that http_head_scan() has found, by the key and the offer that were sent. A gateway
 * that takes nothing of the offer opens the line all the same. Thread: any. */
void client_handshake_judge(struct slice head, const char *key, enum subprotocol offered,
	struct client_handshake_answer *ret_answer);

/* What is wrong, for people; a status is told apart by its number. Thread: any. */
const char *client_handshake_fault_text(enum client_handshake_fault fault);

#endif
