/* What one peer has not taken yet: bytes of our own frames, in order.
 *
 * Exists only for a connection that is stalled: whose socket is full, or whose transport has a
 * residue to write; then it may be empty. Small pieces are copied into chunks of its
 * own, so that eight bytes do not pin a buffer of thousands; large ones are shared by reference.
 *
 *   sent │ frame under way │ whole frames behind it │
 *        ^ front           ^ front + walk.left      ^ front + bytes
 */
#ifndef TIDEGATE_TX_QUEUE_H
#define TIDEGATE_TX_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../../proto/frame.h"
#include "../base/buf.h"

/* Follows our own frames through the bytes that are sent, to know where the one under way ends. */
struct frame_walk {
	uint64_t left;      /* bytes of the present unit still to pass, once its header has */
	uint8_t header_len; /* header bytes gathered */
	uint8_t header[FRAME_HEADER_MAX];
};

/* How far behind a peer is. Senders are held back while most receivers lag, so lagging is a state
 * that ends: by catching up, or by being given up on. Only who is given up on is slow. */
enum tx_lag {
	TX_LAG_NONE,     /* less than a quarter of the limit is queued */
	TX_LAG_COUNTED,  /* more, and for not too long */
	TX_LAG_GIVEN_UP, /* for too long: not waited for any more, until less than an eighth is
			    queued */
};

/* Owner:  one connection, and so one worker.
 * Shared: never; the bufs it refers to are.
 * Freed:  when the peer has taken everything, or with the connection. */
struct tx_queue {
	struct tx_chunk *first;
	struct tx_chunk *last;
	struct tx_chunk *urgent; /* a Pong not yet begun; NULL when there is none */
	size_t bytes;            /* not yet taken by the socket */
	size_t own;              /* of them, answers to itself, at most */
	struct frame_walk walk;
	size_t footprint;       /* bytes of memory of its own */
	size_t shared_bytes;    /* of `bytes`, those that lie in bufs */
	bool is_final;          /* the connection is closing: nothing more is to be gained here */
	enum tx_lag lag;        /* the outbox's */
	uint32_t lagging_since; /* tick */
	uint32_t progress_tick; /* when the peer was last seen to take something */
	uint64_t sent;          /* bytes written from here, ever */
	int64_t taken;          /* of them, those the peer had taken when last looked at */
	bool measured;          /* whether it has been looked at */
};

/* An empty queue. Errors: -ENOMEM. */
int tx_queue_create(struct tx_queue **ret_queue);

/* Frees the queue with all it holds and nulls the giver's pointer. *queue may be NULL. */
void tx_queue_destroy(struct tx_queue **queue);

/* Passes the walk over bytes that have been sent before they came here. */
void tx_queue_walk(struct tx_queue *queue, const uint8_t *data, size_t len);

/* The first `len` bytes, sent or not, are one unit that is no frame: an HTTP answer. */
void tx_queue_walk_opaque(struct tx_queue *queue, size_t len);

/* Appends a copy. Errors: -ENOMEM, nothing appended. */
int tx_queue_copy(struct tx_queue *queue, const uint8_t *data, size_t len);

/* Appends bytes of a buf by reference. Errors: -ENOMEM, nothing appended. */
int tx_queue_share(struct tx_queue *queue, struct buf *buf, const uint8_t *data, size_t len);

/* Puts one whole control frame right behind the frame under way, ahead of all others, in place of
 * an urgent one that is still waiting. Errors: -ENOMEM, the queue as it was. */
int tx_queue_put_urgent(struct tx_queue *queue, const uint8_t *frame, size_t len);

/* Fills in up to `iov_max` pieces from the front. Returns how many. */
int tx_queue_peek(const struct tx_queue *queue, struct iovec *iov, int iov_max);

/* The socket has taken `len` bytes from the front. */
void tx_queue_consume(struct tx_queue *queue, size_t len);

/* Drops everything behind the frame under way: what is left is what must still be sent before a
 * Close may follow. */
void tx_queue_cut(struct tx_queue *queue);

/* Bytes of the bufs that nobody but this queue holds: they go when it goes. Looks at every piece.
 */
size_t tx_queue_alone(const struct tx_queue *queue);

#endif
