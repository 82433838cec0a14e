/* The body of a push or broadcast: JSON in, one WebSocket message out. */
#ifndef TIDEGATE_API_BODY_H
#define TIDEGATE_API_BODY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../../proto/slice.h"

enum {
	API_FAULT_MAX = 256, /* bytes of what is said of a bad one, NUL included */
};

/* Owner: the caller. */
struct api_message {
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
int api_body_read_message(const uint8_t *body, size_t body_len, size_t message_max,
	struct api_message *ret_message, char ret_fault[API_FAULT_MAX]);

/* What is said, and in whose name. Owner: the caller. */
struct api_words {
	uint8_t *text; /* allocated by malloc; never NULL */
	size_t text_len;
	struct slice from; /* in the same memory; empty: nobody's */
};

/* Reads `{"text":"…", "from":"NAME"}` as strictly, which may lack the name; `message_max` is for
 * the text. Thread: any. Errors: as above. */
int api_body_read_words(const uint8_t *body, size_t body_len, size_t message_max,
	struct api_words *ret_words, char ret_fault[API_FAULT_MAX]);

/* Reads `{"NAME":N}`, of which N is from `least` to `most`. Errors: -EINVAL with ret_fault. */
int api_body_read_number(const uint8_t *body, size_t body_len, const char *name, uint32_t least,
	uint32_t most, uint32_t *ret_number, char ret_fault[API_FAULT_MAX]);

/* Reads `{"NAME":true|false}`. Errors: -EINVAL with ret_fault. */
int api_body_read_flag(const uint8_t *body, size_t body_len, const char *name, int *ret_flag,
	char ret_fault[API_FAULT_MAX]);

/* --- parts of those, for bodies with more members --- */

/* An object: with no more brackets, colons and commas than anything that is taken here, and no
 * member twice. Errors: -EINVAL with ret_fault. */
int api_body_load(
	const uint8_t *body, size_t body_len, json_t **ret_document, char ret_fault[API_FAULT_MAX]);

/* A string of at most `most` bytes, which may be left out: ret_text->data is NULL then. It is the
 * document's. Errors: -EINVAL with ret_fault, as of all below. */
int api_body_take_text(const json_t *document, const char *name, size_t most,
	struct slice *ret_text, char ret_fault[API_FAULT_MAX]);

/* A number, which may be left out: *number stays then. */
int api_body_take_number(const json_t *document, const char *name, uint32_t least, uint32_t most,
	uint32_t *number, char ret_fault[API_FAULT_MAX]);

/* What is wrong, in a format's words. Returns -EINVAL. */
int api_body_fail(char ret_fault[API_FAULT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether all members are among `names`, which ends with NULL. */
int api_body_check_members(
	json_t *document, const char *const *names, char ret_fault[API_FAULT_MAX]);

/* As api_body_read_message and api_body_read_words of a document, that has nothing else. */
int api_body_take_message(json_t *document, size_t message_max, struct api_message *ret_message,
	char ret_fault[API_FAULT_MAX]);
int api_body_take_words(json_t *document, size_t message_max, struct api_words *ret_words,
	char ret_fault[API_FAULT_MAX]);

#endif
