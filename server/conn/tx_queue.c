#include "tx_queue.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/frame.h"
#include "tx_queue_inner.h"

enum {
	COPY_CHUNK_MIN = 2048, /* bytes; later small pieces share the chunk */
};

static struct tx_chunk *make_chunk(struct tx_queue *queue, size_t capacity)
{
	struct tx_chunk *chunk = malloc(sizeof(struct tx_chunk) + capacity);
	if (!chunk) {
		return NULL;
	}
	*chunk = (struct tx_chunk){.footprint = malloc_usable_size(chunk), .capacity = capacity};
	chunk->begin = chunk->end = chunk->copy;
	queue->footprint += chunk->footprint;
	return chunk;
}

static struct tx_chunk *add_chunk(struct tx_queue *queue, size_t capacity)
{
	struct tx_chunk *chunk = make_chunk(queue, capacity);
	if (!chunk) {
		return NULL;
	}
	if (queue->last) {
		queue->last->next = chunk;
	} else {
		queue->first = chunk;
	}
	queue->last = chunk;
	return chunk;
}

static void free_chunk(struct tx_queue *queue, struct tx_chunk *chunk)
{
	if (chunk == queue->urgent) {
		queue->urgent = NULL;
	}
	queue->footprint -= chunk->footprint;
	queue->shared_bytes -= chunk->shared ? tx_chunk_len(chunk) : 0;
	buf_unref(&chunk->shared);
	free(chunk);
}

static void drop_first(struct tx_queue *queue)
{
	struct tx_chunk *chunk = queue->first;
	queue->first = chunk->next;
	if (!queue->first) {
		queue->last = NULL;
	}
	free_chunk(queue, chunk);
}

int tx_queue_create(struct tx_queue **ret_queue)
{
	struct tx_queue *queue = calloc(1, sizeof(*queue));
	if (!queue) {
		return -ENOMEM;
	}
	queue->footprint = malloc_usable_size(queue);
	*ret_queue = queue;
	return 0;
}

void tx_queue_destroy(struct tx_queue **queue)
{
	if (!*queue) {
		return;
	}
	while ((*queue)->first) {
		drop_first(*queue);
	}
	free(*queue);
	*queue = NULL;
}

/* How long the header will be, as far as its bytes so far tell; our frames are never masked. */
static size_t header_need(const struct frame_walk *walk)
{
	return walk->header_len < 2 ? 2 : frame_header_len_at(walk->header);
}

void tx_queue_walk(struct tx_queue *queue, const uint8_t *data, size_t len)
{
	struct frame_walk *walk = &queue->walk;
	while (len > 0) {
		if (walk->left > 0) {
			size_t step = walk->left < len ? (size_t)walk->left : len;
			walk->left -= step;
			data += step;
			len -= step;
			continue;
		}
		walk->header[walk->header_len++] = *data++;
		len--;
		if (walk->header_len >= 2 && walk->header_len == header_need(walk)) {
			walk->left = frame_payload_len_at(walk->header);
			walk->header_len = 0;
		}
	}
}

void tx_queue_walk_opaque(struct tx_queue *queue, size_t len)
{
	queue->walk = (struct frame_walk){.left = len};
}

int tx_queue_copy(struct tx_queue *queue, const uint8_t *data, size_t len)
{
	struct tx_chunk *last = queue->last;
	bool is_open = last && !last->shared && last != queue->urgent;
	size_t used = is_open ? (size_t)(last->end - last->copy) : 0;
	if (!is_open || last->capacity - used < len) {
		last = add_chunk(queue, len < COPY_CHUNK_MIN ? COPY_CHUNK_MIN : len);
		if (!last) {
			return -ENOMEM;
		}
		used = 0;
	}
	memcpy(last->copy + used, data, len);
	last->end += len;
	queue->bytes += len;
	return 0;
}

int tx_queue_share(struct tx_queue *queue, struct buf *buf, const uint8_t *data, size_t len)
{
	struct tx_chunk *chunk = add_chunk(queue, 0);
	if (!chunk) {
		return -ENOMEM;
	}
	chunk->shared = buf_ref(buf);
	chunk->begin = data;
	chunk->end = data + len;
	queue->bytes += len;
	queue->shared_bytes += len;
	return 0;
}

int tx_queue_peek(const struct tx_queue *queue, struct iovec *iov, int iov_max)
{
	int count = 0;
	for (struct tx_chunk *chunk = queue->first; chunk && count < iov_max; chunk = chunk->next) {
		iov[count].iov_base = (void *)(uintptr_t)chunk->begin;
		iov[count].iov_len = tx_chunk_len(chunk);
		count++;
	}
	return count;
}

