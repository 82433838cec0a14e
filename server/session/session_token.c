#include "session_token.h"

#include <errno.h>

#include "../../proto/say_packets.h"

enum {
	/* Ticks wrap after 34 years: a token that lasts longer ends here. */
	LONGEST_S = 10 * 365 * 24 * 60 * 60,
	LEEWAY_TICKS = TOKEN_LEEWAY_S * 1000 / LOOP_TICK_MS,
};

/* How long a session with it may last, its leeway included. At least a moment: a token that was
 * good is not judged twice. */
static uint64_t lasts_ms(const struct token_claims *claims, uint64_t now_ms)
{
	const uint64_t ends_ms = (claims->ends_s + TOKEN_LEEWAY_S) * 1000;
	const uint64_t left_ms = ends_ms > now_ms ? ends_ms - now_ms : 1;
	return left_ms < LONGEST_S * UINT64_C(1000) ? left_ms : LONGEST_S * UINT64_C(1000);
}

int session_token_take(struct sessions *sessions, struct conn *conn, struct token_claims *claims,
	uint64_t now_ms, struct rights **ret_before)
{
	const uint32_t ticks = loop_ticks(lasts_ms(claims, now_ms));
	int err = conn_set_end(sessions->conns, conn, sessions->conns->loop->now_tick + ticks);
	if (err) {
		rights_unref(&claims->rights);
		return err;
	}
	*ret_before = conn->extra->rights;
	conn->extra->rights = claims->rights;
	claims->rights = NULL;
	return 0;
}

void session_token_drop(struct conn *conn)
{
	struct conn_extra *extra = conn_extra_of(conn);
	if (extra) {
		rights_unref(&extra->rights);
	}
}

uint64_t session_token_left_ms(const struct conn *conn, uint32_t now_tick)
{
	const struct conn_extra *extra = conn_extra_of(conn);
	if (!extra || extra->ends_tick == 0) {
		return UINT64_MAX;
	}
	/* Not the other way about: a machine that has just been started has counted fewer ticks. */
	const uint32_t over_tick = now_tick + LEEWAY_TICKS;
	return extra->ends_tick > over_tick
		       ? (uint64_t)(extra->ends_tick - over_tick) * LOOP_TICK_MS
		       : 0;
}

uint32_t session_token_seconds(const struct sessions *sessions, const struct conn *conn)
{
	const uint64_t left_ms = session_token_left_ms(conn, sessions->conns->loop->now_tick);
	if (left_ms == UINT64_MAX) {
		return SESSION_WITHOUT_END;
	}
	return left_ms >= 1000 ? (uint32_t)(left_ms / 1000) : 1;
}
