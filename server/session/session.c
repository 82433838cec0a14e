#include "session.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../conn/transport.h"
#include "commands.h"

/* --- login -------------------------------------------------------------------------------------
 */

static void log_login(const struct sessions *sessions, const struct conn *conn, const char *user)
{
	char from[REMOTE_NAME_MAX];
	if (!log_is_enabled(LOG_LEVEL_INFO)) {
		return;
	}
	remote_name(&conn->remote, from);
	log_info(sessions_id(sessions, conn), "user %s in from %s", user, from);
}

static int make_session(
	struct sessions *sessions, struct conn *conn, const char *user, size_t user_len)
{
	struct user_entry *entry;
	int err = user_entry_create(
		sessions->users, user, user_len, sessions_id(sessions, conn), &entry);
	if (err) {
		return err;
	}
	err = fanout_join(sessions->fanout, conn);
	if (err) {
		user_entry_discard(&entry);
		return err;
	}
	conn->user = entry;
	conn->user_hash = user_entry_hash(entry);
	struct user_entry *replaced = user_table_login(sessions->users, entry);
	if (replaced) {
		uint8_t worker = handle_worker(user_entry_handle(replaced));
		mailbox_post(sessions->mailboxes[worker],
			user_entry_kick(replaced, sessions->kick_kind));
	}
	return 0;
}

/* The 101 is queued, the connection is a receiver and in the table before anything is sent: whoever
 * has its 101 gets all that others send from then on. */
static void on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	struct sessions *sessions = owner;
	struct stats *stats = sessions->conns->stats;
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(sessions->conns, conn, answer, handshake_answer(request, answer));
	if (!request->user_valid) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_LOGIN, 0);
		return;
	}
	if (make_session(sessions, conn, request->user, request->user_len) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
		return;
	}
	stats_add(&stats->logins, 1);
	stats_add(&stats->sessions, 1);
	log_login(sessions, conn, request->user);
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* What the gateway ends although the client broke no rule is for those who look after it. */
static enum log_level end_level(enum close_reason reason)
{
	switch (reason) {
	case CLOSE_REASON_READ_TIMEOUT:
	case CLOSE_REASON_WRITE_TIMEOUT:
	case CLOSE_REASON_SLOW_READER:
	case CLOSE_REASON_OVERLOADED:
		return LOG_LEVEL_WARN;
	case CLOSE_REASON_INTERNAL_ERROR:
		return LOG_LEVEL_ERROR;
	default:
		return LOG_LEVEL_INFO;
	}
}

/* Where that comes to a thousand at once, it is their number that tells. */
static void log_reason(
	const struct sessions *sessions, const struct conn *conn, enum close_reason reason)
{
	static struct log_tally usual = LOG_TALLY(LOG_LINES_PER_S);
	static struct log_tally troubles[CLOSE_REASON_COUNT] = {
#define CLOSE_REASON(name, code, counter, text, log, words) [CLOSE_REASON_##name] = LOG_TALLY(1),
#include "../../proto/close_reason.def"
	};
	enum log_level level = end_level(reason);
	struct log_tally *tally = level > LOG_LEVEL_INFO ? &troubles[reason] : &usual;
	if (log_admits(tally, level, close_reason_log(reason))) {
		char name[REMOTE_PAIR_NAME_MAX];
		struct remote local;
		transport_local(conn, &local);
		remote_pair_name(&local, &conn->remote, name);
		log_write(level, sessions_id(sessions, conn), "readloop - read %s: %s", name,
			close_reason_log(reason));
	}
}

static void log_end(const struct sessions *sessions, const struct conn *conn)
{
	if (conn->reason != CLOSE_REASON_PEER_CLOSE) {
		log_reason(sessions, conn, conn->reason);
	}
	if (conn->user) {
		size_t len;
		const char *user = user_entry_name(conn->user, &len);
		log_info(sessions_id(sessions, conn), "connection of %.*s closed", (int)len, user);
	}
}

static void remember_end(struct sessions *sessions, const struct conn *conn, uint16_t code)
{
	const struct loop *loop = sessions->conns->loop;
	size_t name_len = 0;
	const char *name = conn->user ? user_entry_name(conn->user, &name_len) : "";
	struct ended_entry *entry = ended_next(sessions->ended);
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
	log_end(sessions, conn);
	if (sessions->ended) {
		remember_end(sessions, conn, code);
	}
	fanout_leave(sessions->fanout, conn);
	if (conn->user) {
		user_table_logout(sessions->users, &conn->user);
		stats_sub(&sessions->conns->stats->sessions, 1);
	}
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

const struct conn_ops session_ops = {
	.request = on_request,
	.message = commands_on_message,
	.catch_up = on_catch_up,
	.ended = session_on_ended,
	.may_read = may_read,
};
