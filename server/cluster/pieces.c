#include "pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void pieces_finish(struct pieces *pieces)
{
	free(pieces->data);
	*pieces = (struct pieces){0};
}

static int begin(struct pieces *pieces, uint8_t type, uint64_t ask, const struct codec_piece *piece)
{
	pieces_finish(pieces);
	if (piece->whole > PIECES_WHOLE_MAX) {
		return -EMSGSIZE;
	}
	/* Grows with what comes: what is merely declared takes no memory that is touched. */
	pieces->data = malloc(piece->whole);
	if (!pieces->data) {
		return -ENOMEM;
	}
	pieces->type = type;
	pieces->ask = ask;
	pieces->whole = piece->whole;
	return 0;
}

static bool continues(
	const struct pieces *pieces, uint8_t type, uint64_t ask, const struct codec_piece *piece)
{
	return pieces->data && pieces->type == type && pieces->ask == ask &&
	       pieces->whole == piece->whole && pieces->have == piece->at &&
	       piece->bytes.len <= pieces->whole - pieces->have;
}

int pieces_add(struct pieces *pieces, uint8_t type, uint64_t ask, const struct codec_piece *piece,
	struct slice *ret_whole)
{
	if (piece->at == 0 && codec_piece_is_last(piece)) {
		*ret_whole = piece->bytes;
		return 1;
	}
	if (piece->at == 0) {
		const int err = begin(pieces, type, ask, piece);
		if (err < 0) {
			return err;
		}
	}
	if (!continues(pieces, type, ask, piece)) {
		pieces_finish(pieces);
		return -EBADMSG;
	}
	memcpy(pieces->data + pieces->have, piece->bytes.data, piece->bytes.len);
	pieces->have += (uint32_t)piece->bytes.len;
	if (pieces->have < pieces->whole) {
		return 0;
	}
	*ret_whole = (struct slice){(const char *)pieces->data, pieces->whole};
	return 1;
}
