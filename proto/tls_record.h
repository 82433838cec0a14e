/* Records of TLS 1.3 as they lie on the wire once a handshake is over, and what they may say.
 * RFC 8446 sections 5 and 6. */
#ifndef TIDEGATE_TLS_RECORD_H
#define TIDEGATE_TLS_RECORD_H

#include <stdint.h>

#include "bytes.h"

/* Bytes. */
enum {
	TLS_HEADER_LEN = 5,
	TLS_TAG_LEN = 16,
	TLS_PLAIN_MAX = 1 << 14, /* of content in one record */
	TLS_RECORD_MAX = TLS_HEADER_LEN + TLS_PLAIN_MAX + 256,
	TLS_OVERHEAD = TLS_HEADER_LEN + 1 + TLS_TAG_LEN, /* that sealing adds to the content */
	TLS_ALERT_RECORD_LEN = 2 + TLS_OVERHEAD,
	TLS_KEY_UPDATE_RECORD_LEN = 5 + TLS_OVERHEAD,
};

/* RFC 8446 section 5.1. */
enum tls_content {
	TLS_CONTENT_CHANGE_CIPHER_SPEC = 20,
	TLS_CONTENT_ALERT = 21,
	TLS_CONTENT_HANDSHAKE = 22,
	TLS_CONTENT_DATA = 23,
};

/* Those that have a meaning here; a peer may send any number. RFC 8446 section 6. */
enum tls_alert {
	TLS_ALERT_CLOSE_NOTIFY = 0,
	TLS_ALERT_UNEXPECTED_MESSAGE = 10,
	TLS_ALERT_BAD_RECORD_MAC = 20,
	TLS_ALERT_RECORD_OVERFLOW = 22,
	TLS_ALERT_ILLEGAL_PARAMETER = 47,
	TLS_ALERT_DECODE_ERROR = 50,
	TLS_ALERT_INTERNAL_ERROR = 80,
	TLS_ALERT_USER_CANCELED = 90,
};

/* Bytes of the record that begins with this header, header included: TLS_HEADER_LEN + TLS_TAG_LEN
 * to TLS_RECORD_MAX. Only sealed ones are taken; their version says nothing. Thread: any.
 * Errors: -(the alert that is due), before the rest of the record has come: what is not sealed is
 * -TLS_ALERT_UNEXPECTED_MESSAGE, too long -TLS_ALERT_RECORD_OVERFLOW, without room for a tag
 * -TLS_ALERT_BAD_RECORD_MAC. */
static inline int tls_record_len(const uint8_t header[TLS_HEADER_LEN])
{
	const int len = TLS_HEADER_LEN + load_be16(header + 3);
	if (header[0] != TLS_CONTENT_DATA) {
		return -TLS_ALERT_UNEXPECTED_MESSAGE;
	}
	if (len > TLS_RECORD_MAX) {
		return -TLS_ALERT_RECORD_OVERFLOW;
	}
	return len < TLS_HEADER_LEN + TLS_TAG_LEN ? -TLS_ALERT_BAD_RECORD_MAC : len;
}

#endif
