#include "chat_glyph.h"

#include <wchar.h>

#include "../../proto/utf8.h"

enum {
	LEN_MAX = 4, /* bytes of a character */
};

/* Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing,
 * with which a text could take the look of another. A tab is not among them. */
static bool is_control(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	       code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static unsigned columns_of(uint32_t code)
{
	const int columns = wcwidth((wchar_t)code);
	return columns < 0 ? 1 : (unsigned)columns;
}

static uint32_t decode(const char *text, size_t len)
{
	uint32_t code = (uint8_t)text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		code = code << 6 | ((uint8_t)text[i] & 0x3f);
	}
	return code;
}

struct glyph glyph_at(const char *text, size_t len)
{
	const uint8_t first = (uint8_t)text[0];
	const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	struct glyph glyph = {.len = 1, .code = first, .columns = 1};

	if (size > len || !utf8_valid((const uint8_t *)text, size)) {
		glyph.is_harmful = true;
		return glyph;
	}
	if (size > 1) {
		glyph.len = size;
		glyph.code = decode(text, size);
	}
	glyph.is_harmful = is_control(glyph.code);
	if (!glyph.is_harmful && glyph.code != '\t') {
		glyph.columns = columns_of(glyph.code);
	}
	return glyph;
}

/* Without what joins it. */
static size_t one_before(const char *text, size_t at)
{
	for (size_t len = 2; len <= LEN_MAX && len <= at; len++) {
		if (glyph_at(text + at - len, len).len == len) {
			return at - len;
		}
	}
	return at - 1;
}

size_t glyph_before(const char *text, size_t at)
{
	size_t begin = one_before(text, at);
	while (begin > 0 && glyph_at(text + begin, at - begin).columns == 0) {
		at = begin;
		begin = one_before(text, at);
	}
	return begin;
}

size_t glyph_behind(const char *text, size_t len, size_t at)
{
	if (at < len) {
		at += glyph_at(text + at, len - at).len;
	}
	while (at < len) {
		const struct glyph next = glyph_at(text + at, len - at);
		if (next.columns > 0) {
			break;
		}
		at += next.len;
	}
	return at;
}
