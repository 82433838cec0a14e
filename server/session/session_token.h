/* What a session has of its token: an end and rights, from the login on, and anew by each packet
 * 103. PROTOCOL section 6.
 *
 * The end is reckoned once, by the wall clock, when the token is judged, and waited for by the
 * monotonic one: a wall clock that is set while the session lasts neither prolongs it nor ends it.
 * All of it inside a visit. Thread: the owner of the connection. */
#ifndef TIDEGATE_SESSION_TOKEN_H
#define TIDEGATE_SESSION_TOKEN_H

#include <stdint.h>

#include "../conn/conn.h"
#include "identity/token.h"
#include "sessions.h"

/* What a session may do; NULL: everything. */
static inline const struct rights *session_rights(const struct conn *conn)
{
	const struct conn_extra *extra = conn_extra_of(conn);
	return extra ? extra->rights : NULL;
}

/* The session has what the token says, in place of what it had, from `now_ms` of the wall clock on.
 * The rights of before are `*ret_before`, the caller's to give back; NULL where there were none.
 * Takes the reference of the claims in any case, and nulls it. Errors: -ENOMEM. */
int session_token_take(struct sessions *sessions, struct conn *conn, struct token_claims *claims,
	uint64_t now_ms, struct rights **ret_before);

/* Gives back what the session has of it. Fine where that is nothing. */
void session_token_drop(struct conn *conn);

/* Milliseconds until the token ends, 0 in the leeway behind that; UINT64_MAX without a token. */
uint64_t session_token_left_ms(const struct conn *conn, uint32_t now_tick);

/* The same in seconds, as packet 104 tells it: at least 1, SESSION_WITHOUT_END without a token. */
uint32_t session_token_seconds(const struct sessions *sessions, const struct conn *conn);

#endif
