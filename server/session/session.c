#include "session.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../conn/reader.h"
#include "../conn/transport.h"
#include "../user/duel.h"
#include "commands.h"
#include "join.h"
#include "session_log.h"
#include "session_pack.h"
#include "session_token.h"
#include "talk.h"

enum {
	SUPERSEDED_RETRY_MS = 1000,
	BRAKE_SPREAD_BITS = 11, /* of ms */
	JUDGING_US = 300,       /* that tokens may take of a turn's reading, about */
	JUDGED_SOON_US = 10,    /* of a token: less than the rest of its login takes */
	JUDGED_SOON_MAX = 512,  /* bytes: so long a token takes no longer, by a secret */
};

/* --- login -------------------------------------------------------------------------------------
 */

/* Told once for each duel: it may go on for days. */
static void log_duel(const struct sessions *sessions, const struct conn *conn)
{
	char name[SESSION_LOG_NAME_MAX];
	session_log_name(conn->user, name);
	log_warn(sessions_id(sessions, conn),
		"sessions of user %s kick each other over and over: newcomers have to wait", name);
}

/* When to come back after the brake; apart from others who wait for it too. */
static uint32_t brake_retry_ms(uint32_t wait_ticks, uint64_t epoch)
{
	const uint32_t most_ms = DUEL_WINDOW_MS - (1 << BRAKE_SPREAD_BITS);
	uint32_t wait_ms = wait_ticks * LOOP_TICK_MS;
	uint32_t slot = (uint32_t)epoch * 2654435761u >> (32 - BRAKE_SPREAD_BITS);
	wait_ms = wait_ms > DUEL_WAIT_MIN_MS ? wait_ms : DUEL_WAIT_MIN_MS;
	return (wait_ms < most_ms ? wait_ms : most_ms) + slot;
}

