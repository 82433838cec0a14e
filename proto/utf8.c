#include "utf8.h"

#include <string.h>

enum {
	/* Bytes checked at a time: a fixed count, from which compilers make vector code. */
	BLOCK = 32,
	/* A character is at most four bytes, so that a byte's rules look back over three. */
	LOOKBACK = 3,
	CONTINUATION_MIN = 0x80,
	CONTINUATION_MAX = 0xbf,
};

static bool block_is_ascii(const uint8_t block[BLOCK])
{
	uint64_t words[BLOCK / 8];
	memcpy(words, block, BLOCK);
	uint64_t any = 0;
	for (size_t i = 0; i < BLOCK / 8; i++) {
		any |= words[i];
	}
	return (any & 0x8080808080808080) == 0;
}

/* Each byte is judged by the three in front of it and never by what follows. So a block may begin
 * and end inside a character, blocks may overlap, and a text broken off is no error. The masks are
 * 0 or 0xff, free of branches: it is the same work for any mix of scripts. */
static bool block_is_valid(const uint8_t block[BLOCK])
{
	uint8_t wrong = 0;
	for (ptrdiff_t i = 0; i < BLOCK; i++) {
		const uint8_t byte = block[i];
		const uint8_t back1 = block[i - 1];
		const uint8_t back2 = block[i - 2];
		const uint8_t back3 = block[i - 3];

		/* A lead byte asks for one to three continuations, and nothing else may have any.
		 */
		const bool asked = (back1 >= 0xc0) | (back2 >= 0xe0) | (back3 >= 0xf0);
		const bool given = (byte & 0xc0) == 0x80;
		/* Lead bytes that could only begin overlong forms or what lies over U+10FFFF. */
		const bool lead = (byte == 0xc0) | (byte == 0xc1) | (byte > 0xf4);
		/* The second byte: overlong forms, surrogates, over U+10FFFF. */
		const bool second =
			((back1 == 0xe0) & (byte < 0xa0)) | ((back1 == 0xed) & (byte > 0x9f)) |
			((back1 == 0xf0) & (byte < 0x90)) | ((back1 == 0xf4) & (byte > 0x8f));
		wrong |= (uint8_t)((asked != given) | lead | second);
	}
	return wrong == 0;
}

/* For what has no bytes in front, or not enough of them to fill a block: zeros stand there. */
static bool start_is_valid(const uint8_t *data, size_t len)
{
	uint8_t padded[LOOKBACK + BLOCK] = {0};
	memcpy(padded + LOOKBACK + BLOCK - len, data, len);
	return block_is_valid(padded + LOOKBACK);
}

/* Whether `data`, which begins between two characters, is valid up to where it ends. */
static bool is_valid_so_far(const uint8_t *data, size_t len)
{
	if (len < BLOCK) {
		return start_is_valid(data, len);
	}
	if (!start_is_valid(data, BLOCK)) {
		return false;
	}

	const uint8_t *const last = data + len - BLOCK;
	for (const uint8_t *block = data + BLOCK; block < last; block += BLOCK) {
		/* After a byte of ASCII no character is under way. */
		if (block[-1] < CONTINUATION_MIN && block_is_ascii(block)) {
			continue;
		}
		if (!block_is_valid(block)) {
			return false;
		}
	}
	return last == data || block_is_valid(last);
}

/* Bytes at the end of a text, valid so far, that begin a character without ending it: 0 to 3. */
static size_t unfinished_len(const uint8_t *data, size_t len)
{
	static const uint8_t longer_than[LOOKBACK] = {0xc0, 0xe0, 0xf0};

	for (size_t back = 1; back <= LOOKBACK && back <= len; back++) {
		if (data[len - back] >= longer_than[back - 1]) {
			return back;
		}
	}
	return 0;
}

static bool begin_character(struct utf8_state *state, uint8_t lead)
{
	state->lower = CONTINUATION_MIN;
	state->upper = CONTINUATION_MAX;
	if (lead < 0x80) {
		state->need = 0;
	} else if (lead < 0xc2 || lead > 0xf4) {
		return false;
	} else if (lead < 0xe0) {
		state->need = 1;
	} else if (lead < 0xf0) {
		state->need = 2;
		state->lower = lead == 0xe0 ? 0xa0 : CONTINUATION_MIN;
		state->upper = lead == 0xed ? 0x9f : CONTINUATION_MAX;
	} else {
		state->need = 3;
		state->lower = lead == 0xf0 ? 0x90 : CONTINUATION_MIN;
		state->upper = lead == 0xf4 ? 0x8f : CONTINUATION_MAX;
	}
	return true;
}

static bool step(struct utf8_state *state, uint8_t byte)
{
	if (state->need == 0) {
		return begin_character(state, byte);
	}
	if (byte < state->lower || byte > state->upper) {
		return false;
	}
	state->need--;
	state->lower = CONTINUATION_MIN;
	state->upper = CONTINUATION_MAX;
	return true;
}

bool utf8_check(struct utf8_state *state, const uint8_t *data, size_t len)
{
	while (state->need > 0 && len > 0) {
		if (!step(state, *data)) {
			return false;
		}
		data++;
		len--;
	}
	if (!is_valid_so_far(data, len)) {
		return false;
	}

	for (size_t left = unfinished_len(data, len); left > 0; left--) {
		if (!step(state, data[len - left])) {
			return false;
		}
	}
	return true;
}

bool utf8_valid(const uint8_t *data, size_t len)
{
	struct utf8_state state = {0};
	return utf8_check(&state, data, len) && utf8_complete(&state);
}
