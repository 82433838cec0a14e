#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "assert.h"
#include "bytes.h"

/* Owner:  the message reader, or a client.
 * Shared: never.
 * Freed:  frame_reader_destroy. */
struct frame_reader {
	wslay_frame_context_ptr wslay;

	/* The fed bytes not consumed yet: [fed, fed_end). */
	uint8_t *fed;
	uint8_t *fed_end;

	/* How far wslay has been told of them, ahead of what is consumed: see tell_wslay(). */
	const uint8_t *told;
	uint64_t untold; /* bytes of payload it expects before the next header */

	/* A header that arrives in pieces, and whether wslay has still to be told of it. */
	bool stash_is_untold;
	uint8_t stash_len;
	uint8_t stash[FRAME_HEADER_MAX];

	/* The open frame: two bytes of header, the key, the length. */
	uint8_t first;
	uint8_t second;
	uint8_t mask[4];
	uint64_t payload_len;
	uint64_t payload_left; /* bytes not reported yet; 0 when no frame is open */
};

/* A vector of the compilers' own, not of one processor. */
typedef uint64_t wide_word __attribute__((vector_size(32)));

/* Compiled for the processors that have such words in one register, and for the others; which one
 * is called is settled when the program is loaded. */
#ifdef HAVE_TARGET_CLONES
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define IS_LITTLE_ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* wslay's context is opaque; this is what it takes from the allocator. */
enum {
	WSLAY_CONTEXT_SIZE = 4256
};

/* Writes the header without mask bit and key. */
static inline size_t copy_unmasked(uint8_t *to, const uint8_t *header)
{
	to[0] = header[0];
	to[1] = header[1] & 0x7f;
	if (to[1] < 126) {
		return 2;
	}
	const size_t len = frame_header_len_at(to);
	memcpy(to + 2, header + 2, len - 2);
	return len;
}

static inline bool header_is_whole(const uint8_t *data, size_t len)
{
	return len >= FRAME_HEADER_MAX || (len >= 2 && len >= frame_header_len_at(data));
}

/* The next header wslay is to be told of; NULL when there is none that is whole. */
static inline const uint8_t *next_untold(struct frame_reader *reader)
{
	const uint8_t *header = reader->told;
	if (reader->stash_is_untold) {
		reader->stash_is_untold = false;
		return reader->stash;
	}
	if (!header_is_whole(header, (size_t)(reader->fed_end - header))) {
		return NULL;
	}
	reader->told = header + frame_header_len_at(header);
	return header;
}

/* The length of the payload when a whole masked frame of under 126 bytes lies at `data`, and more
 * than SHORT_FRAME_MAX when something else does. */
static inline size_t short_len(const uint8_t *data, size_t len)
{
	if (len < SHORT_FRAME_HEADROOM) {
		return SIZE_MAX;
	}
	const size_t payload_len = data[1] ^ 0x80u; /* over 127 where there is no mask */
	return payload_len <= len - SHORT_FRAME_HEADROOM ? payload_len : SIZE_MAX;
}

/* Tells of short frames that lie whole one behind the other: pipelined requests, where every
 * nanosecond shows. Returns how many bytes wslay is given. */
static inline size_t tell_short_frames(struct frame_reader *reader, uint8_t *ret_data, size_t size)
{
	const uint8_t *told = reader->told;
	size_t at = 0;

	for (;;) {
		const size_t len = short_len(told, (size_t)(reader->fed_end - told));
		const size_t given = 2 + len;
		if (len > SHORT_FRAME_MAX || given > size - at) {
			break;
		}
		ret_data[at] = told[0];
		ret_data[at + 1] = (uint8_t)len;
		at += given;
		told += SHORT_FRAME_HEADROOM + len;
	}
	reader->told = told;
	return at;
}

