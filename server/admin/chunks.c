#include "chunks.h"

#include <errno.h>

#include "../../proto/ascii.h"

enum state {
	SIZE_START,
	SIZE,
	SIZE_BLANKS, /* between a size and what ends it */
	EXTENSION,   /* ignored */
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* of a line, which is ignored too */
	TRAILER,
	TRAILER_LF,
	LAST_LF,
	ENDED,
};

static int after_size_line(struct admin_chunks *chunks, char c)
{
	if (c != '\n') {
		return -EBADMSG;
	}
	chunks->line_len = 0;
	chunks->state = chunks->left ? DATA : TRAILER_START;
	return 0;
}

static int after_size_byte(struct admin_chunks *chunks, char c)
{
	int digit = chunks->state == SIZE_BLANKS ? -1 : ascii_hex_value(c);
	if (digit >= 0) {
		if (chunks->left >> 60) {
			return -EMSGSIZE;
		}
		chunks->left = chunks->left * 16 + (unsigned)digit;
		chunks->state = SIZE;
		return 0;
	}
	if (chunks->state == SIZE_START || (c != '\r' && c != ';' && c != ' ' && c != '\t')) {
		return -EBADMSG;
	}
	chunks->state = c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : SIZE_BLANKS;
	return 0;
}

/* A byte that is no data. */
static int take_byte(struct admin_chunks *chunks, char c)
{
	uint16_t most = chunks->state < DATA ? ADMIN_CHUNK_LINE_MAX : ADMIN_CHUNK_TRAILER_MAX;
	if (++chunks->line_len > most) {
		return -EMSGSIZE;
	}
	switch ((enum state)chunks->state) {
	case SIZE_START:
	case SIZE:
	case SIZE_BLANKS:
		return after_size_byte(chunks, c);
	case EXTENSION:
		chunks->state = c == '\r' ? SIZE_LF : EXTENSION;
		return c == '\n' ? -EBADMSG : 0;
	case SIZE_LF:
		return after_size_line(chunks, c);
	case DATA_CR:
		chunks->state = DATA_LF;
		return c == '\r' ? 0 : -EBADMSG;
	case DATA_LF:
		chunks->line_len = 0;
		chunks->state = SIZE_START;
		return c == '\n' ? 0 : -EBADMSG;
	case TRAILER_START:
	case TRAILER:
		if (c == '\n') {
			return -EBADMSG;
		}
		if (c == '\r') {
			chunks->state = chunks->state == TRAILER ? TRAILER_LF : LAST_LF;
		} else {
			chunks->state = TRAILER;
		}
		return 0;
	case TRAILER_LF:
		chunks->state = TRAILER_START;
		return c == '\n' ? 0 : -EBADMSG;
	case LAST_LF:
		chunks->state = ENDED;
		return c == '\n' ? 0 : -EBADMSG;
	case DATA:
	case ENDED:
		break;
	}
	return 0;
}

int64_t admin_chunks_take(struct admin_chunks *chunks, const char *data, size_t len,
	const char **ret_piece, size_t *ret_piece_len)
{
	size_t taken = 0;
	while (taken < len && chunks->state != DATA && chunks->state != ENDED) {
		int err = take_byte(chunks, data[taken++]);
		if (err) {
			return err;
		}
	}
	size_t rest = chunks->state == DATA ? len - taken : 0;
	*ret_piece = data + taken;
	*ret_piece_len = rest < chunks->left ? rest : (size_t)chunks->left;
	if (*ret_piece_len > 0) {
		chunks->left -= *ret_piece_len;
		chunks->state = chunks->left ? DATA : DATA_CR;
	}
	return (int64_t)(taken + *ret_piece_len);
}

bool admin_chunks_has_ended(const struct admin_chunks *chunks)
{
	return chunks->state == ENDED;
}
