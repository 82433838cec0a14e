/* How a delivered text ends: ` -- FROM user`. PROTOCOL section 2. */
#ifndef TIDEGATE_SUFFIX_H
#define TIDEGATE_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "slice.h"

/* What stands between a text and its sender's name. No name may hold it, not even without its
 * leading blank, which the suffix of that name would supply. */
#define SUFFIX_MARK_IN_NAME "-- FROM "
#define SUFFIX_MARK         " " SUFFIX_MARK_IN_NAME

enum {
	SUFFIX_MARK_LEN = sizeof(SUFFIX_MARK) - 1, /* bytes */
};

/* Bytes of the suffix that names a user. Thread: any. */
static inline size_t suffix_len(size_t user_len)
{
	return SUFFIX_MARK_LEN + user_len;
}

/* Writes the suffix, suffix_len() bytes without a NUL. Thread: any. Returns where it ends. */
static inline uint8_t *suffix_write(uint8_t *to, const char *user, size_t user_len)
{
	memcpy(to, SUFFIX_MARK, SUFFIX_MARK_LEN);
	memcpy(to + SUFFIX_MARK_LEN, user, user_len);
	return to + suffix_len(user_len);
}

/* Splits a delivered text at the last mark that has a name behind it: a mark in the text itself is
 * in front of the gateway's. Thread: any. Returns false, and sets nothing, when there is none. */
bool suffix_split(struct slice line, struct slice *ret_text, struct slice *ret_user);

#endif
