/* What tidegate.v1 says and answers: the payloads of packets 104, 105, 110 to 112, 130 and 131,
 * both ways. PROTOCOL section 6.
 *
 * Decoders look at the form only: names and flags are judged by who acts on them. Strings are
 * borrowed from the payload. Errors of a decoder: -EBADMSG when the payload does not fit its
 * packet. Writers write `..._len` bytes and return where they end. Thread: any. */
#ifndef TIDEGATE_SAY_PACKETS_H
#define TIDEGATE_SAY_PACKETS_H

#include <stdint.h>

#include "fields.h"

/* What a request came to. */
enum packet_result {
	PACKET_DONE,
	PACKET_NOBODY_THERE,
	PACKET_NOT_ALLOWED, /* or not valid: flags that are not known */
	PACKET_BUSY,        /* a limit; nothing was sent */
	PACKET_NOT_A_MEMBER,
	PACKET_BAD_NAME,
	PACKET_TOO_MANY_ROOMS,
	PACKET_UNREACHABLE, /* that node cannot be asked */
	PACKET_UNKNOWN,     /* no answer in time: it may have arrived */
};

#define SESSION_WITHOUT_END UINT32_MAX /* as seconds left */

/* 104: who this session is. */
struct session_packet {
	uint8_t result;        /* of the token, enum packet_result */
	uint32_t seconds_left; /* at least 1; SESSION_WITHOUT_END */
	struct slice user;
	struct slice device;
};

static inline size_t session_packet_len(const struct session_packet *session)
{
	return 1 + 4 + fields_str_len(session->user) + fields_str_len(session->device);
}

uint8_t *session_packet_write(uint8_t *to, const struct session_packet *session);
int session_packet_decode(const uint8_t *payload, size_t len, struct session_packet *ret_session);

/* 105: batches, each of one message or more, that this node should have had from others and has
 * not. */
struct gap_packet {
	uint32_t batches;
};

enum {
	GAP_PACKET_LEN = 4,
};

uint8_t *gap_packet_write(uint8_t *to, const struct gap_packet *gap);
int gap_packet_decode(const uint8_t *payload, size_t len, struct gap_packet *ret_gap);

/* 110. `id` is the client's own; with 0 only refusals are answered. */
struct say_packet {
	uint32_t id;
	uint8_t flags; /* none is known */
	struct slice audience;
	struct slice text;
};

static inline size_t say_packet_len(const struct say_packet *say)
{
	return 4 + 1 + fields_str_len(say->audience) + say->text.len;
}

uint8_t *say_packet_write(uint8_t *to, const struct say_packet *say);
int say_packet_decode(const uint8_t *payload, size_t len, struct say_packet *ret_say);

/* 111: the answer to 110, 120 and 121. */
struct answer_packet {
	uint32_t id;
	uint8_t result;
	uint32_t count; /* sessions that it was handed to, or members that there are */
};

enum {
	ANSWER_PACKET_LEN = 9,
};

uint8_t *answer_packet_write(uint8_t *to, const struct answer_packet *answer);
int answer_packet_decode(const uint8_t *payload, size_t len, struct answer_packet *ret_answer);

/* 112. */
struct message_packet {
	uint8_t flags;
	uint64_t sent_ms; /* since 1970 */
	struct slice from;
	struct slice audience;
	struct slice text;
};

static inline size_t message_packet_len(const struct message_packet *message)
{
	return 1 + 8 + fields_str_len(message->from) + fields_str_len(message->audience) +
	       message->text.len;
}

uint8_t *message_packet_write(uint8_t *to, const struct message_packet *message);
int message_packet_decode(const uint8_t *payload, size_t len, struct message_packet *ret_message);

/* 130. `id` as in 110. */
struct request_packet {
	uint32_t id;
	struct slice bytes; /* the backend's to read */
};

static inline size_t request_packet_len(const struct request_packet *request)
{
	return 4 + request->bytes.len;
}

uint8_t *request_packet_write(uint8_t *to, const struct request_packet *request);
int request_packet_decode(const uint8_t *payload, size_t len, struct request_packet *ret_request);

/* 131: the answer to 130. */
struct reply_packet {
	uint32_t id;
	uint8_t result;
	struct slice bytes; /* the backend's own; of refusals empty */
};

enum {
	REPLY_PACKET_HEAD_LEN = 5, /* bytes in front of the backend's */
};

static inline size_t reply_packet_len(const struct reply_packet *reply)
{
	return REPLY_PACKET_HEAD_LEN + reply->bytes.len;
}

uint8_t *reply_packet_write(uint8_t *to, const struct reply_packet *reply);
int reply_packet_decode(const uint8_t *payload, size_t len, struct reply_packet *ret_reply);

#endif
