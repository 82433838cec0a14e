#include "base64url.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

/* A character's bits, and this with them where it is of the alphabet. */
enum {
	KNOWN = 0x40,
};

#define ONE(c, bits)     [c] = KNOWN | (bits)
#define TWO(c, bits)     ONE(c, bits), ONE((c) + 1, (bits) + 1)
#define FOUR(c, bits)    TWO(c, bits), TWO((c) + 2, (bits) + 2)
#define EIGHT(c, bits)   FOUR(c, bits), FOUR((c) + 4, (bits) + 4)
#define SIXTEEN(c, bits) EIGHT(c, bits), EIGHT((c) + 8, (bits) + 8)

/* libsodium's decoder takes some bytes beyond ASCII for characters of the alphabet (1.0.18), by
 * which a token would have many spellings. Tried byte by byte in test_token.c. */
static const uint8_t alphabet[256] = {SIXTEEN('A', 0), EIGHT('Q', 16), TWO('Y', 24),
	SIXTEEN('a', 26), EIGHT('q', 42), TWO('y', 50), EIGHT('0', 52), TWO('8', 60), ONE('-', 62),
	ONE('_', 63)};

/* Of at most four characters. What is not of the alphabet takes KNOWN out of `known`. */
static inline uint32_t bits_of(const char *characters, size_t count, unsigned *known)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < count; i++) {
		const unsigned character = alphabet[(uint8_t)characters[i]];
		*known &= character;
		bits = bits << 6 | (character & ~(unsigned)KNOWN);
	}
	return bits;
}

int base64url_decode(struct slice text, uint8_t *ret_bytes, size_t size, size_t *ret_len)
{
	const size_t over = text.len % 4;
	const size_t len = text.len / 4 * 3 + over * 3 / 4;
	unsigned known = KNOWN;
	uint8_t *to = ret_bytes;
	if (over == 1 || len > size) {
		return -EINVAL;
	}
	for (; text.len >= 4; slice_drop(&text, 4)) {
		const uint32_t bits = bits_of(text.data, 4, &known);
		*to++ = (uint8_t)(bits >> 16);
		*to++ = (uint8_t)(bits >> 8);
		*to++ = (uint8_t)bits;
	}
	uint32_t unused = 0;
	if (over == 2) {
		const uint32_t bits = bits_of(text.data, 2, &known);
		to[0] = (uint8_t)(bits >> 4);
		unused = bits & 0xf;
	} else if (over == 3) {
		const uint32_t bits = bits_of(text.data, 3, &known);
		to[0] = (uint8_t)(bits >> 10);
		to[1] = (uint8_t)(bits >> 2);
		unused = bits & 0x3;
	}
	if (!known || unused) {
		return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

size_t base64url_encode(const uint8_t *bytes, size_t len, char *ret_text, size_t size)
{
	sodium_bin2base64(ret_text, size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return strlen(ret_text);
}