/* Tells of what is left, behind the `at` bytes that wslay is given already. */
__attribute__((noinline)) static ssize_t tell_the_rest(
	struct frame_reader *reader, uint8_t *ret_data, size_t size, size_t at)
{
	for (;;) {
		size_t claim = (size_t)(reader->fed_end - reader->told);
		claim = reader->untold < claim ? (size_t)reader->untold : claim;
		claim = size - at < claim ? size - at : claim;
		at += claim;
		reader->told += claim;
		reader->untold -= claim;
		if (reader->untold > 0 || size - at < FRAME_HEADER_UNMASKED_MAX) {
			break;
		}
		const uint8_t *header = next_untold(reader);
		if (!header) {
			break;
		}
		at += copy_unmasked(ret_data + at, header);
		reader->untold = frame_payload_len_at(header);
	}
	return (ssize_t)at;
}

/* wslay asks for bytes. It gets headers, and of the payloads between them the count alone: it never
 * looks at bytes that are not masked, and nobody looks at its copy of them. It is told of as many
 * frames as its buffer would hold, so that it asks once for hundreds of small ones. Having nothing
 * to give is told by 0, from which wslay makes WSLAY_ERR_WANT_READ. */
static ssize_t tell_wslay(uint8_t *ret_data, size_t size, int flags, void *user_data)
{
	struct frame_reader *reader = user_data;
	size_t at = 0;

	if (reader->untold == 0 && !reader->stash_is_untold) {
		at = tell_short_frames(reader, ret_data, size);
		if (reader->told == reader->fed_end) {
			return (ssize_t)at;
		}
	}
	return tell_the_rest(reader, ret_data, size, at);
}

int frame_reader_create(struct frame_reader **ret_reader)
{
	static const struct wslay_frame_callbacks callbacks = {.recv_callback = tell_wslay};

	struct frame_reader *reader = calloc(1, sizeof *reader);
	if (!reader) {
		return -ENOMEM;
	}
	if (wslay_frame_context_init(&reader->wslay, &callbacks, reader) != 0) {
		free(reader);
		return -ENOMEM;
	}
	*ret_reader = reader;
	return 0;
}

void frame_reader_destroy(struct frame_reader **reader)
{
	if (*reader) {
		wslay_frame_context_free((*reader)->wslay);
		free(*reader);
		*reader = NULL;
	}
}

void frame_reader_feed(struct frame_reader *reader, uint8_t *data, size_t len)
{
	ASSERT(reader->fed == reader->fed_end);
	reader->fed = data;
	reader->told = data;
	reader->fed_end = data + len;
}

bool frame_reader_at_boundary(const struct frame_reader *reader)
{
	return reader->payload_left == 0 && reader->stash_len == 0 &&
	       reader->fed == reader->fed_end;
}

size_t frame_reader_footprint(void)
{
	return sizeof(struct frame_reader) + WSLAY_CONTEXT_SIZE;
}

/* Writes the header of the open frame as it came: wslay has seen that its length had no shorter
 * form. Returns its length. */
static uint8_t rewrite_header(const struct frame_reader *reader, uint8_t *ret_header)
{
	const bool masked = reader->second & 0x80;
	const size_t len = frame_header_write(
		ret_header, 0, reader->payload_len, masked ? reader->mask : NULL);
	ret_header[0] = reader->first;
	return (uint8_t)len;
}

void frame_reader_where(const struct frame_reader *reader, struct frame_under_way *ret_frame)
{
	ASSERT(reader->fed == reader->fed_end);
	*ret_frame = (struct frame_under_way){.is_open = reader->payload_left > 0};
	if (!ret_frame->is_open) {
		ret_frame->header_len = reader->stash_len;
		memcpy(ret_frame->header, reader->stash, reader->stash_len);
		return;
	}
	ret_frame->header_len = rewrite_header(reader, ret_frame->header);
	ret_frame->payload_done = reader->payload_len - reader->payload_left;
	if (reader->second & 0x80) {
		memcpy(ret_frame->mask, reader->mask, sizeof(reader->mask));
	}
}

