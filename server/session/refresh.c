#include "refresh.h"

#include <string.h>

#include "../base/clock.h"
#include "../conn/reader.h"
#include "../fanout/memberships.h"
#include "join.h"
#include "measure.h"
#include "session_token.h"
#include "talk.h"

static bool is_too_soon(const struct sessions *sessions, const struct conn_extra *extra)
{
	const uint32_t since = sessions->conns->loop->now_tick - extra->token_tick;
	return extra->token_tick > 0 && since < loop_ticks(REFRESH_EVERY_S * 1000);
}

static bool is_its_own(const struct conn *conn, const struct token_claims *claims)
{
	struct slice user;
	struct slice device;
	user.data = user_entry_name(conn->user, &user.len);
	device.data = user_entry_device(conn->user, &device.len);
	return identity_is_of(claims, user, device);
}

/* Rooms that the old rights did not allow either are a backend's doing, which goes on. Whoever
 * leaves gives his place in the list to one that has been looked at. */
static void leave_rooms(struct sessions *sessions, struct conn *conn, const struct rights *before)
{
	const struct rights *now = session_rights(conn);
	uint16_t at = before != now ? memberships_count(conn) : 0;
	while (at-- > 0 && at < memberships_count(conn)) {
		const struct slice name = room_name(memberships_room(conn, at));
		char kept[USER_NAME_MAX];
		uint32_t users;
		if (rights_may_join(before, name) && !rights_may_join(now, name)) {
			memcpy(kept, name.data, name.len);
			join_take_out(sessions, conn, (struct slice){kept, name.len}, &users);
		}
	}
}

static void renew(
	struct sessions *sessions, struct conn *conn, struct token_claims *claims, uint64_t now_ms)
{
	struct rights *before;
	if (session_token_take(sessions, conn, claims, now_ms, &before) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
		return;
	}
	stats_add(&sessions->conns->stats->refreshes_good, 1);
	leave_rooms(sessions, conn, before);
	rights_unref(&before);
	if (conn->state == CONN_LIVE) {
		talk_greet(sessions, conn, PACKET_DONE);
	}
}

/* Only one that is judged is free: the others may be as long and as many as their sender likes. */
static void answer_unjudged(struct sessions *sessions, struct conn *conn,
	const struct message *message, enum packet_result result)
{
	if (measure_count(sessions, conn, message->len)) {
		talk_greet(sessions, conn, result);
	}
}

void refresh_on_token(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	const struct slice token = {(const char *)packet->payload, packet->payload_len};
	const uint64_t now_ms = clock_wall_ms();
	struct stats *stats = sessions->conns->stats;
	struct conn_extra *extra = conn_extra_of(conn);
	struct token_claims claims;
	if (!sessions->identity.is_asked || !extra) {
		answer_unjudged(sessions, conn, message, PACKET_DONE);
		return;
	}
	if (is_too_soon(sessions, extra)) {
		stats_add(&stats->refreshes_too_soon, 1);
		answer_unjudged(sessions, conn, message, PACKET_BUSY);
		return;
	}
	extra->token_tick = sessions->conns->loop->now_tick;
	reader_note_work(sessions->conns);
	if (identity_judge_token(&sessions->identity, token, now_ms / 1000, &claims) !=
		TOKEN_GOOD) {
		stats_add(&stats->refreshes_bad, 1);
		talk_greet(sessions, conn, PACKET_NOT_ALLOWED);
		return;
	}
	if (!is_its_own(conn, &claims)) {
		stats_add(&stats->refreshes_bad, 1);
		rights_unref(&claims.rights);
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_TOKEN, 0);
		return;
	}
	renew(sessions, conn, &claims, now_ms);
}
