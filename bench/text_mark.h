/* What a fanned-out text begins with: who sent it, its number, and when it was meant to leave. 32
 * letters from A to P, four bits each, which are valid UTF-8 and quick to read. */
#ifndef TIDEGATE_BENCH_TEXT_MARK_H
#define TIDEGATE_BENCH_TEXT_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "../proto/bytes.h"

enum {
	TEXT_MARK_LEN = 32,
};

struct text_mark {
	uint32_t sender;
	uint32_t number;
	uint64_t intended_ns; /* monotonic */
};

static inline void text_mark_write_word(uint8_t *to, uint32_t word)
{
	for (int i = 0; i < 8; i++) {
		to[i] = (uint8_t)('A' + (word >> (28 - 4 * i) & 15));
	}
}

/* False when a letter is none of ours. */
static inline bool text_mark_read_word(const uint8_t *from, uint32_t *ret_word)
{
	uint64_t x = load_be64(from) - UINT64_C(0x4141414141414141);
	bool is_valid = (x & UINT64_C(0xf0f0f0f0f0f0f0f0)) == 0;
	x = (x | x >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
	*ret_word = (uint32_t)(x | x >> 16);
	return is_valid;
}

static inline void text_mark_write(uint8_t to[TEXT_MARK_LEN], struct text_mark mark)
{
	text_mark_write_word(to, mark.sender);
	text_mark_write_word(to + 8, mark.number);
	text_mark_write_word(to + 16, (uint32_t)(mark.intended_ns >> 32));
	text_mark_write_word(to + 24, (uint32_t)mark.intended_ns);
}

static inline bool text_mark_read(const uint8_t from[TEXT_MARK_LEN], struct text_mark *ret_mark)
{
	uint32_t high;
	uint32_t low;
	bool is_valid = text_mark_read_word(from, &ret_mark->sender);
	is_valid &= text_mark_read_word(from + 8, &ret_mark->number);
	is_valid &= text_mark_read_word(from + 16, &high);
	is_valid &= text_mark_read_word(from + 24, &low);
	ret_mark->intended_ns = (uint64_t)high << 32 | low;
	return is_valid;
}

#endif
