/* The head of an HTTP message, of requests and answers alike: where it ends, and its parts. RFC
 * 9112. Strict: no obs-fold, no bare LF, no space before a colon, no HTTP/0.9. What the parts mean
 * is judged by `handshake` and `client_handshake`. */
#ifndef TIDEGATE_HTTP_HEAD_H
#define TIDEGATE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

/* Where a scan starts. */
enum http_head_kind {
	HTTP_HEAD_REQUEST,
	HTTP_HEAD_ANSWER,
};

/* How far a scan has come. Its start is {.state = one of enum http_head_kind}. */
struct http_head_scan {
	uint32_t seen; /* bytes looked at */
	uint8_t state; /* how much of the first line and of the final CR LF CR LF has passed */
};

enum http_head_progress {
	HTTP_HEAD_MORE,      /* the head goes on */
	HTTP_HEAD_COMPLETE,  /* *ret_head is the head; what follows belongs to nobody here */
	HTTP_HEAD_MALFORMED, /* these bytes cannot begin a head */
	HTTP_HEAD_TOO_LONG,  /* the head goes on beyond `limit` */
};

/* Looks for the end of a head, its empty line included, in all bytes so far: `data` always begins
 * at the head's first byte, and bytes seen before are not looked at again. What is no HTTP (a TLS
 * hello, binary, a bare LF) is told at its first wrong byte. A `limit` that has become lower in the
 * middle of a head holds at once. Thread: any. Sets *ret_head for HTTP_HEAD_COMPLETE only; it lies
 * in `data`. */
enum http_head_progress http_head_scan(struct http_head_scan *scan, const char *data, size_t len,
	size_t limit, struct slice *ret_head);

/* What is wrong with a request's head that http_head_scan() calls malformed, all of whose bytes are
 * given again: one line for people. Thread: any. */
const char *http_head_fault(struct slice begun);

/* Cuts the first line off a head that is complete. Its three parts are, of a request, method,
 * target and version; of an answer, version, status and phrase, which may be empty. What is left of
 * the head are its fields. Thread: any. */
void http_head_cut_line(struct slice *head, struct slice ret_parts[3]);

/* Cuts the next field off what is left of a head that is complete; blanks around the value are
 * dropped. Thread: any. Returns false, and sets nothing, when there is none. */
bool http_head_cut_field(struct slice *head, struct slice *ret_name, struct slice *ret_value);

/* Whether a comma-separated list holds a token, whatever its case. RFC 9110 section 5.6.1. Thread:
 * any. */
bool http_list_has(struct slice list, struct slice token);

#endif
