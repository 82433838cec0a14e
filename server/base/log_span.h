/* Text of a log line under way, in a buffer of fixed size: what does not fit is left out, what
 * could forge a line or steer a terminal is escaped. */
#ifndef TIDEGATE_LOG_SPAN_H
#define TIDEGATE_LOG_SPAN_H

#include <stddef.h>

/* Where a text stands. */
enum log_place {
	LOG_PLACE_BARE,   /* a message or a value without quotes */
	LOG_PLACE_QUOTED, /* a value in quotes */
	LOG_PLACE_JSON,   /* a JSON string */
};

/* [at, end) is still free.
 * Owner: whoever declared it, and the buffer. */
struct log_span {
	char *at;
	char *end;
};

/* Thread: any, of all below. */
static inline size_t log_span_room(const struct log_span *span)
{
	return (size_t)(span->end - span->at);
}

/* Appends as much as fits, as it is. */
void log_span_put(struct log_span *span, const char *text, size_t len);
void log_span_put_string(struct log_span *span, const char *text);

/* Appends whole characters, escaped, and leaves `reserve` bytes; where they do not all fit, an
 * ellipsis ends them. Wants room for that. */
void log_span_put_escaped(
	struct log_span *span, const char *text, enum log_place place, size_t reserve);

/* Appends a value: as it is where it is one plain word, else in quotes, so that none of it is taken
 * for what stands around it. Leaves `reserve` bytes; wants room for quotes and an ellipsis. */
void log_span_put_value(struct log_span *span, const char *value, size_t reserve);

#endif
