/* As whom a login may come in: what its request says of itself, and where tokens are asked for,
 * what its token says. PROTOCOL sections 1 and 6. */
#ifndef TIDEGATE_IDENTITY_H
#define TIDEGATE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "../../../proto/close_reason.h"
#include "../../../proto/handshake.h"
#include "../../config/config.h"
#include "key_store.h"
#include "token.h"

/* What tokens are held against.
 * Owner:  one worker.
 * Shared: never; the key store and the rights are the node's. */
struct identity {
	bool is_asked;  /* for tokens: without one nobody comes in */
	bool reads_url; /* tokens may be in the query */
	struct key_reader keys;
	struct rights_table *rights;
	struct token_memo memo;
	char audience[CONFIG_TEXT_MAX]; /* empty: any */
	char issuer[CONFIG_TEXT_MAX];   /* likewise */
};

/* `store` is NULL where no tokens are asked for. */
void identity_init(struct identity *identity, struct key_store *store, struct rights_table *rights);

/* Fine with a zeroed one. */
void identity_finish(struct identity *identity);

/* Takes over what may change while running. */
void identity_configure(struct identity *identity, const struct config *config);

/* Who asks to come in.
 * Owner: a login. What it points to is in the request or in `claims`. */
struct identity_login {
	const char *user;
	const char *device;
	uint8_t user_len;
	uint8_t device_len;
	bool has_token;             /* then `claims` are its, with their reference to rights */
	bool has_judged;            /* a token, or that there is none */
	bool has_one_in_url;        /* which is not read there */
	size_t token_len;           /* bytes of the one that was judged; 0: none */
	enum token_verdict verdict; /* what came of that */
	struct token_claims claims;
};

/* Whether to judge a request may take a while, as pairs of keys do: some 100 us. Thread: the owner.
 */
bool identity_takes_long(struct identity *identity);

/* Judges a request, at the wall clock's `now_s`. Where tokens are asked for they come first:
 * whoever has none, or a bad one, learns nothing of what else is wrong. Returns CLOSE_REASON_NONE,
 * or why it is refused: NO_TOKEN, BAD_TOKEN, TOKEN_EXPIRED, TOKEN_NOT_YET or BAD_LOGIN; then there
 * are no rights to be given back. Thread: the owner. */
enum close_reason identity_judge(struct identity *identity, const struct handshake_request *request,
	uint64_t now_s, struct identity_login *ret_login);

/* Judges a token by itself. Thread: the owner. */
enum token_verdict identity_judge_token(struct identity *identity, struct slice token,
	uint64_t now_s, struct token_claims *ret_claims);

/* Whether a good token is one of this user, and of this device where it names one. Thread: any. */
bool identity_is_of(const struct token_claims *claims, struct slice user, struct slice device);

#endif
