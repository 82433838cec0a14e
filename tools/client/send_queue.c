#include "send_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/frame.h"

enum {
	SIZE_FIRST = 1024, /* bytes first allocated */
	SIZE_KEPT = 8192,  /* bytes kept by an empty queue */
	MASK_LEN = 4,
};

void send_queue_finish(struct send_queue *queue)
{
	free(queue->data);
	*queue = (struct send_queue){.limit = queue->limit};
}

static size_t waiting_len(const struct send_queue *queue)
{
	return queue->end - queue->begin;
}

/* Makes space for `len` bytes behind the end. */
static int reserve(struct send_queue *queue, size_t len)
{
	const size_t waiting = waiting_len(queue);
	if (queue->size - queue->end >= len) {
		return 0;
	}
	/* Moving pays when it frees at least as much as is moved. */
	if (queue->size - waiting >= len && queue->begin >= waiting) {
		memmove(queue->data, queue->data + queue->begin, waiting);
		queue->begin = 0;
		queue->end = waiting;
		return 0;
	}
	size_t size = queue->size ? queue->size : SIZE_FIRST;
	while (size - waiting < len) {
		size *= 2;
	}
	uint8_t *data = malloc(size);
	if (!data) {
		return -ENOMEM;
	}
	if (waiting > 0) {
		memcpy(data, queue->data + queue->begin, waiting);
	}
	free(queue->data);
	queue->data = data;
	queue->size = size;
	queue->begin = 0;
	queue->end = waiting;
	return 0;
}

int send_queue_put_request(struct send_queue *queue, const uint8_t *data, size_t len)
{
	ASSERT(waiting_len(queue) == 0 && queue->unit_left == 0);
	const int err = reserve(queue, len);
	if (err < 0) {
		return err;
	}
	memcpy(queue->data + queue->end, data, len);
	queue->end += len;
	queue->unit_left = len;
	return 0;
}

/* Appends a frame for which there is space. */
static size_t append_frame(struct send_queue *queue, uint8_t opcode, const uint8_t *prefix,
	size_t prefix_len, const uint8_t *payload, size_t len, const uint8_t mask[MASK_LEN])
{
	const size_t payload_len = prefix_len + len;
	uint8_t *frame = queue->data + queue->end;
	const size_t header_len = frame_header_write(frame, opcode, payload_len, mask);
	uint8_t *to = frame + header_len;

	if (prefix_len > 0) {
		memcpy(to, prefix, prefix_len);
	}
	if (len > 0) {
		memcpy(to + prefix_len, payload, len);
	}
	frame_mask(to, payload_len, mask, 0);
	queue->end += header_len + payload_len;
	return header_len + payload_len;
}

int send_queue_put_message(struct send_queue *queue, uint8_t opcode, const uint8_t *prefix,
	size_t prefix_len, const uint8_t *payload, size_t len, const uint8_t mask[MASK_LEN])
{
	const size_t payload_len = prefix_len + len;
	const size_t frame_len = frame_header_len(payload_len) + MASK_LEN + payload_len;

	ASSERT(!queue->is_sealed);
	if (waiting_len(queue) + frame_len > queue->limit) {
		queue->was_full = true;
		return -EAGAIN;
	}
	/* frame_header_write() is promised the longest of headers. */
	const int err = reserve(queue, FRAME_HEADER_MAX + payload_len);
	if (err < 0) {
		return err;
	}
	append_frame(queue, opcode, prefix, prefix_len, payload, len, mask);
	return 0;
}

void send_queue_put_urgent(struct send_queue *queue, enum urgent_kind kind, const uint8_t *payload,
	size_t len, const uint8_t mask[MASK_LEN])
{
	static const uint8_t opcodes[URGENT_COUNT] = {
		[URGENT_PONG] = FRAME_PONG,
		[URGENT_PING] = FRAME_PING,
	};
	struct urgent *urgent = &queue->waiting[kind];
	uint8_t header[FRAME_HEADER_MAX];

	ASSERT(len <= FRAME_CONTROL_PAYLOAD_MAX);
	if (queue->is_sealed) {
		return;
	}
	const size_t header_len = frame_header_write(header, opcodes[kind], len, mask);
	memcpy(urgent->frame, header, header_len);
	if (len > 0) {
		memcpy(urgent->frame + header_len, payload, len);
	}
	frame_mask(urgent->frame + header_len, len, mask, 0);
	urgent->len = (uint8_t)(header_len + len);
}