static void turn_away(struct sessions *sessions, struct conn *conn, const struct user_login *login,
	uint64_t epoch)
{
	if (login->result == USER_LOGIN_NO_MEMORY) {
		conn_close(sessions->conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
	} else if (login->result == USER_LOGIN_BRAKED) {
		conn_close(sessions->conns, conn, CLOSE_REASON_KICK_DUEL,
			brake_retry_ms(login->wait_ticks, epoch));
	} else if (login->result == USER_LOGIN_SUPERSEDED) {
		conn_close(sessions->conns, conn, CLOSE_REASON_SUPERSEDED, SUPERSEDED_RETRY_MS);
	} else {
		/* It has hung up, and if that was only our half of the line it is told as much. */
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		size_t len =
			close_reason_payload(CLOSE_REASON_SUPERSEDED, SUPERSEDED_RETRY_MS, payload);
		conn_close_with(sessions->conns, conn, CLOSE_REASON_PEER_EOF, payload, len);
	}
}

/* The step in which a login wins or loses. One that was given up meanwhile kicks nobody. */
static struct user_login enter(
	struct sessions *sessions, struct conn *conn, struct user_entry *entry)
{
	uint32_t now_tick = sessions->conns->loop->now_tick;
	struct user_login login = user_table_login(sessions->users, entry, now_tick, false);
	if (login.result == USER_LOGIN_OCCUPIED && !transport_has_hung_up(conn)) {
		login = user_table_login(sessions->users, entry, now_tick, true);
	}
	return login;
}

static void kick(struct sessions *sessions, struct user_entry *replaced)
{
	uint8_t worker = handle_worker(user_entry_handle(replaced));
	mailbox_post(sessions->mailboxes[worker], user_entry_kick(replaced, sessions->kick_kind));
}

/* That it is in; `replaced` is whom it has sent away, or NULL. */
static void tell_who_came(struct sessions *sessions, const struct conn *conn, uint64_t epoch,
	const struct user_entry *replaced)
{
	const bool is_same = replaced && user_entry_is_same_device(replaced, conn->user);
	if (replaced && !is_same) {
		presence_displaced(&sessions->presences, replaced);
	}
	presence_came(&sessions->presences, conn->user, epoch, &conn->remote, is_same);
}

/* An entry of the user table and a place among the receivers. Errors: -ENOMEM. */
static int prepare(struct sessions *sessions, struct conn *conn,
	const struct user_identity *identity, struct user_entry **ret_entry)
{
	int err = user_entry_create(
		sessions->users, identity, sessions_id(sessions, conn), conn->epoch, ret_entry);
	if (!err) {
		err = fanout_join(sessions->fanout, conn);
		if (err) {
			user_entry_discard(ret_entry);
		}
	}
	return err;
}

/* Returns whether it is in; it has been told why otherwise. */
static bool make_session(
	struct sessions *sessions, struct conn *conn, const struct user_identity *identity)
{
	struct user_entry *entry;
	uint64_t epoch = conn->epoch;
	if (prepare(sessions, conn, identity, &entry) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
		return false;
	}
	struct user_login login = enter(sessions, conn, entry);
	if (login.result != USER_LOGIN_IN) {
		user_entry_discard(&entry);
		turn_away(sessions, conn, &login, epoch);
		return false;
	}
	conn->user = entry;
	conn->user_hash = user_entry_hash(entry);
	if (sessions->presences.target) {
		tell_who_came(sessions, conn, epoch, login.replaced);
	}
	if (login.replaced) {
		kick(sessions, login.replaced);
	}
	if (login.is_duel) {
		log_duel(sessions, conn);
	}
	return true;
}

/* By what was said of its token, where one is asked for. */
static void count_verdict(struct stats *stats, const struct identity_login *login)
{
	if (!login->has_judged) {
		return;
	}
	switch (login->verdict) {
	case TOKEN_GOOD:
		stats_add(&stats->tokens_good, 1);
		break;
	case TOKEN_NONE:
		stats_add(&stats->tokens_none, 1);
		break;
	case TOKEN_BAD:
		stats_add(&stats->tokens_bad, 1);
		break;
	case TOKEN_EXPIRED:
		stats_add(&stats->tokens_expired, 1);
		break;
	case TOKEN_NOT_YET:
		stats_add(&stats->tokens_not_yet, 1);
		break;
	}
}

/* Before it is a user, so that nothing can be said without its rights. Errors: -ENOMEM. */
static int take_token(
	struct sessions *sessions, struct conn *conn, struct identity_login *login, uint64_t now_ms)
{
	struct rights *none;
	return login->has_token ? session_token_take(sessions, conn, &login->claims, now_ms, &none)
				: 0;
}

/* By secrets alone. A stranger's header is parsed before it is known that nobody has signed it, at
 * 10 ns a byte: eight long ones would take all the time that a turn has for events. */
static enum close_reason judge_soon(struct sessions *sessions,
	const struct handshake_request *request, uint64_t now_s, struct identity_login *ret_login)
{
	enum close_reason refused = identity_judge(&sessions->identity, request, now_s, ret_login);
	if (ret_login->token_len > JUDGED_SOON_MAX) {
		reader_note_work(sessions->conns);
	}
	return refused;
}

/* Where pairs of keys are known, what a token costs is known afterwards only: one of HS256 makes a
 * login like any other. By secrets alone all do, and nothing is timed: to look at the clock twice
 * is a part of what such a token costs, and whoever is interrupted meanwhile would seem slow. */
static enum close_reason judge(struct sessions *sessions, const struct handshake_request *request,
	uint64_t now_s, struct identity_login *ret_login)
{
	struct loop *loop = sessions->conns->loop;
	if (!identity_takes_long(&sessions->identity)) {
		return judge_soon(sessions, request, now_s, ret_login);
	}
	loop_look(loop);
	const uint64_t before_us = loop->now_us;
	enum close_reason refused = identity_judge(&sessions->identity, request, now_s, ret_login);
	loop_look(loop);
	const uint32_t took_us = (uint32_t)(loop->now_us - before_us);
	if (took_us > JUDGED_SOON_US) {
		sessions->judging_us += took_us;
		reader_note_work(sessions->conns);
	}
	return refused;
}

/* Whether it may come in as that; it has been told why otherwise. */
static bool let_in(struct sessions *sessions, struct conn *conn,
	const struct handshake_request *request, struct identity_login *ret_login)
{
	const uint64_t now_ms = sessions->identity.is_asked ? clock_wall_ms() : 0;
	enum close_reason refused = judge(sessions, request, now_ms / 1000, ret_login);
	count_verdict(sessions->conns->stats, ret_login);
	if (refused == CLOSE_REASON_NONE && take_token(sessions, conn, ret_login, now_ms) < 0) {
		refused = CLOSE_REASON_INTERNAL_ERROR;
	}
	if (refused == CLOSE_REASON_NONE) {
		return true;
	}
	if (ret_login->has_judged) {
		session_log_refusal(sessions, conn, refused, ret_login->has_one_in_url);
	}
	conn_close(sessions->conns, conn, refused, 0);
	return false;
}

/* The 101 is queued, the connection is a receiver and in the table before anything is sent: whoever
 * has its 101 gets all that others send from then on. */
static void answer(
	struct sessions *sessions, struct conn *conn, const struct handshake_request *request)
{
	struct stats *stats = sessions->conns->stats;
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(sessions->conns, conn, answer, handshake_answer(request, answer));
	if (request->subprotocol == SUBPROTOCOL_V1) {
		conn->flags |= CONN_V1;
	} else if (request->subprotocol == SUBPROTOCOL_NONE && request->protocols.count > 0) {
		session_log_unknown_subprotocol(sessions, conn);
	}
	struct identity_login login;
	if (!let_in(sessions, conn, request, &login)) {
		return;
	}
	const struct user_identity identity = {
		.name = login.user,
		.device = login.device,
		.name_len = login.user_len,
		.device_len = login.device_len,
		.speaks_v1 = request->subprotocol == SUBPROTOCOL_V1,
	};
	if (make_session(sessions, conn, &identity)) {
		stats_add(&stats->logins, 1);
		stats_add(&stats->sessions, 1);
		session_log_login(sessions, conn);
		if (conn->flags & CONN_V1) {
			talk_greet(sessions, conn, PACKET_DONE);
		}
	}
}

/* Whoever comes behind those that wait waits too. */
static bool has_to_wait(const struct sessions *sessions)
{
	return sessions->identity.is_asked &&
	       (sessions->waiting.count > 0 || sessions->judging_us >= JUDGING_US);
}

static void on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	struct sessions *sessions = owner;
	if (has_to_wait(sessions) &&
		waiting_put(&sessions->waiting, sessions_id(sessions, conn)) == 0) {
		conn_postpone(conn);
	} else {
		answer(sessions, conn, request);
	}
}

