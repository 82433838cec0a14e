/* Puts together what was too long for one message: of one source, whose pieces come one behind the
 * other. What is in one piece is not copied. */
#ifndef TIDEGATE_PIECES_H
#define TIDEGATE_PIECES_H

#include <stdint.h>

#include "codec_traffic.h"

enum {
	PIECES_WHOLE_MAX = 8 * 1024 * 1024, /* bytes; beyond it nothing is put together */
};

/* Owner: struct peer. Zeroed: nothing has come. */
struct pieces {
	uint8_t type; /* enum codec_type */
	uint64_t ask;
	uint32_t whole; /* bytes */
	uint32_t have;  /* bytes from the begin on */
	uint8_t *data;  /* of `whole` bytes; NULL: nothing is under way */
};

/* Frees what is under way. */
void pieces_finish(struct pieces *pieces);

/* One more piece. Returns 1 with all of it in *ret_whole, which is borrowed until the next call; 0:
 * more is to come. Errors: -ENOMEM; -EBADMSG: it does not fit to what came before, all of which is
 * forgotten; -EMSGSIZE. */
int pieces_add(struct pieces *pieces, uint8_t type, uint64_t ask, const struct codec_piece *piece,
	struct slice *ret_whole);

#endif
