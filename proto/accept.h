/* What a server makes of a client's key. RFC 6455 sections 4.2.2 and 4.1. */
#ifndef TIDEGATE_ACCEPT_H
#define TIDEGATE_ACCEPT_H

enum {
	ACCEPT_KEY_LEN = 24, /* Sec-WebSocket-Key: 22 digits of base64 and "==" */
	ACCEPT_LEN = 28,     /* Sec-WebSocket-Accept: base64 of a SHA-1 */
};

/* Writes the Sec-WebSocket-Accept, NUL-terminated, that answers a key. Thread: any. */
void accept_of_key(const char key[ACCEPT_KEY_LEN], char ret_accept[ACCEPT_LEN + 1]);

#endif
