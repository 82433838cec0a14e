/* WebSocket frames, RFC 6455 section 5.2, cut and checked by wslay's frame API.
 *
 * A reader is lent to a connection while a frame is in flight and serves the next connection as it
 * is when it stands at a boundary. Payloads are unmasked in place, in the caller's buffer, with
 * wide words: wslay is shown the header without mask bit and key and is told of the payload's bytes
 * without being given them, so that it neither unmasks byte by byte nor copies. */
#ifndef TIDEGATE_FRAME_H
#define TIDEGATE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum frame_opcode {
	FRAME_CONTINUATION = 0x0,
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9,
	FRAME_PONG = 0xa,
};

enum {
	FRAME_HEADER_MAX = 14,          /* 2 + 8 bytes of length + 4 of mask */
	FRAME_HEADER_UNMASKED_MAX = 10, /* without the mask */
	FRAME_CONTROL_PAYLOAD_MAX = 125,
};

/* A frame, or the part of one whose bytes have arrived. */
struct frame {
	uint64_t payload_len; /* bytes the header declares, up to 2^63 - 1 */
	uint8_t *data;        /* this part of the payload, unmasked, in the fed bytes */
	size_t data_len;      /* bytes of this part; 0 when empty, or when the header came alone */
	uint8_t opcode;       /* enum frame_opcode, or a reserved value: not checked here */
	uint8_t rsv;          /* RSV1 to RSV3 as bits 2 to 0: not checked here */
	uint8_t headroom;     /* 0 to 14 bytes of header before `data`, the caller's to write */
	bool fin;
	bool masked;
	bool begins; /* this part is the first of its frame */
	bool ends;   /* this part is the last of its frame */
};

enum frame_status {
	FRAME_READY,  /* *ret_frame is filled */
	FRAME_MORE,   /* all fed bytes are consumed */
	FRAME_BROKEN, /* a whole header violates RFC 6455: non-minimal or negative length, long or
		       * fragmented control frame. The reader is of no further use */
};

/* A frame that is whole, masked and of less than 126 bytes: what nearly all are. */
struct short_frame {
	uint8_t *data; /* the payload, unmasked, in the fed bytes, behind SHORT_FRAME_HEADROOM bytes
			* that are the caller's to write */
	size_t len;    /* bytes of payload */
	uint8_t first; /* the header's first byte: FIN, RSV1 to RSV3, opcode */
};

enum {
	SHORT_FRAME_HEADROOM = 6, /* bytes: its header, mask included */
	SHORT_FRAME_MAX = 125,    /* bytes of payload that the second byte of a header can tell */
};

struct frame_reader;

/* Thread: any; a reader is used by one thread at a time. Errors: -ENOMEM. */
int frame_reader_create(struct frame_reader **ret_reader);

/* Frees a reader and nulls the giver's pointer. *reader may be NULL. */
void frame_reader_destroy(struct frame_reader **reader);

/* Lends the reader `len` bytes, which it changes in place. They must stay where they are until
 * frame_reader_next has returned something other than FRAME_READY. Only then may more be fed. */
void frame_reader_feed(struct frame_reader *reader, uint8_t *data, size_t len);

/* The next frame or part of a frame. A frame whose payload has not wholly arrived is reported in
 * parts, first when its header is complete (data_len may then be 0), so that a declared length can
 * be refused before a byte of it is kept. No part is empty but the first and that of an empty
 * frame. */
enum frame_status frame_reader_next(struct frame_reader *reader, struct frame *ret_frame);

/* The next frame if it is a short one that has wholly arrived: what frame_reader_next would find,
 * in a fraction of its steps. FRAME_MORE: it is not; ask frame_reader_next. */
enum frame_status frame_reader_next_short(
	struct frame_reader *reader, struct short_frame *ret_frame);

/* Whether no frame is open and no fed byte is left: the reader may serve another connection. */
bool frame_reader_at_boundary(const struct frame_reader *reader);

/* Bytes of memory a reader holds, wslay's context included; for accounts. */
size_t frame_reader_footprint(void);

/* The frame at which a reader stands that has consumed all it was fed. */
struct frame_under_way {
	uint8_t header[FRAME_HEADER_MAX]; /* as it came */
	uint8_t header_len;               /* bytes of it that have come; 0: it is at a boundary */
	bool is_open;                     /* the header is whole, and payload is to come */
	uint8_t mask[4];                  /* while it is open; zeros without one */
	uint64_t payload_done;            /* bytes that have come */
};

/* Tells where a reader stands. wslay has no part in it: what it was told it finds again when the
 * same bytes are fed to another reader. */
void frame_reader_where(const struct frame_reader *reader, struct frame_under_way *ret_frame);

/* Bytes of the unmasked header in front of a payload: 2, 4 or 10. Thread: any. */
static inline size_t frame_header_len(uint64_t payload_len)
{
	return payload_len < 126 ? 2 : payload_len < 65536 ? 4 : 10;
}

/* Bytes of a header that is there, its mask included, told by its first two: 2 to 14.
 * Thread: any. */
static inline size_t frame_header_len_at(const uint8_t *header)
{
	const uint8_t len7 = header[1] & 0x7f;
	const size_t len_end = len7 < 126 ? 2 : len7 == 126 ? 4 : 10;
	return header[1] & 0x80 ? len_end + 4 : len_end;
}

/* Bytes of payload that a whole header declares. Thread: any. */
static inline uint64_t frame_payload_len_at(const uint8_t *header)
{
	const uint8_t len7 = header[1] & 0x7f;
	return len7 < 126 ? len7 : len7 == 126 ? load_be16(header + 2) : load_be64(header + 2);
}

/* Writes the header of a final frame (FIN set, RSV zero). `mask` is NULL from a server, four random
 * bytes from a client. Thread: any. Returns the bytes written: frame_header_len(), 4 more when
 * masked. */
size_t frame_header_write(uint8_t ret_header[FRAME_HEADER_MAX], uint8_t opcode,
	uint64_t payload_len, const uint8_t *mask);

/* XORs `data` with the mask key, starting `offset` bytes into the payload. RFC 6455 section 5.3.
 * Thread: any. */
void frame_mask(uint8_t *data, size_t len, const uint8_t mask[4], uint64_t offset);

#endif
