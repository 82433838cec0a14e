/* What one visit to one connection writes: gathered piece by piece, sent by one system call.
 *
 *   outbox_open → append … append → outbox_flush
 *
 * A worker has one outbox, for the connection it is visiting. When the socket takes everything, as
 * it nearly always does, nothing is allocated, nothing is kept and nothing was queued. What it does
 * not take goes to the connection's tx queue. */
#ifndef TIDEGATE_OUTBOX_H
#define TIDEGATE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../../proto/close_reason.h"
#include "../base/buf.h"
#include "../base/loop.h"
#include "conn.h"
#include "tx_queue.h"

enum {
	OUTBOX_PIECES = 64,
	OUTBOX_SCRATCH = 65536, /* bytes of answers that are built here */
};

/* Owner:  one worker.
 * Shared: never. */
struct outbox {
	struct conn *conn; /* being visited; NULL between visits */
	int pieces;
	size_t bytes;
	size_t scratch_used;
	struct iovec
		*scratch_tail;   /* the last piece, while it is the end of the scratch; or NULL */
	size_t opaque;           /* bytes in front that are an HTTP answer and no frames */
	uint32_t lagging_count;  /* connections of this worker that lag; see tx_queue.h */
	size_t queue_limit;      /* bytes per connection */
	const struct loop *loop; /* for the time */
	uint64_t bytes_out;      /* taken by sockets since they were last counted */
	struct iovec iov[OUTBOX_PIECES];
	struct buf
		*shared[OUTBOX_PIECES]; /* whose bytes a piece is; NULL for scratch and lent ones */
	uint8_t scratch[OUTBOX_SCRATCH];
};

/* Errors: -ENOMEM. */
int outbox_create(const struct loop *loop, size_t queue_limit, struct outbox **ret_outbox);

/* Frees the outbox and nulls the giver's pointer. *outbox may be NULL. */
void outbox_destroy(struct outbox **outbox);

/* Begins a visit. */
void outbox_open(struct outbox *outbox, struct conn *conn);

/* outbox_reserve where the last piece is not of the scratch, or there is no room. */
uint8_t *outbox_reserve_piece(struct outbox *outbox, size_t len);

/* Room for `len` bytes behind an answer that was the last thing gathered, which is what there are
 * most of; NULL where it was not, or there is no room. */
static inline uint8_t *outbox_reserve_behind(struct outbox *outbox, size_t len)
{
	if (!outbox->scratch_tail || len > OUTBOX_SCRATCH - outbox->scratch_used) {
		return NULL;
	}
	uint8_t *room = outbox->scratch + outbox->scratch_used;
	outbox->scratch_used += len;
	outbox->scratch_tail->iov_len += len;
	outbox->bytes += len;
	return room;
}

/* Room for `len` bytes at the end of what is gathered, to be filled by the caller before anything
 * else is appended. Returns NULL when there is none until the next flush; never for up to
 * OUTBOX_SCRATCH bytes right after one. */
static inline uint8_t *outbox_reserve(struct outbox *outbox, size_t len)
{
	uint8_t *room = outbox_reserve_behind(outbox, len);
	return room ? room : outbox_reserve_piece(outbox, len);
}

/* Appends bytes that stay where they are until the flush. Returns false when a flush is needed
 * first. */
bool outbox_lend(struct outbox *outbox, const uint8_t *data, size_t len);

/* Appends bytes of a buf; a reference is taken only when they have to be queued. Returns false when
 * a flush is needed first. */
bool outbox_share(struct outbox *outbox, struct buf *buf, const uint8_t *data, size_t len);

/* Whether `pieces` more, with `scratch` bytes reserved in all, can be appended without a flush. */
static inline bool outbox_has_room(const struct outbox *outbox, int pieces, size_t scratch)
{
	return outbox->pieces + pieces <= OUTBOX_PIECES &&
	       outbox->scratch_used + scratch <= OUTBOX_SCRATCH;
}

/* Forgets what is gathered. */
void outbox_discard(struct outbox *outbox);

/* Writes what is gathered, behind what is queued. The visit goes on, with nothing gathered.
 * Returns CLOSE_REASON_NONE, or why the connection must end: SLOW_READER; PEER_RESET or
 * INTERNAL_ERROR (out of memory), after which its stream is broken and no Close can follow. */
enum close_reason outbox_flush(struct outbox *outbox);

/* The socket can take more: writes from the queue until it is empty or the socket full.
 * Returns as outbox_flush. Needs an open visit with nothing gathered. */
enum close_reason outbox_resume(struct outbox *outbox);

/* Ends the visit. What was not flushed is forgotten. */
void outbox_close(struct outbox *outbox);

/* The connection is closing: drops what is gathered and what is queued behind the frame under way,
 * if anything is queued at all, for its Close to follow. It lags no more, nor has it anything to
 * give. */
void outbox_finalize(struct outbox *outbox, struct conn *conn);

/* Gives a connection a queue that was filled in another process, and nulls the giver's pointer. It
 * counts among the lagging if it did there. */
void outbox_adopt_queue(struct outbox *outbox, struct conn *conn, struct tx_queue **queue);

/* Frees the tx queue of a connection, if it has one, and takes it out of the counts. */
void outbox_drop_queue(struct outbox *outbox, struct conn *conn);

/* The tick at which the peer was last seen to take a byte of its queue; now, when nothing is
 * queued. Asks the transport, since EPOLLOUT alone comes too late: 24 s for a reader at 64 KB/s. */
uint32_t outbox_last_progress(struct outbox *outbox, struct conn *conn);

/* Stops counting a connection among the lagging that has been for too long: it does not keep up,
 * and must not hold back those who send for ever. */
void outbox_give_up_on(struct outbox *outbox, struct conn *conn);

/* Bytes that sockets have taken since the last call. */
uint64_t outbox_take_bytes_out(struct outbox *outbox);

#endif
