#include "hello.h"

#include <string.h>

#include "../../proto/bytes.h"

enum {
	VERSION_MAJOR = 3,   /* of all versions since SSL 3.0; what follows it says nothing */
	MESSAGE_HELLO = 1,   /* RFC 8446 section 4 */
	METHOD_LEN_MAX = 16, /* bytes of a request's first word */
};

/* A word in capitals, a space and a path: RFC 9112 section 3. */
static enum hello_kind look_at_plain(const uint8_t *data, size_t len)
{
	size_t letters = 0;
	while (letters < len && data[letters] >= 'A' && data[letters] <= 'Z') {
		letters++;
	}
	if (letters == 0 || letters > METHOD_LEN_MAX) {
		return HELLO_OTHER;
	}
	const size_t more = len - letters < 2 ? len - letters : 2;
	if (memcmp(data + letters, " /", more) != 0) {
		return HELLO_OTHER;
	}
	return more == 2 ? HELLO_HTTP : HELLO_MORE;
}

size_t hello_record_len(const uint8_t *data, size_t len)
{
	return len < TLS_HEADER_LEN ? 0 : (size_t)TLS_HEADER_LEN + load_be16(data + 3);
}

enum hello_kind hello_look(const uint8_t *data, size_t len, size_t *ret_record_len)
{
	const size_t record_len = hello_record_len(data, len);
	*ret_record_len = 0;
	if (len == 0) {
		return HELLO_MORE;
	}
	if (data[0] != TLS_CONTENT_HANDSHAKE) {
		return look_at_plain(data, len);
	}
	if ((len > 1 && data[1] != VERSION_MAJOR) ||
		(len > TLS_HEADER_LEN && data[TLS_HEADER_LEN] != MESSAGE_HELLO)) {
		return HELLO_OTHER;
	}
	if (record_len == 0) {
		return HELLO_MORE;
	}
	if (record_len == TLS_HEADER_LEN || record_len > HELLO_RECORD_MAX) {
		return HELLO_OTHER;
	}
	*ret_record_len = record_len;
	return len < record_len ? HELLO_MORE : HELLO_TLS;
}