void tx_queue_consume(struct tx_queue *queue, size_t len)
{
	ASSERT(len <= queue->bytes);
	queue->bytes -= len;
	queue->sent += len;
	/* A queue that is never empty, though never long either, must not add them up for ever. */
	queue->own = queue->own < queue->bytes ? queue->own : queue->bytes;
	while (len > 0) {
		struct tx_chunk *chunk = queue->first;
		size_t step = tx_chunk_len(chunk) < len ? tx_chunk_len(chunk) : len;
		tx_queue_walk(queue, chunk->begin, step);
		if (chunk == queue->urgent) {
			queue->urgent = NULL;
		}
		chunk->begin += step;
		queue->shared_bytes -= chunk->shared ? step : 0;
		len -= step;
		if (chunk->begin == chunk->end) {
			drop_first(queue);
		}
	}
}

size_t tx_queue_remainder(const struct tx_queue *queue)
{
	struct tx_queue ahead = {.walk = queue->walk};
	size_t passed = 0;
	for (struct tx_chunk *chunk = queue->first; chunk; chunk = chunk->next) {
		size_t i = 0;
		/* Byte by byte through what is left of a header, then the payload is known. */
		while (i < tx_chunk_len(chunk) && ahead.walk.header_len > 0) {
			tx_queue_walk(&ahead, chunk->begin + i, 1);
			i++;
		}
		passed += i;
		if (ahead.walk.header_len == 0) {
			break;
		}
	}
	return ahead.walk.left < SIZE_MAX - passed ? passed + (size_t)ahead.walk.left : SIZE_MAX;
}

/* Splits the queue at `at` bytes from its front. `*ret_link` is what points to the chunk that
 * begins there, or NULL at its end. Errors: -ENOMEM. */
static int split(struct tx_queue *queue, size_t at, struct tx_chunk ***ret_link)
{
	struct tx_chunk **link = &queue->first;
	while (*link && at >= tx_chunk_len(*link)) {
		at -= tx_chunk_len(*link);
		link = &(*link)->next;
	}
	if (at > 0) {
		/* The front part moves to a chunk of its own; the rest stays where more is
		 * appended. */
		struct tx_chunk *rest = *link;
		struct tx_chunk *front = make_chunk(queue, rest->shared ? 0 : at);
		if (!front) {
			return -ENOMEM;
		}
		if (rest->shared) {
			front->shared = buf_ref(rest->shared);
			front->begin = rest->begin;
		} else {
			memcpy(front->copy, rest->begin, at);
		}
		front->end = front->begin + at;
		rest->begin += at;
		front->next = rest;
		*link = front;
		link = &front->next;
	}
	*ret_link = link;
	return 0;
}

int tx_queue_put_urgent(struct tx_queue *queue, const uint8_t *frame, size_t len)
{
	ASSERT(len <= TX_URGENT_MAX);
	if (!queue->urgent) {
		struct tx_chunk *urgent = make_chunk(queue, TX_URGENT_MAX);
		struct tx_chunk **link;
		if (!urgent) {
			return -ENOMEM;
		}
		if (split(queue, tx_queue_remainder(queue), &link) < 0) {
			free_chunk(queue, urgent);
			return -ENOMEM;
		}
		urgent->next = *link;
		*link = urgent;
		if (!urgent->next) {
			queue->last = urgent;
		}
		queue->urgent = urgent;
	}
	struct tx_chunk *urgent = queue->urgent;
	queue->bytes -= tx_chunk_len(urgent);
	queue->bytes += len;
	memcpy(urgent->copy, frame, len);
	urgent->end = urgent->begin + len;
	return 0;
}

void tx_queue_cut(struct tx_queue *queue)
{
	size_t keep = tx_queue_remainder(queue);
	ASSERT(keep <= queue->bytes);
	struct tx_chunk *chunk = queue->first;
	struct tx_chunk *last_kept = NULL;
	queue->bytes = keep;
	while (chunk && keep > 0) {
		if (tx_chunk_len(chunk) > keep) {
			queue->shared_bytes -= chunk->shared ? tx_chunk_len(chunk) - keep : 0;
			chunk->end = chunk->begin + keep;
		}
		keep -= tx_chunk_len(chunk);
		last_kept = chunk;
		chunk = chunk->next;
	}
	queue->last = last_kept;
	if (last_kept) {
		last_kept->next = NULL;
	} else {
		queue->first = NULL;
	}
	while (chunk) {
		struct tx_chunk *next = chunk->next;
		free_chunk(queue, chunk);
		chunk = next;
	}
}

size_t tx_queue_alone(const struct tx_queue *queue)
{
	size_t bytes = 0;
	for (const struct tx_chunk *chunk = queue->first; chunk; chunk = chunk->next) {
		if (chunk->shared && buf_is_exclusive(chunk->shared)) {
			bytes += chunk->shared->footprint;
		}
	}
	return bytes;
}