int send_queue_put_close(struct send_queue *queue, const uint8_t *payload, size_t len,
	const uint8_t mask[MASK_LEN], bool drop_waiting)
{
	if (queue->is_sealed) {
		return 0;
	}
	const int err = reserve(queue, FRAME_HEADER_MAX + len);
	if (err < 0) {
		return err;
	}
	if (drop_waiting) {
		queue->dropped_len = waiting_len(queue) - queue->unit_left;
		queue->end = queue->begin + queue->unit_left;
	}
	queue->final_len = append_frame(queue, FRAME_CLOSE, NULL, 0, payload, len, mask);
	queue->is_sealed = true;
	/* A Pong that is owed may still go ahead of it; RFC 6455 section 5.5.2. */
	queue->waiting[URGENT_PING].len = 0;
	return 0;
}

static bool begin_urgent(struct send_queue *queue)
{
	for (unsigned kind = 0; kind < URGENT_COUNT; kind++) {
		if (queue->waiting[kind].len > 0) {
			queue->current = queue->waiting[kind];
			queue->waiting[kind].len = 0;
			queue->under_way = 0;
			return true;
		}
	}
	return false;
}

static bool has_urgent(const struct send_queue *queue)
{
	bool has = queue->current.len > 0;
	for (unsigned kind = 0; kind < URGENT_COUNT; kind++) {
		has |= queue->waiting[kind].len > 0;
	}
	return has;
}

size_t send_queue_peek(struct send_queue *queue, const uint8_t **ret_data)
{
	const size_t len = has_urgent(queue) ? queue->unit_left : waiting_len(queue);

	if (len > 0 || !has_urgent(queue)) {
		*ret_data = len > 0 ? queue->data + queue->begin : NULL;
		return len;
	}
	if (queue->current.len == 0) {
		begin_urgent(queue);
	}
	*ret_data = queue->current.frame + queue->under_way;
	return (size_t)queue->current.len - queue->under_way;
}

/* Bytes of the frame at the beginning, which is masked, whole and ours. */
static size_t first_frame_len(const struct send_queue *queue)
{
	const uint8_t *header = queue->data + queue->begin;
	return frame_header_len_at(header) + (size_t)frame_payload_len_at(header);
}

static void advance_data(struct send_queue *queue, size_t len)
{
	while (len > 0) {
		if (queue->unit_left == 0) {
			queue->unit_left = first_frame_len(queue);
		}
		const size_t step = len < queue->unit_left ? len : queue->unit_left;
		queue->begin += step;
		queue->unit_left -= step;
		len -= step;
	}
	if (waiting_len(queue) == 0) {
		queue->begin = 0;
		queue->end = 0;
		if (queue->size > SIZE_KEPT) {
			free(queue->data);
			queue->data = NULL;
			queue->size = 0;
		}
	}
}

void send_queue_advance(struct send_queue *queue, size_t len)
{
	if (queue->current.len == 0) {
		ASSERT(len <= waiting_len(queue));
		advance_data(queue, len);
		return;
	}
	ASSERT(queue->under_way + len <= queue->current.len);
	queue->under_way = (uint8_t)(queue->under_way + len);
	if (queue->under_way == queue->current.len) {
		queue->current.len = 0;
		queue->under_way = 0;
	}
}

bool send_queue_take_writable(struct send_queue *queue)
{
	const bool is_writable =
		queue->was_full && !queue->is_sealed && waiting_len(queue) <= queue->limit / 2;
	if (is_writable) {
		queue->was_full = false;
	}
	return is_writable;
}

size_t send_queue_unsent_len(const struct send_queue *queue)
{
	const size_t waiting = waiting_len(queue);
	return queue->dropped_len + (waiting > queue->final_len ? waiting - queue->final_len : 0);
}

bool send_queue_is_empty(const struct send_queue *queue)
{
	return waiting_len(queue) == 0 && !has_urgent(queue);
}
