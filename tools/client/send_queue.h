/* What waits for the transport: frames in order, bounded, and control frames that go ahead of them
 * at the next boundary.
 *
 *	data:  [sent ... begin)[ rest of the unit under way | whole frames ... end)
 *	urgent:                 goes in between here        ^
 */
#ifndef TIDEGATE_CLIENT_SEND_QUEUE_H
#define TIDEGATE_CLIENT_SEND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Header with mask, and the payload of a control frame. */
	URGENT_MAX = 6 + 125,
};

/* The newest of each kind is sent; an older one that has not begun is replaced. */
enum urgent_kind {
	URGENT_PONG, /* RFC 6455 section 5.5.3: the most recent Ping may be answered alone */
	URGENT_PING,
	URGENT_COUNT,
};

struct urgent {
	uint8_t len; /* bytes; 0: none */
	uint8_t frame[URGENT_MAX];
};

/* Owner:  a line.
 * Shared: never. Zero-initialised but for `limit` is the start. */
struct send_queue {
	size_t limit; /* bytes of frames that may wait */
	uint8_t *data;
	size_t size; /* bytes allocated */
	size_t begin;
	size_t end;
	size_t unit_left;   /* bytes left of the frame, or the request, that has begun */
	size_t final_len;   /* bytes of the Close at the end; 0: none */
	size_t dropped_len; /* bytes of messages that made way for it */
	bool is_sealed;     /* nothing goes behind what is there */
	bool was_full;      /* somebody was refused since the queue was half empty */
	uint8_t under_way;  /* bytes of `current` sent */
	struct urgent current;
	struct urgent waiting[URGENT_COUNT];
};

void send_queue_finish(struct send_queue *queue);

/* Puts the request in front of all frames. Errors: -ENOMEM. */
int send_queue_put_request(struct send_queue *queue, const uint8_t *data, size_t len);

/* Appends a masked frame; `prefix` and `payload` together are its payload.
 * Errors: -EAGAIN: over the limit, -ENOMEM; the queue is as it was. */
int send_queue_put_message(struct send_queue *queue, uint8_t opcode, const uint8_t *prefix,
	size_t prefix_len, const uint8_t *payload, size_t len, const uint8_t mask[4]);

/* Sends a control frame, `len` up to 125 bytes, before the frames that wait. */
void send_queue_put_urgent(struct send_queue *queue, enum urgent_kind kind, const uint8_t *payload,
	size_t len, const uint8_t mask[4]);

/* Seals the queue with a Close, behind all frames, or behind the one under way alone; then the
 * others are dropped. Errors: -ENOMEM. */
int send_queue_put_close(struct send_queue *queue, const uint8_t *payload, size_t len,
	const uint8_t mask[4], bool drop_waiting);

/* What to send next: *ret_data is borrowed until the next call. Returns bytes; 0: nothing. */
size_t send_queue_peek(struct send_queue *queue, const uint8_t **ret_data);

/* Takes off what was sent of it. */
void send_queue_advance(struct send_queue *queue, size_t len);

/* Whether senders that were refused may go on: once, when at most half of the limit waits. */
bool send_queue_take_writable(struct send_queue *queue);

/* Bytes of messages that wait, or were dropped for the sake of a Close; the Close is not counted.
 */
size_t send_queue_unsent_len(const struct send_queue *queue);

bool send_queue_is_empty(const struct send_queue *queue);

#endif
