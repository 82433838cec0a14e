#include "tx_queue_pack.h"

#include <errno.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../base/least.h"
#include "tx_queue_inner.h"

enum piece {
	PIECE_OWN,
	PIECE_SHARED,
	PIECE_URGENT,
	PIECE_KINDS,
};

/* --- writing -----------------------------------------------------------------------------------
 */

static void pack_walk(const struct frame_walk *walk, struct pack *pack)
{
	pack_u64(pack, walk->left);
	pack_u8(pack, walk->header_len);
	pack_bytes(pack, walk->header, walk->header_len);
}

static int pack_shared(const struct tx_chunk *chunk, struct shared_bufs *shared, struct pack *pack)
{
	uint32_t number;
	int err = shared_bufs_number(shared, chunk->shared, &number);
	if (!err) {
		pack_u8(pack, PIECE_SHARED);
		pack_u32(pack, number);
		pack_u32(pack, (uint32_t)(chunk->begin - chunk->shared->data));
		pack_u32(pack, (uint32_t)tx_chunk_len(chunk));
	}
	return err;
}

static int pack_piece(const struct tx_queue *queue, const struct tx_chunk *chunk,
	struct shared_bufs *shared, struct pack *pack)
{
	if (chunk->shared) {
		return pack_shared(chunk, shared, pack);
	}
	pack_u8(pack, chunk == queue->urgent ? PIECE_URGENT : PIECE_OWN);
	pack_slice(pack, (struct slice){(const char *)chunk->begin, tx_chunk_len(chunk)});
	return 0;
}

int tx_queue_pack(const struct tx_queue *queue, struct shared_bufs *shared, struct pack *pack)
{
	ASSERT(!queue->is_final);
	pack_walk(&queue->walk, pack);
	pack_u64(pack, queue->own);
	pack_u8(pack, (uint8_t)queue->lag);
	pack_u32(pack, queue->lagging_since);
	pack_u32(pack, queue->progress_tick);
	const size_t count_at = pack->len;
	uint32_t count = 0;
	int err = 0;
	pack_u32(pack, 0);
	for (const struct tx_chunk *chunk = queue->first; chunk && !err; chunk = chunk->next) {
		err = pack_piece(queue, chunk, shared, pack);
		count++;
	}
	pack_u32_at(pack, count_at, count);
	return err;
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* A header under way is one that goes on. */
static int unpack_walk(struct unpack *unpack, struct frame_walk *walk)
{
	walk->left = unpack_u64(unpack);
	walk->header_len = unpack_below(unpack, FRAME_HEADER_UNMASKED_MAX);
	unpack_copy(unpack, walk->header, walk->header_len);
	const bool goes_on =
		walk->header_len < 2 || walk->header_len < frame_header_len_at(walk->header);
	return unpack->failed || !goes_on || (walk->left > 0 && walk->header_len > 0) ? -EINVAL : 0;
}

static int add_shared(
	struct tx_queue *queue, const struct shared_bufs *shared, struct unpack *unpack)
{
	struct buf *buf = shared_bufs_get(shared, unpack_u32(unpack));
	const uint32_t begin = unpack_u32(unpack);
	const uint32_t len = unpack_u32(unpack);
	if (unpack->failed || !buf || len == 0 || begin > buf->len || len > buf->len - begin) {
		return -EINVAL;
	}
	return tx_queue_share(queue, buf, buf->data + begin, len);
}

static int add_own(struct tx_queue *queue, struct slice bytes)
{
	return bytes.len == 0 ? -EINVAL
			      : tx_queue_copy(queue, (const uint8_t *)bytes.data, bytes.len);
}

/* All that is ahead of it is the frame under way. */
static int add_urgent(struct tx_queue *queue, struct slice bytes)
{
	if (bytes.len == 0 || bytes.len > TX_URGENT_MAX || queue->urgent ||
		tx_queue_remainder(queue) != queue->bytes) {
		return -EINVAL;
	}
	return tx_queue_put_urgent(queue, (const uint8_t *)bytes.data, bytes.len);
}

static int add_piece(
	struct tx_queue *queue, const struct shared_bufs *shared, struct unpack *unpack)
{
	switch ((enum piece)unpack_below(unpack, PIECE_KINDS)) {
	case PIECE_OWN:
		return add_own(queue, unpack_slice(unpack));
	case PIECE_SHARED:
		return add_shared(queue, shared, unpack);
	case PIECE_URGENT:
		return add_urgent(queue, unpack_slice(unpack));
	case PIECE_KINDS:
		break;
	}
	return -EINVAL;
}

static int fill(struct tx_queue *queue, struct unpack *unpack, const struct shared_bufs *shared)
{
	int err = unpack_walk(unpack, &queue->walk);
	const uint64_t own = unpack_u64(unpack);
	queue->lag = (enum tx_lag)unpack_below(unpack, TX_LAG_GIVEN_UP + 1);
	queue->lagging_since = unpack_u32(unpack);
	queue->progress_tick = unpack_u32(unpack);
	const uint32_t count = unpack_u32(unpack);
	for (uint32_t i = 0; i < count && !err; i++) {
		err = add_piece(queue, shared, unpack);
	}
	queue->own = least((size_t)own, queue->bytes);
	return err ? err : unpack->failed || tx_queue_remainder(queue) > queue->bytes ? -EINVAL : 0;
}

int tx_queue_unpack(
	struct unpack *unpack, const struct shared_bufs *shared, struct tx_queue **ret_queue)
{
	struct tx_queue *queue;
	int err = tx_queue_create(&queue);
	if (err) {
		return err;
	}
	err = fill(queue, unpack, shared);
	if (err) {
		tx_queue_destroy(&queue);
		return err;
	}
	*ret_queue = queue;
	return 0;
}
