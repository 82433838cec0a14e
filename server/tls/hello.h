/* What a line begins with that is to speak TLS, seen before OpenSSL is asked. RFC 8446 section 5.1.
 */
#ifndef TIDEGATE_HELLO_H
#define TIDEGATE_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/tls_record.h"

enum {
	HELLO_RECORD_MAX = TLS_HEADER_LEN + TLS_PLAIN_MAX, /* bytes: the longest of a hello */
};

enum hello_kind {
	HELLO_MORE,  /* it may become a hello */
	HELLO_TLS,   /* the record it begins with is whole */
	HELLO_HTTP,  /* a request in plain */
	HELLO_OTHER, /* no TLS that anybody speaks here */
};

/* Looks at all that has come of a line. With HELLO_TLS and HELLO_MORE `*ret_record_len` is the
 * length of the record, header included; 0 while that is not known. Thread: any. */
enum hello_kind hello_look(const uint8_t *data, size_t len, size_t *ret_record_len);

/* Bytes of the record at the front of what has come, header included, whatever is in it; 0 while
 * its header is not whole. Thread: any. */
size_t hello_record_len(const uint8_t *data, size_t len);

#endif
