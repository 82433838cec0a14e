/* Whether a token lets somebody in, and as whom: a JSON Web Token (RFC 7519), signed (RFC 7515,
 * compact form). */
#ifndef TIDEGATE_TOKEN_H
#define TIDEGATE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../proto/user_name.h"
#include "keys.h"
#include "rights.h"

enum {
	TOKEN_MAX = 4096,     /* bytes */
	TOKEN_LEEWAY_S = 30,  /* that clocks may differ */
	TOKEN_MEMO_MAX = 256, /* bytes of a header that is remembered, encoded */
};

enum token_verdict {
	TOKEN_GOOD,
	TOKEN_NONE, /* an empty one */
	TOKEN_BAD,  /* why is told to nobody */
	TOKEN_EXPIRED,
	TOKEN_NOT_YET,
};

/* The header of the last token whose signature was right: those of one issuer are all the same, and
 * reading one costs as much as the rest of a token of HS256.
 * Owner:  a thread that judges. Zero-initialised: there was none.
 * Shared: never. */
struct token_memo {
	size_t header_len;
	size_t kid_len;
	bool has_kid;
	enum algorithm algorithm;
	char header[TOKEN_MEMO_MAX];
	char kid[TOKEN_MEMO_MAX]; /* is part of it */
};

/* What a token is held against.
 * Owner: the node; plain data. */
struct token_rules {
	const char *audience;        /* that `aud` must name; NULL: any */
	const char *issuer;          /* that `iss` must be; NULL: any */
	struct rights_table *rights; /* where sets of rights are kept */
	struct token_memo *memo;     /* of the thread that judges; NULL: nothing is remembered */
};

/* What a good token says.
 * Owner: whoever had it judged; the reference to the rights is theirs. */
struct token_claims {
	char user[USER_NAME_MAX];
	char device[DEVICE_NAME_MAX];
	uint8_t user_len;
	uint8_t device_len;
	bool has_device; /* it names one, be it the one without a name */
	uint64_t ends_s; /* seconds since 1970; a session ends TOKEN_LEEWAY_S later */
	struct rights *rights;
};

/* Judges a token at the wall clock's `now_s`. The signature comes first: of a token that nobody
 * signed nothing but its header is looked at, and of a bad one only TOKEN_BAD is said.
 *
 * `sub` is the user, under the rule of user_name.h. `exp` is required; it and `nbf` are numbers of
 * seconds between 0 and the year 9999, so that milliseconds are no token for 50,000 years. `aud`
 * and `iss` are checked where the rules ask for it, `device` and `tg` are read where they are
 * there. A claim said twice is bad. Thread: any. Without memory the verdict is TOKEN_BAD. Claims
 * are untouched unless TOKEN_GOOD. */
enum token_verdict token_judge(const struct keys *keys, const struct token_rules *rules,
	const char *token, size_t len, uint64_t now_s, struct token_claims *ret_claims);

#endif