/* Adds to a header that arrives in pieces. Returns whether it is whole. */
static bool stash_header(struct frame_reader *reader)
{
	while (reader->stash_len < 2 || reader->stash_len < frame_header_len_at(reader->stash)) {
		if (reader->fed == reader->fed_end) {
			return false;
		}
		reader->stash[reader->stash_len++] = *reader->fed++;
	}
	return true;
}

/* Opens the frame that a whole header begins. Returns the header's length. */
static inline size_t open_frame(struct frame_reader *reader, const uint8_t *header)
{
	const size_t len = frame_header_len_at(header);
	const uint64_t payload_len = frame_payload_len_at(header);
	if (header[1] & 0x80) {
		memcpy(reader->mask, header + len - 4, 4);
	}
	reader->first = header[0];
	reader->second = header[1];
	reader->payload_len = payload_len;
	reader->payload_left = payload_len;
	return len;
}

/* Opens a frame whose header does not lie in the fed bytes as a whole. Returns how many of them it
 * took, or 0 when more are needed: then all are in the stash. */
static size_t open_stashed(struct frame_reader *reader)
{
	const size_t stashed = reader->stash_len;
	if (!stash_header(reader)) {
		return 0;
	}
	reader->stash_len = 0;
	reader->stash_is_untold = true;
	reader->told = reader->fed;
	return open_frame(reader, reader->stash) - stashed;
}

/* Opens the frame at which the fed bytes stand, and passes over its header. Returns how many of
 * them belong to it, or 0 when the header is not whole yet. */
static inline size_t take_header(struct frame_reader *reader)
{
	uint8_t *fed = reader->fed;
	if (reader->stash_len > 0 || !header_is_whole(fed, (size_t)(reader->fed_end - fed))) {
		return open_stashed(reader);
	}
	const size_t len = open_frame(reader, fed);
	reader->fed = fed + len;
	return len;
}

/* Lets wslay go on until it has followed `len` bytes, after a first step. */
__attribute__((noinline)) static bool wslay_agrees_in_steps(
	struct frame_reader *reader, ssize_t step, size_t len)
{
	struct wslay_frame_iocb iocb;
	for (size_t followed = 0; step >= 0; step = wslay_frame_recv(reader->wslay, &iocb)) {
		followed += (size_t)step;
		if (followed >= len) {
			return true;
		}
	}
	/* With nothing to follow, it is the header alone that it has seen. */
	return step == WSLAY_ERR_WANT_READ && len == 0;
}

/* Lets wslay check the header, when there is one, and follow `len` bytes of payload: in one step,
 * nearly always. */
static inline bool wslay_agrees(struct frame_reader *reader, size_t len)
{
	struct wslay_frame_iocb iocb;
	const ssize_t step = wslay_frame_recv(reader->wslay, &iocb);
	return step >= (ssize_t)len || wslay_agrees_in_steps(reader, step, len);
}

/* Unmasks 2 to 8 bytes with one load and one store, which the reader of the payload then finds in
 * one piece: the word ends where the payload does, and what it holds of the header is left as it
 * is. */
static inline void unmask_word(uint8_t *data, size_t len, const uint8_t mask[4])
{
	uint32_t key;
	uint64_t word;
	uint8_t *begin = data + len - sizeof word;
	memcpy(&key, mask, sizeof key);
	memcpy(&word, begin, sizeof word);
	word ^= ((uint64_t)key << 32 | key) << 8 * (sizeof word - len);
	memcpy(begin, &word, sizeof word);
}

enum frame_status frame_reader_next_short(
	struct frame_reader *reader, struct short_frame *ret_frame)
{
	uint8_t *const header = reader->fed;
	if (reader->payload_left > 0 || reader->stash_len > 0) {
		return FRAME_MORE;
	}
	const size_t len = short_len(header, (size_t)(reader->fed_end - header));
	if (len > SHORT_FRAME_MAX) {
		return FRAME_MORE;
	}
	uint8_t *const data = header + SHORT_FRAME_HEADROOM;
	if (!wslay_agrees(reader, len)) {
		return FRAME_BROKEN;
	}
	if (IS_LITTLE_ENDIAN && len >= 2 && len <= sizeof(uint64_t)) {
		unmask_word(data, len, header + 2);
	} else {
		frame_mask(data, len, header + 2, 0);
	}
	reader->fed = data + len;
	*ret_frame = (struct short_frame){.data = data, .len = len, .first = header[0]};
	return FRAME_READY;
}

