#include "frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "bytes.h"

/* Owner:  the message reader, or a client.
 * Shared: never.
 * Freed:  frame_reader_destroy. */
struct frame_reader {
	wslay_frame_context_ptr wslay;

	/* The fed bytes not consumed yet: [fed, fed_end). */
	uint8_t *fed;
	uint8_t *fed_end;

	/* What wslay has to be told of, and what it has of the header: see tell_wslay(). */
	uint8_t header[FRAME_HEADER_UNMASKED_MAX]; /* without mask bit and key */
	uint8_t header_len;                        /* bytes; 0 when told */
	size_t claim;                              /* bytes of payload */

	/* A header that arrives in pieces. */
	uint8_t stash_len;
	uint8_t stash[FRAME_HEADER_MAX];

	/* The open frame. */
	uint8_t opcode;
	uint8_t rsv;
	bool fin;
	bool masked;
	uint8_t mask[4];
	uint64_t payload_len;
	uint64_t payload_left; /* bytes not reported yet; 0 when no frame is open */
};

/* wslay's context is opaque; this is what it takes from the allocator. */
enum {
	WSLAY_CONTEXT_SIZE = 4256
};

/* wslay asks for bytes. It gets the header, and of the payload the count alone: it never looks at
 * bytes that are not masked, and nobody looks at its copy of them. Having nothing to give is told
 * by 0, from which wslay makes WSLAY_ERR_WANT_READ. */
static ssize_t tell_wslay(uint8_t *ret_data, size_t size, int flags, void *user_data)
{
	struct frame_reader *reader = user_data;
	const size_t header_len = reader->header_len;
	assert(size >= sizeof reader->header);

	memcpy(ret_data, reader->header, sizeof reader->header);
	reader->header_len = 0;

	const size_t room = size - header_len;
	const size_t claim = reader->claim < room ? reader->claim : room;
	reader->claim -= claim;
	return (ssize_t)(header_len + claim);
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
	assert(reader->fed == reader->fed_end);
	reader->fed = data;
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

/* Bytes of a header, told by its second byte. */
static inline size_t header_len_of(uint8_t second)
{
	const uint8_t len7 = second & 0x7f;
	const size_t extended = len7 < 126 ? 0 : len7 == 126 ? 2 : 8;
	return 2 + extended + (second & 0x80 ? 4 : 0);
}

/* Adds to a header that arrives in pieces. Returns whether it is whole. */
static bool stash_header(struct frame_reader *reader)
{
	while (reader->stash_len < 2 || reader->stash_len < header_len_of(reader->stash[1])) {
		if (reader->fed == reader->fed_end) {
			return false;
		}
		reader->stash[reader->stash_len++] = *reader->fed++;
	}
	return true;
}

/* Opens the frame with a whole header: what it says for us, and what wslay is to see of it. */
static inline void open_frame(struct frame_reader *reader, const uint8_t *header, size_t header_len)
{
	reader->fin = header[0] & 0x80;
	reader->rsv = header[0] >> 4 & 7;
	reader->opcode = header[0] & 0xf;
	reader->masked = header[1] & 0x80;
	reader->payload_len = header[1] & 0x7f;
	reader->header[0] = header[0];
	reader->header[1] = header[1] & 0x7f;

	if (reader->payload_len == 126) {
		reader->payload_len = load_be16(header + 2);
		memcpy(reader->header + 2, header + 2, 2);
	} else if (reader->payload_len == 127) {
		reader->payload_len = load_be64(header + 2);
		memcpy(reader->header + 2, header + 2, 8);
	}
	if (reader->masked) {
		header_len -= sizeof reader->mask;
		memcpy(reader->mask, header + header_len, sizeof reader->mask);
	}
	reader->header_len = (uint8_t)header_len;
	reader->payload_left = reader->payload_len;
}

/* Reads the header at which the fed bytes stand. Returns how many of them it took, or 0 when it is
 * not whole yet: then all are in the stash. */
static inline size_t take_header(struct frame_reader *reader)
{
	const size_t arrived = (size_t)(reader->fed_end - reader->fed);

	if (reader->stash_len == 0 && arrived >= 2) {
		const size_t header_len = header_len_of(reader->fed[1]);
		if (arrived >= header_len) {
			open_frame(reader, reader->fed, header_len);
			reader->fed += header_len;
			return header_len;
		}
	}

	const size_t stashed = reader->stash_len;
	if (!stash_header(reader)) {
		return 0;
	}
	const size_t header_len = reader->stash_len;
	open_frame(reader, reader->stash, header_len);
	reader->stash_len = 0;
	return header_len - stashed;
}

/* Lets wslay check the header, when there is one, and follow `len` bytes of payload. */
static inline bool wslay_agrees(struct frame_reader *reader, size_t len)
{
	struct wslay_frame_iocb iocb;

	reader->claim = len;
	do {
		const ssize_t followed = wslay_frame_recv(reader->wslay, &iocb);
		if (followed < 0 && followed != WSLAY_ERR_WANT_READ) {
			return false;
		}
	} while (reader->claim > 0);
	return true;
}

enum frame_status frame_reader_next(struct frame_reader *reader, struct frame *ret_frame)
{
	const bool begins = reader->payload_left == 0;
	size_t room = 0;
	if (begins) {
		room = take_header(reader);
		if (room == 0) {
			return FRAME_MORE;
		}
	} else if (reader->fed == reader->fed_end) {
		return FRAME_MORE;
	}

	const size_t arrived = (size_t)(reader->fed_end - reader->fed);
	const size_t len = reader->payload_left < arrived ? (size_t)reader->payload_left : arrived;
	if (!wslay_agrees(reader, len)) {
		return FRAME_BROKEN;
	}

	uint8_t *data = reader->fed;
	if (reader->masked) {
		frame_mask(data, len, reader->mask, reader->payload_len - reader->payload_left);
	}
	reader->fed += len;
	reader->payload_left -= len;

	ret_frame->payload_len = reader->payload_len;
	ret_frame->data = data;
	ret_frame->data_len = len;
	ret_frame->opcode = reader->opcode;
	ret_frame->rsv = reader->rsv;
	ret_frame->room = (uint8_t)room;
	ret_frame->fin = reader->fin;
	ret_frame->masked = reader->masked;
	ret_frame->begins = begins;
	ret_frame->ends = reader->payload_left == 0;
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

void frame_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset)
{
	/* The key, eight bytes of it, as it stands at `offset`. */
	uint8_t twice[8];
	memcpy(twice, mask, 4);
	memcpy(twice + 4, mask, 4);
	uint32_t key32;
	memcpy(&key32, twice + (offset & 3), sizeof key32);
	const uint64_t key64 = (uint64_t)key32 << 32 | key32;

	for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), data += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, data, sizeof word);
		word ^= key64;
		memcpy(data, &word, sizeof word);
	}
	if (len >= sizeof(uint32_t)) {
		uint32_t word;
		memcpy(&word, data, sizeof word);
		word ^= key32;
		memcpy(data, &word, sizeof word);
		data += sizeof word;
		len -= sizeof word;
	}
	const uint8_t *key = (const uint8_t *)&key32;
	for (size_t i = 0; i < len; i++) {
		data[i] ^= key[i];
	}
}
