/* Tokens to log in with (RFC 7519), one for each user, made before the run: a bench that signs
 * while it measures would measure itself. */
#ifndef TIDEGATE_BENCH_TOKENS_H
#define TIDEGATE_BENCH_TOKENS_H

#include <stddef.h>
#include <stdint.h>

enum {
	TOKENS_ERROR_MAX = 256, /* bytes of what is wrong, NUL included */
};

/* Owner:  main.
 * Shared: read by all threads once they are made.
 * Freed:  by tokens_finish. */
struct tokens {
	uint32_t count;
	size_t size; /* bytes of one, NUL included; all have the same */
	char *texts;
	const char *algorithm; /* that they are signed with; NULL: there are none */
};

/* Makes `count` of them, for users numbered from `first`, good for a day. `path` is a private key
 * as a JWK, for HS256 (`oct`) or ES256 (`EC`, of P-256): what `tidegate token --new` makes.
 * Errors: -EINVAL, -ENOMEM; ret_error says why. */
int tokens_make(const char *path, uint32_t first, uint32_t count, struct tokens *ret_tokens,
	char ret_error[TOKENS_ERROR_MAX]);

void tokens_finish(struct tokens *tokens);

/* That of the user `index`, counted from the first. */
static inline const char *tokens_at(const struct tokens *tokens, uint32_t index)
{
	return tokens->texts + index * tokens->size;
}

#endif
