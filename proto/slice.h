/* Part of a text, borrowed. */
#ifndef TIDEGATE_SLICE_H
#define TIDEGATE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char *data;
	size_t len;
};

#define SLICE(literal) ((struct slice){literal, sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline bool slice_equals(struct slice slice, struct slice other)
{
	return slice.len == other.len &&
	       (other.len == 0 || memcmp(slice.data, other.data, other.len) == 0);
}

static inline bool slice_equals_nocase(struct slice slice, struct slice other)
{
	return slice.len == other.len &&
	       (other.len == 0 || strncasecmp(slice.data, other.data, other.len) == 0);
}

static inline bool slice_begins(struct slice slice, struct slice start)
{
	return slice.len >= start.len && memcmp(slice.data, start.data, start.len) == 0;
}

static inline bool slice_begins_nocase(struct slice slice, struct slice start)
{
	return slice.len >= start.len && strncasecmp(slice.data, start.data, start.len) == 0;
}

/* Cuts off the front what stands before the first `separator`, or all. The separator is dropped. */
static inline struct slice slice_cut(struct slice *rest, char separator)
{
	struct slice front = *rest;
	const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
	if (!end) {
		*rest = (struct slice){rest->data + rest->len, 0};
		return front;
	}
	front.len = (size_t)(end - rest->data);
	*rest = (struct slice){end + 1, rest->len - front.len - 1};
	return front;
}

static inline void slice_drop(struct slice *slice, size_t len)
{
	slice->data += len;
	slice->len -= len;
}

/* Without spaces and tabs around it. */
static inline struct slice slice_trim(struct slice slice)
{
	while (slice.len && (slice.data[0] == ' ' || slice.data[0] == '\t')) {
		slice_drop(&slice, 1);
	}
	while (slice.len &&
		(slice.data[slice.len - 1] == ' ' || slice.data[slice.len - 1] == '\t')) {
		slice.len--;
	}
	return slice;
}

#endif
