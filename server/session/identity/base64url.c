#include "base64url.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

/* What no character of the alphabet stands for. */
enum {
	NOTHING = 0x40,
};

/* libsodium's decoder takes some bytes beyond ASCII for characters of the alphabet (1.0.18), by
 * which a token would have many spellings. Bits by character, tried byte by byte in test_token.c.
 */
static unsigned bits_of(char character)
{
	if (character >= 'A' && character <= 'Z') {
		return (unsigned)(character - 'A');
	}
	if (character >= 'a' && character <= 'z') {
		return (unsigned)(character - 'a') + 26;
	}
	if (character >= '0' && character <= '9') {
		return (unsigned)(character - '0') + 52;
	}
	return character == '-' ? 62 : character == '_' ? 63 : NOTHING;
}

int base64url_decode(struct slice text, uint8_t *ret_bytes, size_t size, size_t *ret_len)
{
	const size_t len = text.len / 4 * 3 + text.len % 4 * 3 / 4;
	uint32_t bits = 0; /* the last four characters, of which as many as are left are unused */
	uint32_t faults = 0;
	uint8_t *to = ret_bytes;
	if (text.len % 4 == 1 || len > size) {
		return -EINVAL;
	}
	for (size_t i = 0; i < text.len; i++) {
		const unsigned character = bits_of(text.data[i]);
		faults |= character;
		bits = bits << 6 | character;
		if (i % 4 == 3) {
			*to++ = (uint8_t)(bits >> 16);
			*to++ = (uint8_t)(bits >> 8);
			*to++ = (uint8_t)bits;
		}
	}
	if (text.len % 4 == 2) {
		*to = (uint8_t)(bits >> 4);
		faults |= bits & 0xf ? NOTHING : 0;
	} else if (text.len % 4 == 3) {
		to[0] = (uint8_t)(bits >> 10);
		to[1] = (uint8_t)(bits >> 2);
		faults |= bits & 0x3 ? NOTHING : 0;
	}
	if (faults & NOTHING) {
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
