/* A body that comes in chunks: what is its own, and where it ends. RFC 9112 section 7.1. */
#ifndef TIDEGATE_ADMIN_CHUNKS_H
#define TIDEGATE_ADMIN_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADMIN_CHUNK_LINE_MAX = 256,     /* bytes of a chunk's line: size and extensions */
	ADMIN_CHUNK_TRAILER_MAX = 8192, /* bytes of all fields behind the last one */
};

/* How far a body has come. Zero-initialised is its start. */
struct admin_chunks {
	uint8_t state;
	uint16_t line_len; /* of the line, or the trailer, that is being read */
	uint64_t left;     /* bytes of this chunk that are to come */
};

/* Takes bytes, up to the end of a chunk's data or of the body. Whatever of them is the body's own
 * is *ret_piece; it may be empty. Thread: any. Returns how many were taken, at least one of one or
 * more while the body has not ended. Errors: -EBADMSG: these are no chunks; -EMSGSIZE: more is
 * said around the data than anybody needs to. */
int64_t admin_chunks_take(struct admin_chunks *chunks, const char *data, size_t len,
	const char **ret_piece, size_t *ret_piece_len);

/* Whether the body has ended, its trailer too. */
bool admin_chunks_has_ended(const struct admin_chunks *chunks);

#endif
