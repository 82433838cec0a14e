/* WebSocket messages: fragments joined, RFC 6455's rules applied.
 *
 * Above `frame`: checks mask direction, reserved bits, opcodes, the order of fragments, UTF-8, the
 * size limit and the payload of Close frames. Whatever arrives, a whole unfragmented message is
 * handed out where it lies in the fed bytes, without a copy and without an allocation. */
#ifndef TIDEGATE_MESSAGE_H
#define TIDEGATE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "close_reason.h"

enum message_kind {
	MESSAGE_MORE, /* all fed bytes are consumed */
	MESSAGE_TEXT, /* valid UTF-8 */
	MESSAGE_BINARY,
	MESSAGE_PING, /* data is what the Pong must carry */
	MESSAGE_PONG,
	MESSAGE_CLOSE,  /* data is the payload: empty, or a valid code and valid text */
	MESSAGE_BROKEN, /* close with `broken`; the reader is of no further use */
};

enum {
	MESSAGE_KINDS = MESSAGE_BROKEN + 1,
};

struct message {
	enum message_kind kind;
	enum close_reason broken; /* of MESSAGE_BROKEN: PROTOCOL_ERROR, INVALID_UTF8,
				   * MESSAGE_TOO_BIG or INTERNAL_ERROR (out of memory) */
	uint8_t *data;            /* unmasked payload, borrowed until the next call on the reader */
	size_t len;               /* bytes */
	size_t headroom;          /* bytes in front of `data` that the caller may overwrite */
};

/* What a reader enforces; may be shared by many readers and changed while they are idle. */
struct message_rules {
	uint32_t max_message; /* bytes of payload of one message, fragments added up */
	bool peer_masks;      /* true at a server: clients must mask, RFC 6455 section 5.1 */
};

struct message_reader;

/* Thread: any; a reader is used by one thread at a time. `rules` is borrowed for the reader's life.
 * Errors: -ENOMEM. */
int message_reader_create(const struct message_rules *rules, struct message_reader **ret_reader);

/* Frees a reader and nulls the giver's pointer. *reader may be NULL. */
void message_reader_destroy(struct message_reader **reader);

/* Lends the reader `len` bytes, which it changes in place. They must stay where they are until
 * message_reader_next has returned MESSAGE_MORE or MESSAGE_BROKEN. */
void message_reader_feed(struct message_reader *reader, uint8_t *data, size_t len);

/* The next message. A control message may come between the fragments of another. `kind` of
 * *ret_message is also the return value. */
enum message_kind message_reader_next(struct message_reader *reader, struct message *ret_message);

/* Complete frames seen since the last call of this function, control frames and fragments
 * included: what renews a read deadline. */
uint32_t message_reader_take_frames(struct message_reader *reader);

/* Whether no frame and no message is in flight: the reader may serve another connection. */
bool message_reader_is_idle(const struct message_reader *reader);

/* Bytes of memory the reader holds now, wslay's context and an unfinished message included. Grows
 * with the bytes that arrived, never with a length that was declared. */
size_t message_reader_footprint(const struct message_reader *reader);

/* The same of any that is idle. */
size_t message_reader_idle_footprint(void);

#endif