bool session_answer_waiting(struct sessions *sessions)
{
	struct handshake_request request;
	handle_t handle;
	if (!waiting_take(&sessions->waiting, &handle)) {
		return false;
	}
	struct conn *conn = reader_answer_begin(sessions->conns, handle, &request);
	if (conn) {
		answer(sessions, conn, &request);
		reader_answer_end(sessions->conns, conn);
	}
	return sessions->waiting.count > 0;
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void remember_end(struct sessions *sessions, const struct conn *conn, uint16_t code)
{
	const struct loop *loop = sessions->conns->loop;
	size_t name_len = 0;
	const char *name = conn->user ? user_entry_name(conn->user, &name_len) : "";
	struct ended_entry *entry = ended_next(sessions->ended, ended_kind_of(conn->reason, code));
	entry->ended_us = clock_us();
	entry->age_ms = (uint64_t)(loop->now_tick - conn->state_tick) * LOOP_TICK_MS;
	entry->remote = conn->remote;
	entry->code = code;
	entry->reason = conn->reason;
	entry->worker = handle_worker(sessions_id(sessions, conn));
	entry->name_len = (uint8_t)name_len;
	memcpy(entry->name, name, name_len);
}

void session_on_ended(void *owner, struct conn *conn, uint16_t code)
{
	struct sessions *sessions = owner;
	/* Its time is that of the end: whoever has read of it in the log comes later. */
	if (sessions->ended) {
		remember_end(sessions, conn, code);
	}
	session_log_end(sessions, conn, code);
	fanout_leave(sessions->fanout, conn);
	if (conn->user) {
		join_leave_all(sessions, conn);
		struct presence *gone = presence_leaving(&sessions->presences, conn->user,
			&conn->remote, (enum close_reason)conn->reason);
		bool was_in = user_table_logout(sessions->users, &conn->user);
		presence_left(&sessions->presences, gone, was_in);
		stats_sub(&sessions->conns->stats->sessions, 1);
	}
	session_token_drop(conn);
}

void session_on_kick(struct sessions *sessions, struct mail *mail)
{
	struct user_entry *entry = user_entry_of_kick(mail);
	struct conn *conn = conn_table_find(sessions->conns->table, user_entry_handle(entry));
	if (conn && conn->user == entry) {
		stats_add(&sessions->conns->stats->kicks, 1);
		conn_visit_begin(sessions->conns, conn);
		conn_close(sessions->conns, conn, CLOSE_REASON_KICKED, 0);
		conn_visit_end(sessions->conns, conn);
	}
	user_entry_retire(sessions->users, &entry);
}

void session_dispose_kick(struct user_table *users, struct mail *mail)
{
	struct user_entry *entry = user_entry_of_kick(mail);
	user_entry_retire(users, &entry);
}

/* --- the manners of users ----------------------------------------------------------------------
 */

static void on_moved(void *owner, struct conn *conn)
{
	session_abandon(owner, conn);
}

static void on_catch_up(void *owner, struct conn *conn)
{
	struct sessions *sessions = owner;
	fanout_catch_up(sessions->fanout, conn);
}

static size_t may_read(void *owner, struct conn *conn)
{
	struct sessions *sessions = owner;
	return fanout_may_read(sessions->fanout, conn);
}

static void on_lag(void *owner, struct conn *conn, bool lags)
{
	struct sessions *sessions = owner;
	fanout_note_lag(sessions->fanout, conn, lags);
}

const struct conn_ops session_ops = {
	.request = on_request,
	.message = commands_on_message,
	.catch_up = on_catch_up,
	.ended = session_on_ended,
	.may_read = may_read,
	.lags = on_lag,
	.moved = on_moved,
};
