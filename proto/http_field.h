/* The characters and lists of HTTP's header fields. RFC 9110 section 5. */
#ifndef TIDEGATE_HTTP_FIELD_H
#define TIDEGATE_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define HTTP_BIT(c) (UINT64_C(1) << ((c)&63))
#define HTTP_BITS(from, to)                                                                        \
	((HTTP_BIT(to) - HTTP_BIT(from)) | HTTP_BIT(to)) /* of one half of ASCII */

/* tchar of RFC 9110 section 5.6.2: methods and names of fields. */
static inline bool http_is_token(char c)
{
	static const uint64_t token_chars[2] = {
		HTTP_BITS('0', '9') | HTTP_BIT('!') | HTTP_BIT('#') | HTTP_BIT('$') |
			HTTP_BIT('%') | HTTP_BIT('&') | HTTP_BIT('\'') | HTTP_BIT('*') |
			HTTP_BIT('+') | HTTP_BIT('-') | HTTP_BIT('.'),
		HTTP_BITS('A', 'Z') | HTTP_BITS('a', 'z') | HTTP_BIT('^') | HTTP_BIT('_') |
			HTTP_BIT('`') | HTTP_BIT('|') | HTTP_BIT('~'),
	};
	const uint8_t byte = (uint8_t)c;
	return byte < 128 && (token_chars[byte >> 6] >> (byte & 63) & 1);
}

#undef HTTP_BIT
#undef HTTP_BITS

/* field-content of RFC 9110 section 5.5, obs-text included. */
static inline bool http_is_value(char c)
{
	const uint8_t byte = (uint8_t)c;
	return (byte >= ' ' && byte != 0x7f) || byte == '\t';
}

/* Whether a comma-separated list holds a token, whatever its case. */
static inline bool http_list_has(struct slice list, struct slice token)
{
	while (list.len > 0) {
		if (slice_equals_nocase(slice_trim(slice_cut(&list, ',')), token)) {
			return true;
		}
	}
	return false;
}

#endif
