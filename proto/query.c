#include "query.h"

#include <errno.h>
#include <stdint.h>

#include "ascii.h"

/* Takes one byte off the front, which must not be empty: itself, or what %XX stands for. Returns it
 * or, when an escape is broken, -1. */
static int take_byte(struct slice *rest)
{
	const char c = rest->data[0];
	if (c != '%') {
		slice_drop(rest, 1);
		return (uint8_t)c;
	}
	if (rest->len < 3) {
		return -1;
	}
	const int high = ascii_hex_value(rest->data[1]);
	const int low = ascii_hex_value(rest->data[2]);
	slice_drop(rest, 3);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool decodes_to(struct slice encoded, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (encoded.len == 0 || take_byte(&encoded) != (uint8_t)text.data[i]) {
			return false;
		}
	}
	return encoded.len == 0;
}

int query_decode(struct slice encoded, char *ret_text, size_t size)
{
	size_t len = 0;
	while (encoded.len > 0) {
		const int byte = take_byte(&encoded);
		if (byte < 0) {
			return -EBADMSG;
		}
		if (len == size) {
			return -EMSGSIZE;
		}
		ret_text[len++] = (char)byte;
	}
	return (int)len;
}

int query_find(struct slice query, struct slice key, char *ret_value, size_t size)
{
	int found = -ENOENT;
	while (query.len > 0) {
		struct slice value = slice_cut(&query, '&');
		if (decodes_to(slice_cut(&value, '='), key)) {
			found = found == -ENOENT ? query_decode(value, ret_value, size) : -EEXIST;
		}
	}
	return found;
}
