#include "base64url.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

enum {
	VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

int base64url_decode(struct slice text, uint8_t *ret_bytes, size_t size, size_t *ret_len)
{
	size_t len;
	if (sodium_base642bin(
		    ret_bytes, size, text.data, text.len, NULL, &len, NULL, VARIANT) != 0) {
		return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

size_t base64url_encode(const uint8_t *bytes, size_t len, char *ret_text, size_t size)
{
	sodium_bin2base64(ret_text, size, bytes, len, VARIANT);
	return strlen(ret_text);
}
