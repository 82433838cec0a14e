/* One connection, from the request to the last frame, without its transport: bytes in, events out;
 * orders in, bytes out. RFC 6455; PROTOCOL sections 1 and 2. */
#ifndef TIDEGATE_CLIENT_LINE_H
#define TIDEGATE_CLIENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../../proto/subprotocol.h"
#include "entropy.h"
#include "tidegate-client.h"

enum {
	LINE_MESSAGE_MAX = 65536,                             /* bytes of a message sent */
	LINE_INBOUND_MAX = 65536 + 256,                       /* and received: PROTOCOL section 2 */
	LINE_PACKET_HEAD_MAX = 255,                           /* bytes */
	LINE_REASON_MAX = CLOSE_PAYLOAD_MAX - CLOSE_CODE_LEN, /* bytes of the text of a Close */
};

enum line_event_kind {
	LINE_MORE,   /* all fed bytes are consumed, or the line takes no more of them */
	LINE_OPEN,   /* the answer was 101, and right */
	LINE_TEXT,   /* what somebody says */
	LINE_PACKET, /* one that nobody says */
	LINE_PONG,   /* to the newest Ping of line_ping() */
	LINE_CLOSE,  /* a Close came; it was answered. Nothing more comes of this line */
	LINE_BROKEN, /* the line was failed; a Close was queued where one is due. Nothing more comes
		      */
};

struct line_event {
	enum line_event_kind kind;
	const uint8_t *data; /* of TEXT: the text; of CLOSE: the reason. Borrowed */
	size_t len;          /* bytes */
	uint16_t command;    /* of TEXT and PACKET: of the packet; 0: a text message */
	uint16_t code; /* of CLOSE: received, or CLOSE_CODE_NONE; of BROKEN: sent, 0 for none */

	/* Of BROKEN. */
	enum tg_status status;
	const char *detail;    /* static */
	uint16_t http_status;  /* of TG_ERR_REFUSED */
	int32_t retry_after_s; /* of TG_ERR_REFUSED; -1: not told */
};

struct line;

/* What is asked for, and by whom. */
struct line_request {
	const char *target;
	const char *authority;
	const char *token; /* NULL: none */
	enum subprotocol offers;
};

/* A line whose request is queued. `entropy` is borrowed for its life; the texts are copied.
 * Errors: -ENOMEM, or of getrandom(2). */
int line_create(struct entropy *entropy, const struct line_request *request,
	size_t send_queue_limit, struct line **ret_line);

/* Frees a line and nulls the giver's pointer. *line may be NULL. */
void line_destroy(struct line **line);

/* Lends the line `len` bytes, which it changes in place. They must stay where they are until
 * line_next() has returned LINE_MORE, LINE_CLOSE or LINE_BROKEN. */
void line_feed(struct line *line, uint8_t *data, size_t len);

/* The next event. What it points to is borrowed until the next call on the line. Pings are answered
 * on the way. `kind` of *ret_event is also the return value. */
enum line_event_kind line_next(struct line *line, struct line_event *ret_event);

/* What was taken of the offer, once the answer was right. */
enum subprotocol line_subprotocol(const struct line *line);

/* The PACKET just told of is none for who has looked into it: fails the line, as if *ret_event had
 * been told instead. */
void line_reject_packet(struct line *line, struct line_event *ret_event);

/* Whether messages can be sent: the answer was right, and no Close has come or gone. */
bool line_is_open(const struct line *line);

/* Whether a complete frame has come since the last call: what ends a silence. */
bool line_take_heard(struct line *line);

/* Queue a message for an open line. Errors: -EAGAIN: over the limit; -ENOMEM; of getrandom(2). */
int line_send_text(struct line *line, const uint8_t *text, size_t len);
int line_send_packet(struct line *line, uint16_t command, const uint8_t *payload, size_t len);

/* Likewise, a packet whose payload lies in two pieces, of which the first has at most
 * LINE_PACKET_HEAD_MAX bytes. */
int line_send_packet_of(struct line *line, uint16_t command, const uint8_t *head, size_t head_len,
	const uint8_t *rest, size_t rest_len);

/* Queues a Ping, ahead of all messages. Errors: of getrandom(2). */
int line_ping(struct line *line);

/* Queues a Close 1000 behind all messages. Errors: -ENOMEM, of getrandom(2). */
int line_close(struct line *line);

/* What to send next; returns bytes, 0 for nothing. Borrowed until the next call on the line. */
size_t line_peek(struct line *line, const uint8_t **ret_data);

/* Takes off what the transport took of it. */
void line_advance(struct line *line, size_t len);

/* Whether senders that were told -EAGAIN may go on, once. */
bool line_take_writable(struct line *line);

/* Bytes of messages that were not taken by the transport. */
size_t line_unsent_len(const struct line *line);

#endif
