/* A login: its state, the one line it has, and what follows the end of that line. It does no I/O
 * and reads no clock. Three units bring what happens, none of which knows another:
 *
 *	orders  what the application asks
 *	wire    bytes, and what else the transport tells
 *	clock   what is due
 *
 * They look at a login as they like and change it by the transitions below; but for its counters
 * and `fed`, which is the wire's, nobody else writes its fields. Who has made a transition delivers
 * its notices when the login is whole again. PROTOCOL sections 3, 4 and 5. */
#ifndef TIDEGATE_CLIENT_LOGIN_H
#define TIDEGATE_CLIENT_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/room_packets.h"
#include "entropy.h"
#include "line.h"
#include "liveness.h"
#include "moment.h"
#include "notices.h"
#include "requests.h"
#include "rooms.h"
#include "tidegate-client.h"
#include "tokens.h"
#include "verdict.h"

/* As the setters of the same names in tidegate-client.h have them. */
struct login_options {
	uint32_t heartbeat_ms;
	uint32_t read_deadline_ms; /* 0: never */
	uint32_t connect_timeout_ms;
	uint32_t close_timeout_ms;
	uint32_t probe_timeout_ms;
	int reconnect_attempts;
	uint32_t reconnect_min_ms;
	uint32_t reconnect_max_ms;
	uint32_t min_uptime_ms;
	bool retry_login;
	bool asks_for_tokens; /* on_token answers before each dial */
	size_t send_queue_limit;
	enum subprotocol offers;
};

/* Owner:  a client.
 * Shared: never. */
struct login {
	struct notices notices;
	struct entropy entropy;
	struct login_options options;
	char *target; /* of the request */
	char *authority;
	struct tokens tokens;
	struct tg_stats stats;

	enum tg_state state;
	enum tg_status status;        /* of CLOSED and RECONNECTING */
	char detail[NOTICE_TEXT_MAX]; /* of what went wrong last */
	bool has_refreshed;           /* a new token was asked for since the last success */
	uint64_t retry_at;   /* of RECONNECTING: the next dial; MOMENT_NEVER: it is under way */
	uint64_t not_before; /* of RECONNECTING: until then the gateway asked to be left alone */
	uint64_t connect_at; /* when the line became CONNECTED */

	/* The line there is, which need not be that of the state: after CLOSED, and in RECONNECTING
	 * before the next dial, it is one whose Close is being sent. */
	struct line *line;
	uint32_t line_number;
	struct line *fed; /* whose bytes are being looked at; if it is no longer `line`, what it
			   * lent may be in use, and wire_feed() frees it. NULL: none */
	bool is_transport_open;
	bool wants_next_address;
	bool is_ending;   /* nothing more is expected of it but its end */
	uint64_t line_by; /* dial, opening or end must be done by then; MOMENT_NEVER */

	/* Of a CONNECTED line. */
	struct liveness liveness;
	uint64_t ping_at; /* when the newest Ping was queued */
	uint64_t ping_count;

	/* Of tidegate.v1. */
	struct requests requests; /* of the line */
	struct rooms rooms;
	struct tg_name page_users[PAGE_USERS_MAX]; /* what the page told of points to */
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

/* --- looking --------------------------------------------------------------------------------- */

/* Whether there is a line, and it is that one. */
bool login_is_current(const struct login *login, uint32_t line);

/* Whether it is CONNECTING, CONNECTED or RECONNECTING. */
bool login_is_under_way(const struct login *login);

/* Whether messages can be sent. */
bool login_is_live(const struct login *login);

/* Whether they may be of tidegate.v1. */
bool login_speaks_v1(const struct login *login);

/* Bytes of messages that the transport has not taken. */
size_t login_unsent_len(const struct login *login);

/* --- transitions: orders --------------------------------------------------------------------- */

/* Replaces what the next dial asks for; copied. NULL: stays as it is. Errors: -ENOMEM. */
int login_set_request(struct login *login, const char *target, const char *authority);

/* Replaces the token that the next dial shows; copied. NULL: it shows none. Errors: -ENOMEM. */
int login_set_token(struct login *login, const char *token);

/* INIT, CLOSING or CLOSED to CONNECTING, and dials. */
void login_begin(struct login *login, const struct login_options *options, uint64_t now_ms);

/* Any state but CLOSING and CLOSED to CLOSING, and at once to CLOSED where no line stands. */
void login_leave(struct login *login, uint64_t now_ms);

/* RECONNECTING: brings the next dial forward to within a second, of now or of what the gateway
 * asked for. */
void login_hasten(struct login *login, uint64_t now_ms);

/* What went wrong with an order or an option, until something else does; copied. */
void login_set_detail(struct login *login, const char *detail);

/* --- transitions: the line ------------------------------------------------------------------- */

/* Begins an attempt; the line there is, if any, is cut. Where tokens are asked for it waits for
 * one. */
void login_dial(struct login *login, uint64_t now_ms);

/* Another address is being tried: its time begins. */
void login_await_transport(struct login *login, uint64_t now_ms);

/* The address being tried has had its time: the next one is wanted. */
void login_give_up_address(struct login *login);

/* The transport is open: the time for the answer to the request begins. */
void login_await_answer(struct login *login, uint64_t now_ms);

/* CONNECTING or RECONNECTING to CONNECTED. Before anything else its rooms are asked for. */
void login_stand(struct login *login, uint64_t now_ms);

/* Of a live line. */
void login_ping(struct login *login, uint64_t now_ms);
void login_probe(struct login *login, uint64_t now_ms);

/* The gateway wants another token: asks the application, or will before the next dial. False: there
 * is none. */
bool login_ask_for_token(struct login *login, uint64_t now_ms);

/* The application has one, asked or not; copied. NULL: it has none. A dial
 * that waited for it begins; a session of tidegate.v1 is shown it. Errors: -ENOMEM. */
int login_take_token(struct login *login, const char *token, uint64_t now_ms);

/* Nobody has answered in time. */
void login_miss_token(struct login *login, uint64_t now_ms);

/* The session wants another token by now, or can be shown the one there is. */
void login_renew(struct login *login, uint64_t now_ms);

/* The gateway has told how long the session lasts; `is_taken`: what it was shown last is valid, and
 * `is_too_soon` otherwise says that it was not looked at. */
void login_plan_renewal(struct login *login, bool is_taken, bool is_too_soon, uint32_t seconds_left,
	uint64_t now_ms);

/* CLOSING to CLOSED. The line has still to end. */
void login_finish_logout(struct login *login);

/* An ending one may go on from: to be repeated after a back-off. `detail` is borrowed. */
struct ending login_ending_of(enum tg_status status, const char *detail);

/* The line, or the attempt to get one, has ended: decides what follows. When nobody asked for it,
 * that is another attempt or CLOSED. */
void login_end_line(struct login *login, const struct ending *ending, uint64_t now_ms);

#endif
