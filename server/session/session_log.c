#include "session_log.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/user_name.h"
#include "../base/duration.h"
#include "../base/log_span.h"

enum {
	CODE_TEXT_MAX = 16, /* bytes of ` (4001)`, NUL included */
};

bool session_log_is_each(const struct config *config)
{
	return config->log_sessions == LOG_SESSIONS_YES ||
	       (config->log_sessions == LOG_SESSIONS_AUTO && log_is_on_terminal());
}

/* --- who ---------------------------------------------------------------------------------------
 */

/* Owner: the call that logs; texts for people and machines. */
struct who {
	char user[USER_NAME_MAX + 1];    /* empty: was never logged in */
	char name[SESSION_LOG_NAME_MAX]; /* the same, as it stands in a message */
	char address[REMOTE_NAME_MAX];
};

void session_log_name(const struct user_entry *user, char ret_name[SESSION_LOG_NAME_MAX])
{
	char plain[USER_NAME_MAX + 1];
	struct log_span span = {ret_name, ret_name + SESSION_LOG_NAME_MAX - 1};
	size_t len;
	const char *name = user_entry_name(user, &len);
	memcpy(plain, name, len);
	plain[len] = '\0';
	log_span_put_value(&span, plain, 0);
	*span.at = '\0';
}

static struct who who_is(const struct conn *conn)
{
	struct who who = {.user = ""};
	remote_name(&conn->remote, who.address);
	if (conn->user) {
		size_t len;
		const char *name = user_entry_name(conn->user, &len);
		memcpy(who.user, name, len);
		who.user[len] = '\0';
		session_log_name(conn->user, who.name);
	}
	return who;
}

/* --- logins ------------------------------------------------------------------------------------
 */

void session_log_unknown_subprotocol(const struct sessions *sessions, const struct conn *conn)
{
	static struct log_tally tally = LOG_TALLY(1);
	if (log_admits(&tally, LOG_LEVEL_WARN, "unknown subprotocols")) {
		char from[REMOTE_NAME_MAX];
		remote_name(&conn->remote, from);
		log_warn(sessions_id(sessions, conn),
			"%s offers subprotocols of which none is spoken here (tidegate.v1, "
			"tidegate.v0): browsers end such a line",
			from);
	}
}

void session_log_over_rate(const struct sessions *sessions, const struct conn *conn)
{
	static struct log_tally tally = LOG_TALLY(1);
	if (log_admits(&tally, LOG_LEVEL_WARN, "sessions over their rate")) {
		char name[SESSION_LOG_NAME_MAX];
		session_log_name(conn->user, name);
		log_warn(sessions_id(sessions, conn),
			"user %s says more than a session may (message_rate, byte_rate): it is read no "
			"faster than that",
			name);
	}
}

void session_log_refusal(const struct sessions *sessions, const struct conn *conn,
	enum close_reason reason, bool has_one_in_url)
{
	static struct log_tally tally = LOG_TALLY(1);
	if ((sessions->logs_each && !has_one_in_url) ||
		!log_admits(&tally, LOG_LEVEL_WARN, "logins refused")) {
		return;
	}
	char from[REMOTE_NAME_MAX];
	remote_name(&conn->remote, from);
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("address", from),
		LOG_FIELD_TEXT("reason", close_reason_counter(reason)),
	};
	log_write_fields(LOG_LEVEL_WARN, sessions_id(sessions, conn), fields, 2,
		"login from %s refused: %s%s", from, close_reason_log(reason),
		has_one_in_url ? "; one in the URL counts with token_in_url only" : "");
}

void session_log_login(const struct sessions *sessions, const struct conn *conn)
{
	static struct log_tally tally = LOG_TALLY(LOG_LINES_PER_S);
	if (!sessions->logs_each || !log_admits(&tally, LOG_LEVEL_INFO, "user in")) {
		return;
	}
	struct who who = who_is(conn);
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("user", who.user),
		LOG_FIELD_TEXT("address", who.address),
	};
	log_write_fields(LOG_LEVEL_INFO, sessions_id(sessions, conn), fields, 2,
		"user %s in from %s", who.name, who.address);
}

/* --- ends --------------------------------------------------------------------------------------
 */

enum log_level session_log_end_level(enum close_reason reason)
{
	switch (reason) {
	case CLOSE_REASON_READ_TIMEOUT:
	case CLOSE_REASON_WRITE_TIMEOUT:
	case CLOSE_REASON_SLOW_READER:
	case CLOSE_REASON_OVER_RATE:
	case CLOSE_REASON_OVERLOADED:
		return LOG_LEVEL_WARN;
	case CLOSE_REASON_INTERNAL_ERROR:
		return LOG_LEVEL_ERROR;
	default:
		return LOG_LEVEL_INFO;
	}
}

/* Where troubles come to a thousand at once, it is their number that tells. */
static bool admits_end(enum log_level level, enum close_reason reason)
{
	static struct log_tally usual[CLOSE_REASON_COUNT] = {
#define CLOSE_REASON(name, code, counter, text, log, words)                                        \
	[CLOSE_REASON_##name] = LOG_TALLY(LOG_LINES_PER_S),
#include "../../proto/close_reason.def"
	};
	static struct log_tally troubles[CLOSE_REASON_COUNT] = {
#define CLOSE_REASON(name, code, counter, text, log, words) [CLOSE_REASON_##name] = LOG_TALLY(1),
#include "../../proto/close_reason.def"
	};
	struct log_tally *tallies = level > LOG_LEVEL_INFO ? troubles : usual;
	return log_admits(&tallies[reason], level, close_reason_log(reason));
}

static void write_end(const struct sessions *sessions, const struct conn *conn, uint16_t code,
	enum log_level level)
{
	enum close_reason reason = conn->reason;
	uint32_t age_ticks = sessions->conns->loop->now_tick - conn->state_tick;
	uint64_t age_ms = (uint64_t)age_ticks * LOOP_TICK_MS;
	struct who who = who_is(conn);
	char code_text[CODE_TEXT_MAX] = "";
	char age[DURATION_TEXT_MAX];
	const struct log_field fields[] = {
		LOG_FIELD_TEXT("user", conn->user ? who.user : NULL),
		LOG_FIELD_TEXT("address", who.address),
		LOG_FIELD_TEXT("reason", close_reason_counter(reason)),
		LOG_FIELD_NUMBER("code", code),
		LOG_FIELD_NUMBER("age_ms", age_ms),
	};
	if (code > 0) {
		snprintf(code_text, sizeof(code_text), " (%u)", code);
	}
	duration_text(age_ms, age);
	log_write_fields(level, sessions_id(sessions, conn), fields,
		sizeof(fields) / sizeof(fields[0]), "%s %s out: %s%s after %s",
		conn->user ? "user" : "client", conn->user ? who.name : who.address,
		close_reason_log(reason), code_text, age);
}

void session_log_end(const struct sessions *sessions, const struct conn *conn, uint16_t code)
{
	enum log_level level = session_log_end_level(conn->reason);
	stats_add(&sessions->conns->stats->upgraded_ends[conn->reason], 1);
	/* Who was no user and closed by himself is of no interest: with --echo that is everybody.
	 */
	bool is_told = conn->user || conn->reason != CLOSE_REASON_PEER_CLOSE;
	if (sessions->logs_each && is_told && admits_end(level, conn->reason)) {
		write_end(sessions, conn, code, level);
	}
}
