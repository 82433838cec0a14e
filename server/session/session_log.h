/* What the log says of logins and ends: a line for each, where they are logged one by one. They are
 * counted in any case, for the line a second that sums them up where they are not. */
#ifndef TIDEGATE_SESSION_LOG_H
#define TIDEGATE_SESSION_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/log.h"
#include "../config/config.h"
#include "sessions.h"

/* Whether the log is to have them one by one. Thread: any. */
bool session_log_is_each(const struct config *config);

/* The level of the line about an end: what the gateway ends although the client broke no rule is
 * for those who look after it, and so is who falls silent. Thread: any. */
enum log_level session_log_end_level(enum close_reason reason);

/* An opening offers subprotocols and none that is spoken here: a browser ends such a line, and says
 * hardly why. Thread: the owner. */
void session_log_unknown_subprotocol(const struct sessions *sessions, const struct conn *conn);

/* A user has logged in. Thread: the owner. */
void session_log_login(const struct sessions *sessions, const struct conn *conn);

/* A connection that was upgraded ends, with conn->reason; `code` is that of the Close, 0 without
 * one. Its user is still known, its state_tick that of the login. Thread: the owner. */
void session_log_end(const struct sessions *sessions, const struct conn *conn, uint16_t code);

#endif
