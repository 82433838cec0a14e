/* The body of a push or broadcast: JSON in, one WebSocket message out. */
#ifndef TIDEGATE_ADMIN_MESSAGE_H
#define TIDEGATE_ADMIN_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"

enum {
	ADMIN_MESSAGE_FAULT_MAX = 256, /* bytes of what is said of a bad one, NUL included */
};

/* Owner: the caller. */
struct admin_message {
	uint8_t opcode;   /* of a text or binary frame */
	uint8_t *payload; /* allocated by malloc; never NULL */
	size_t len;       /* bytes */
	/* Of a text in somebody's name, both in the payload: else there is no name. */
	struct slice text;
	struct slice from;
};

/* Reads `{"text":"…"}` or `{"packet":{"command":N, "payload":"…" or "payload_base64":"…"}}`, each
 * with an optional `"from":"NAME"` that a text or packet 102 then ends with. Strict: nothing else,
 * nothing twice. Thread: any. Errors: -EINVAL with ret_fault, -EMSGSIZE when the message is over
 * `message_max`, -ENOMEM. */
int admin_message_read(const uint8_t *body, size_t body_len, size_t message_max,
	struct admin_message *ret_message, char ret_fault[ADMIN_MESSAGE_FAULT_MAX]);

/* What is said, and in whose name. Owner: the caller. */
struct admin_words {
	uint8_t *text; /* allocated by malloc; never NULL */
	size_t text_len;
	struct slice from; /* in the same memory; empty: nobody's */
};

/* Reads `{"text":"…", "from":"NAME"}` as strictly, which may lack the name; `message_max` is for
 * the text. Thread: any. Errors: as above. */
int admin_message_read_words(const uint8_t *body, size_t body_len, size_t message_max,
	struct admin_words *ret_words, char ret_fault[ADMIN_MESSAGE_FAULT_MAX]);

/* Reads `{"NAME":N}`, of which N is from `least` to `most`. Errors: -EINVAL with ret_fault. */
int admin_message_read_number(const uint8_t *body, size_t body_len, const char *name,
	uint32_t least, uint32_t most, uint32_t *ret_number,
	char ret_fault[ADMIN_MESSAGE_FAULT_MAX]);

/* Reads `{"NAME":true|false}`. Errors: -EINVAL with ret_fault. */
int admin_message_read_flag(const uint8_t *body, size_t body_len, const char *name, int *ret_flag,
	char ret_fault[ADMIN_MESSAGE_FAULT_MAX]);

#endif
