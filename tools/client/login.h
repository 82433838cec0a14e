/* A login: its state, the one line it has, and what follows the end of that line. Whoever changes
 * it delivers its notices when it is whole again. PROTOCOL sections 4 and 5. */
#ifndef TIDEGATE_CLIENT_LOGIN_H
#define TIDEGATE_CLIENT_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_options.h"
#include "entropy.h"
#include "line.h"
#include "liveness.h"
#include "notices.h"
#include "tidegate-client.h"
#include "verdict.h"

/* Times are milliseconds of one clock.
 * Owner:  a client's core.
 * Shared: never. */
struct login {
	const struct listener *listener;
	struct notices notices;
	struct entropy entropy;
	struct core_options options;
	char *target;
	char *authority;
	struct tg_stats stats;

	enum tg_state state;
	enum tg_status status; /* of CLOSED and RECONNECTING */
	char detail[NOTICE_TEXT_MAX];
	bool has_refreshed;  /* a new token was asked for since the last success */
	uint64_t retry_at;   /* of RECONNECTING: the next dial; CORE_NEVER: it is under way */
	uint64_t connect_at; /* when the line became CONNECTED */

	/* The line there is, which need not be that of the state: after CLOSED, and in RECONNECTING
	 * before the next dial, it is one whose Close is being sent. */
	struct line *line;
	uint32_t line_number;
	struct line *fed;   /* the line whose bytes are being looked at; NULL: none */
	bool is_fed_unused; /* it is no longer `line`, but what it lent may be in use */
	bool is_transport_open;
	bool wants_next_address;
	bool is_ending;   /* nothing more is expected of it but its end */
	uint64_t line_by; /* dial, opening or end must be done by then; CORE_NEVER */

	/* Of a CONNECTED line. */
	struct liveness liveness;
	uint64_t ping_at; /* when the newest Ping was queued */
	uint64_t ping_count;
};

/* Why a line, or an attempt to get one, ends without having been asked to. The texts are copied by
 * who takes it. */
struct ending {
	struct verdict verdict;
	bool keep_line;         /* until its Close is sent and answered */
	uint16_t close_code;    /* received or sent; 0: none */
	uint16_t received_code; /* 0: none */
	const char *reason;     /* of the Close received */
	const char *detail;
	int system_error; /* errno, or 0 */
	uint16_t http_status;
};

/* In state INIT. `listener` is borrowed for its life. */
void login_init(struct login *login, const struct listener *listener);

/* Not while a line is being fed. */
void login_finish(struct login *login);

/* 32 random bits; 0 where the kernel has none. */
uint32_t login_draw(struct login *login);

/* ---- Looking. ---- */

/* Whether there is a line, and it is that one. */
bool login_is_current(const struct login *login, uint32_t line);

/* Whether messages can be sent. */
bool login_is_live(const struct login *login);

/* Bytes of messages that the transport has not taken. */
size_t login_unsent_len(const struct login *login);

/* ---- Changing. ---- */

/* Enters change.to; `from` is filled in, and a reason that is NULL. */
void login_enter(struct login *login, struct tg_state_change change);

/* Begins an attempt; the line there is, if any, is cut. */
void login_dial(struct login *login, uint64_t now_ms);

/* Cuts the line there is. */
void login_hang_up(struct login *login);

/* Leaves the line to its Close, for the close time-out at most. */
void login_let_end(struct login *login, uint64_t now_ms);

/* An ending one may go on from: to be repeated after a back-off. `detail` is borrowed. */
struct ending login_ending_of(enum tg_status status, const char *detail);

/* Decides what follows the end of a line, or of an attempt, that nobody asked for: another attempt
 * or CLOSED. */
void login_end_line(struct login *login, const struct ending *ending, uint64_t now_ms);

/* CLOSING to CLOSED: the end of a line that was being logged out. */
void login_finish_logout(struct login *login);

#endif
