/* What is said and asked: the payloads of BATCH, SAY, CALL and ANSWER. codec.h.
 *
 * Writers: -ENOSPC when it does not fit; nothing of it is written then. Decoders: -EBADMSG when the
 * payload does not hold what it says; outputs stay as they were. Thread: any. */
#ifndef TIDEGATE_CODEC_TRAFFIC_H
#define TIDEGATE_CODEC_TRAFFIC_H

#include "codec.h"

/* Whom a message of a batch is for. */
enum codec_aim {
	CODEC_TO_ALL = 1,
	CODEC_TO_ROOM = 2,
	CODEC_TO_TOLD = 3, /* those in a room who want to be told who comes and goes */
};

/* One message of a batch. Hashes of names do not travel: the receiver makes its own. */
struct codec_said {
	uint8_t aim; /* enum codec_aim */
	/* A whole frame as it goes to clients: unmasked, final, text (in UTF-8) or binary. */
	struct slice frame;
	uint32_t sender_at;     /* where in the frame the sender's name stands */
	uint8_t sender_len;     /* bytes of it, at most USER_NAME_MAX; 0: no user's message */
	uint32_t sender_device; /* hash of the device, with a room */
	struct slice room;      /* TO_ROOM, TO_TOLD: at most USER_NAME_MAX bytes, not empty */
};

static inline struct slice codec_sender(const struct codec_said *said)
{
	return (struct slice){said->frame.data + said->sender_at, said->sender_len};
}

/* Appends one to a BATCH. */
int codec_put_said(struct codec_writer *writer, const struct codec_said *said);

/* Bytes of payload that it takes. */
size_t codec_said_len(const struct codec_said *said);

/* Takes the next one off a BATCH's payload; aims of a later version are passed over.
 * Returns 1, 0 behind the last. Errors: -EBADMSG. */
int codec_next_said(struct codec_message *message, struct codec_said *ret_said);

enum {
	/* The sender's own sessions there are shown it too. */
	CODEC_SAY_SHOWN = 1 << 0,
	/* Only they are: the user it is for is not there. */
	CODEC_SAY_ONLY_SHOWN = 1 << 1,
};

/* SAY: from a user to a user. Flags that are not known are ignored. */
struct codec_say {
	uint64_t ask;         /* given back in the ANSWER; 0: none is wanted */
	uint64_t sent_ms;     /* since 1970 */
	uint8_t flags;        /* CODEC_SAY_ */
	uint32_t from_device; /* hash */
	struct slice from;    /* at most USER_NAME_MAX bytes, not empty */
	struct slice to;      /* likewise */
	struct slice text;    /* UTF-8 */
};

int codec_put_say(struct codec_writer *writer, const struct codec_say *say);
int codec_read_say(const struct codec_message *message, struct codec_say *ret_say);

/* A piece of what is too long for one message: bytes `at` on of `whole`. One piece: at 0, and
 * whole is the bytes' length. */
struct codec_piece {
	uint32_t whole;
	uint32_t at;
	struct slice bytes;
};

static inline bool codec_piece_is_last(const struct codec_piece *piece)
{
	return piece->at + piece->bytes.len == piece->whole;
}

/* CALL: something of the API, to be done there. */
struct codec_call {
	uint64_t ask; /* given back in the ANSWER; 0: none is wanted */
	uint8_t op;   /* the API's own */
	struct codec_piece piece;
};

/* Appends what fits of `whole` from *at on, and moves *at behind it: until it is whole.len, the
 * rest goes into more messages. Errors: -ENOSPC when not a byte fits of some. */
int codec_put_call(
	struct codec_writer *writer, uint64_t ask, uint8_t op, struct slice whole, uint32_t *at);
int codec_read_call(const struct codec_message *message, struct codec_call *ret_call);

/* ANSWER: what came of a SAY or CALL. */
struct codec_answer {
	uint64_t ask;
	uint8_t result; /* enum packet_result, or the API's own */
	uint32_t count; /* sessions that were reached */
	struct codec_piece piece;
};

/* As codec_put_call. */
int codec_put_answer(struct codec_writer *writer, uint64_t ask, uint8_t result, uint32_t count,
	struct slice whole, uint32_t *at);
int codec_read_answer(const struct codec_message *message, struct codec_answer *ret_answer);

#endif
