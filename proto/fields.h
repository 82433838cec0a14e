/* What the payloads of tidegate.v1 are made of: big-endian numbers and short strings, one behind
 *the other. PROTOCOL section 6.
 *
 * A reader that meets the end too early remembers it and gives zeros from then on, so that a whole
 * payload is read first and judged once:
 *
 *	struct fields fields = fields_of(payload, len);
 *	id = fields_u32(&fields);
 *	room = fields_str(&fields);
 *	return fields_fit(&fields) ? 0 : -EBADMSG;
 *
 * A writer moves on by what it has written; the caller has counted the bytes. */
#ifndef TIDEGATE_FIELDS_H
#define TIDEGATE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "slice.h"

enum {
	FIELDS_STR_MAX = 255, /* bytes of a string, whose length is one byte */
};

/* A payload being read: borrowed. */
struct fields {
	const uint8_t *at;
	size_t left;   /* bytes */
	bool is_short; /* more was asked for than there is */
};

static inline struct fields fields_of(const uint8_t *payload, size_t len)
{
	return (struct fields){.at = payload, .left = len};
}

/* The next `len` bytes, or NULL. */
static inline const uint8_t *fields_take(struct fields *fields, size_t len)
{
	if (fields->left < len) {
		fields->is_short = true;
		fields->left = 0;
		return NULL;
	}
	const uint8_t *taken = fields->at;
	fields->at += len;
	fields->left -= len;
	return taken;
}

static inline uint8_t fields_u8(struct fields *fields)
{
	const uint8_t *at = fields_take(fields, 1);
	return at ? *at : 0;
}

static inline uint16_t fields_u16(struct fields *fields)
{
	const uint8_t *at = fields_take(fields, 2);
	return at ? load_be16(at) : 0;
}

static inline uint32_t fields_u32(struct fields *fields)
{
	const uint8_t *at = fields_take(fields, 4);
	return at ? load_be32(at) : 0;
}

static inline uint64_t fields_u64(struct fields *fields)
{
	const uint8_t *at = fields_take(fields, 8);
	return at ? load_be64(at) : 0;
}

static inline struct slice fields_bytes(struct fields *fields, size_t len)
{
	const char *at = (const char *)fields_take(fields, len);
	return at ? (struct slice){at, len} : SLICE("");
}

static inline struct slice fields_str(struct fields *fields)
{
	return fields_bytes(fields, fields_u8(fields));
}

/* All that is left: a text. */
static inline struct slice fields_rest(struct fields *fields)
{
	return fields_bytes(fields, fields->left);
}

/* Whether the payload was long enough and is used up. */
static inline bool fields_fit(const struct fields *fields)
{
	return !fields->is_short && fields->left == 0;
}

/* Whether it was long enough: what trails is of a later version. */
static inline bool fields_fit_or_trail(const struct fields *fields)
{
	return !fields->is_short;
}

static inline uint8_t *fields_put_u8(uint8_t *to, uint8_t value)
{
	*to = value;
	return to + 1;
}

static inline uint8_t *fields_put_u16(uint8_t *to, uint16_t value)
{
	store_be16(to, value);
	return to + 2;
}

static inline uint8_t *fields_put_u32(uint8_t *to, uint32_t value)
{
	store_be32(to, value);
	return to + 4;
}

static inline uint8_t *fields_put_u64(uint8_t *to, uint64_t value)
{
	store_be64(to, value);
	return to + 8;
}

static inline uint8_t *fields_put_bytes(uint8_t *to, struct slice bytes)
{
	if (bytes.len > 0) {
		memcpy(to, bytes.data, bytes.len);
	}
	return to + bytes.len;
}

/* Of at most FIELDS_STR_MAX bytes. */
static inline uint8_t *fields_put_str(uint8_t *to, struct slice string)
{
	return fields_put_bytes(fields_put_u8(to, (uint8_t)string.len), string);
}

static inline size_t fields_str_len(struct slice string)
{
	return 1 + string.len;
}

#endif
