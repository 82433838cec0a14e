/* The query of a request target: `key=value&key=value`, percent-encoded. '+' is a plus, not a
 * space. PROTOCOL section 1, RFC 3986 section 3.4. */
#ifndef TIDEGATE_QUERY_H
#define TIDEGATE_QUERY_H

#include <stddef.h>

#include "slice.h"

/* Finds the one value of `key`, which is compared decoded, and decodes it; without a NUL. A key
 * without '=' has an empty value. Thread: any. Returns its length in bytes, or, with parts of a
 * value written maybe:
 * Errors: -ENOENT: there is no such key; -EEXIST: there are several; -EBADMSG: a '%' is not
 * followed by two hexadecimal digits; -EMSGSIZE: the value is longer than `size`. */
int query_find(struct slice query, struct slice key, char *ret_value, size_t size);

/* Decodes one value, or another part of a target; without a NUL. Thread: any. Returns its length in
 * bytes, or, with parts of it written maybe:
 * Errors: -EBADMSG, -EMSGSIZE, as above. */
int query_decode(struct slice encoded, char *ret_text, size_t size);

#endif
