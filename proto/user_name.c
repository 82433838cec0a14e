#include "user_name.h"

#include <stdint.h>

#include "utf8.h"

/* U+0000 to U+001F and U+007F to U+009F, in valid UTF-8. */
static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const uint8_t byte = (uint8_t)text[i];
		if (byte < 0x20 || byte == 0x7f) {
			return true;
		}
		if (byte == 0xc2 && (uint8_t)text[i + 1] < 0xa0) {
			return true;
		}
	}
	return false;
}

bool user_name_is_valid(const char *name, size_t len)
{
	return len > 0 && len <= USER_NAME_MAX && utf8_valid((const uint8_t *)name, len) &&
	       !has_control(name, len);
}