enum frame_status frame_reader_next(struct frame_reader *reader, struct frame *ret_frame)
{
	const bool begins = reader->payload_left == 0;
	size_t headroom = 0;
	if (begins) {
		headroom = take_header(reader);
		if (headroom == 0) {
			return FRAME_MORE;
		}
	} else if (reader->fed == reader->fed_end) {
		return FRAME_MORE;
	}

	uint8_t *const data = reader->fed;
	const size_t arrived = (size_t)(reader->fed_end - data);
	const uint64_t left = reader->payload_left;
	const size_t len = left < arrived ? (size_t)left : arrived;
	if (!wslay_agrees(reader, len)) {
		return FRAME_BROKEN;
	}

	const bool masked = reader->second & 0x80;
	if (masked) {
		frame_mask(data, len, reader->mask, reader->payload_len - left);
	}
	reader->fed = data + len;
	reader->payload_left = left - len;

	ret_frame->payload_len = reader->payload_len;
	ret_frame->data = data;
	ret_frame->data_len = len;
	ret_frame->opcode = reader->first & 0xf;
	ret_frame->rsv = reader->first >> 4 & 7;
	ret_frame->headroom = (uint8_t)headroom;
	ret_frame->fin = reader->first & 0x80;
	ret_frame->masked = masked;
	ret_frame->begins = begins;
	ret_frame->ends = left == len;
	return FRAME_READY;
}

size_t frame_header_write(uint8_t ret_header[FRAME_HEADER_MAX], uint8_t opcode,
	uint64_t payload_len, const uint8_t *mask)
{
	const size_t len = frame_header_len(payload_len);

	ret_header[0] = 0x80 | opcode;
	if (len == 2) {
		ret_header[1] = (uint8_t)payload_len;
	} else if (len == 4) {
		ret_header[1] = 126;
		store_be16(ret_header + 2, (uint16_t)payload_len);
	} else {
		ret_header[1] = 127;
		store_be64(ret_header + 2, payload_len);
	}
	if (!mask) {
		return len;
	}
	ret_header[1] |= 0x80;
	memcpy(ret_header + len, mask, 4);
	return len + 4;
}

/* XORs as many wide words as `len` holds. Returns how many bytes that were. 64 KiB take 0.6 us with
 * AVX2, 1.1 us without. */
FOR_EACH_PROCESSOR
static size_t mask_wide(uint8_t *data, size_t len, uint64_t key)
{
	const wide_word wide_key = {key, key, key, key};
	size_t at = 0;
	for (; len - at >= sizeof wide_key; at += sizeof wide_key) {
		wide_word word;
		memcpy(&word, data + at, sizeof word);
		word ^= wide_key;
		memcpy(data + at, &word, sizeof word);
	}
	return at;
}

void frame_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
	/* The key as it stands at `offset`. */
	uint8_t twice[8];
	memcpy(twice, mask, 4);
	memcpy(twice + 4, mask, 4);
	const uint8_t *key = twice + (offset & 3);
	uint32_t key32;
	memcpy(&key32, key, sizeof key32);
	if (len >= sizeof(wide_word)) {
		const size_t wide = mask_wide(data, len, (uint64_t)key32 << 32 | key32);
		data += wide;
		len -= wide;
	}
	for (; len >= sizeof key32; len -= sizeof key32, data += sizeof key32) {
		uint32_t word;
		memcpy(&word, data, sizeof word);
		word ^= key32;
		memcpy(data, &word, sizeof word);
	}
	for (size_t i = 0; i < len; i++) {
		data[i] ^= key[i];
	}
}
