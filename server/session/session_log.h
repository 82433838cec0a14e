/* What the log says of logins and ends: a line for each, where they are logged one by one. They are
 * counted in any case, for the line a second that sums them up where they are not. */
#ifndef TIDEGATE_SESSION_LOG_H
#define TIDEGATE_SESSION_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/user_name.h"
#include "../base/log.h"
#include "../config/config.h"
#include "../user/user_table.h"
#include "sessions.h"

enum {
	/* Bytes: two quotes, NUL, and a name of which each byte may need an escape. */
	SESSION_LOG_NAME_MAX = 2 * USER_NAME_MAX + 3,
};

/* Whether the log is to have them one by one. Thread: any. */
bool session_log_is_each(const struct config *config);

/* A user's name as it stands in a message: in quotes unless it is one plain word, for a name may
 * hold blanks, and look like what is said of another. Thread: any. */
void session_log_name(const struct user_entry *user, char ret_name[SESSION_LOG_NAME_MAX]);

/* The level of the line about an end: what the gateway ends although the client broke no rule is
 * for those who look after it, and so is who falls silent. Thread: any. */
enum log_level session_log_end_level(enum close_reason reason);

/* An opening offers subprotocols and none that is spoken here: a browser ends such a line, and says
 * hardly why. Thread: the owner. */
void session_log_unknown_subprotocol(const struct sessions *sessions, const struct conn *conn);

/* A session says more than its rates allow, and feels it from now on. Thread: the owner. */
void session_log_over_rate(const struct sessions *sessions, const struct conn *conn);

/* A login is refused for its token, or for the lack of one; which check it failed is told to
 * nobody. Said here only where ends are not logged one by one. `has_one_in_url`: there is a token
 * where it is not looked for. Thread: the owner. */
void session_log_refusal(const struct sessions *sessions, const struct conn *conn,
	enum close_reason reason, bool has_one_in_url);

/* A user has logged in. Thread: the owner. */
void session_log_login(const struct sessions *sessions, const struct conn *conn);

/* A connection that was upgraded ends, with conn->reason; `code` is that of the Close, 0 without
 * one. Its user is still known, its state_tick that of the login. Thread: the owner. */
void session_log_end(const struct sessions *sessions, const struct conn *conn, uint16_t code);

#endif
