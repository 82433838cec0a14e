/* The tokens that a request to the admin port may carry: one, or two while callers change over from
 * the old one to the new. */
#ifndef TIDEGATE_ADMIN_TOKENS_H
#define TIDEGATE_ADMIN_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADMIN_TOKEN_MIN = 16, /* characters */
	ADMIN_TOKEN_MAX = 256,
	ADMIN_TOKENS_MAX = 2,
};

/* Plain data; zero-initialised: none is asked for. */
struct admin_tokens {
	uint32_t count;
	char texts[ADMIN_TOKENS_MAX][ADMIN_TOKEN_MAX + 1]; /* NULs behind each, to the end */
};

/* Whether one of them is given. The time taken tells nothing of any of them, nor of how many there
 * are. Thread: any. */
bool admin_tokens_have(const struct admin_tokens *tokens, const char *given);

/* Whether both are the same, in the same order. Thread: any. */
bool admin_tokens_are_same(const struct admin_tokens *a, const struct admin_tokens *b);

/* Reads a file of one or two lines, each a token of 16 to 256 printable characters without spaces;
 * empty lines do not count, and others must not be able to read or write the file. Thread: any.
 * Errors: -errno; ret_error is a line that says what to do, and never what stands in the file. */
int admin_tokens_read(
	const char *path, struct admin_tokens *ret_tokens, char *ret_error, size_t error_size);

/* Overwrites them: for memory that is given back. Thread: any. */
void admin_tokens_wipe(struct admin_tokens *tokens);

#endif
