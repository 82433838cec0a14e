#include "utf8.h"

#include <string.h>

enum {
	BLOCK = 16,       /* bytes judged at a time */
	START = 32,       /* bytes judged apart: there is nothing in front to look back to */
	ASCII_BLOCK = 64, /* bytes passed over at a time */
	/* A character is at most four bytes, so that a byte's rules look back over three. */
	LOOKBACK = 3,
	CONTINUATION_MIN = 0x80,
	CONTINUATION_MAX = 0xbf,
};

/* Vectors of the compilers' own, not of one processor; comparisons yield masks of 0 or -1. */
typedef uint8_t bytes_block __attribute__((vector_size(BLOCK)));
typedef int8_t masks_block __attribute__((vector_size(BLOCK)));

static inline bytes_block load_block(const uint8_t *from)
{
	bytes_block block;
	memcpy(&block, from, sizeof block);
	return block;
}

static inline uint64_t load_word(const uint8_t *from)
{
	uint64_t word;
	memcpy(&word, from, sizeof word);
	return word;
}

static inline bool word_is_ascii(uint64_t word)
{
	return (word & 0x8080808080808080) == 0;
}

static inline bool block_is_ascii(const uint8_t *data)
{
	return word_is_ascii(load_word(data) | load_word(data + 8));
}

static inline bool wide_is_ascii(const uint8_t *data)
{
	bytes_block any = load_block(data);
	for (size_t at = BLOCK; at < ASCII_BLOCK; at += BLOCK) {
		any |= load_block(data + at);
	}
	uint64_t words[2];
	memcpy(words, &any, sizeof words);
	return word_is_ascii(words[0] | words[1]);
}

/* Each byte is judged by the three in front of it and never by what follows. So a block may begin
 * and end inside a character, blocks may overlap, and a text broken off is no error. There are no
 * branches: it is the same work for any mix of scripts. */
static inline bool block_is_valid(const uint8_t *data)
{
	const bytes_block byte = load_block(data);
	const bytes_block back1 = load_block(data - 1);
	const bytes_block back2 = load_block(data - 2);
	const bytes_block back3 = load_block(data - 3);

	/* Continuations are the lowest of signed bytes, and signed compares the cheaper ones. */
	const masks_block signed_byte = (masks_block)byte;

	/* A lead byte asks for one to three continuations, and nothing else may have any. */
	const masks_block asked = (back1 >= 0xc0) | (back2 >= 0xe0) | (back3 >= 0xf0);
	const masks_block given = signed_byte < (int8_t)0xc0;
	/* Lead bytes that could only begin overlong forms or what lies over U+10FFFF. */
	const masks_block lead = ((byte & 0xfe) == 0xc0) | (byte > 0xf4);
	/* Second bytes that make overlong forms, surrogates, or what lies over U+10FFFF. */
	const masks_block from_90 = signed_byte >= (int8_t)0x90;
	const masks_block from_a0 = signed_byte >= (int8_t)0xa0;
	const masks_block second = ((back1 == 0xe0) & ~from_a0) | ((back1 == 0xed) & from_a0) |
				   ((back1 == 0xf0) & ~from_90) | ((back1 == 0xf4) & from_90);

	const masks_block wrong = (asked ^ given) | lead | second;
	uint64_t words[2];
	memcpy(words, &wrong, sizeof words);
	return (words[0] | words[1]) == 0;
}

static inline bool start_is_ascii(const uint8_t *data, size_t len)
{
	if (len >= BLOCK) {
		return block_is_ascii(data) && block_is_ascii(data + len - BLOCK);
	}
	if (len >= 8) {
		return word_is_ascii(load_word(data) | load_word(data + len - 8));
	}
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++) {
		any |= data[i];
	}
	return any < 0x80;
}

/* For up to START bytes that have none in front to look back to: zeros stand there. */
static inline bool start_is_valid(const uint8_t *data, size_t len)
{
	if (start_is_ascii(data, len)) {
		return true;
	}
	uint8_t padded[LOOKBACK + START] = {0};
	memcpy(padded + sizeof padded - len, data, len);
	return block_is_valid(padded + LOOKBACK) && block_is_valid(padded + LOOKBACK + BLOCK);
}

/* Whether `data`, which begins between two characters, is valid up to where it ends. */
static bool is_valid_so_far(const uint8_t *data, size_t len)
{
	if (len <= START) {
		return start_is_valid(data, len);
	}
	if (!start_is_valid(data, START)) {
		return false;
	}

	const uint8_t *const last = data + len - BLOCK;
	const uint8_t *block = data + START;
	while (block < last) {
		/* After a byte of ASCII no character is under way. */
		if (block[-1] < 0x80 && last - block >= ASCII_BLOCK && wide_is_ascii(block)) {
			block += ASCII_BLOCK;
			continue;
		}
		if (!block_is_valid(block)) {
			return false;
		}
		block += BLOCK;
	}
	return block_is_valid(last);
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
