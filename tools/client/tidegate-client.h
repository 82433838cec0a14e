/* libtidegate-client: a login at a Tidegate gateway that is kept up.
 *
 * A client connects, keeps the line alive with pings, notices when it is dead, and connects again,
 * until it is logged out, kicked, or refused for good.
 *
 *	#include <stdio.h>
 *	#include <tidegate-client.h>
 *
 *	static void on_message(
 *		struct tg_client *client, const struct tg_message *message, void *data)
 *	{
 *		printf("%.*s\n", (int)message->len, message->data);
 *	}
 *
 *	int main(void)
 *	{
 *		struct tg_client *client;
 *		if (tg_client_create(&client) != TG_OK) {
 *			return 1;
 *		}
 *		tg_client_on_message(client, on_message);
 *		enum tg_status status = tg_client_set_url(client, "ws://127.0.0.1:8000");
 *		if (status == TG_OK) {
 *			status = tg_client_set_user(client, "bob");
 *		}
 *		if (status == TG_OK) {
 *			status = tg_client_run(client);
 *		}
 *		fprintf(stderr, "%s (%s)\n", tg_status_text(status), tg_client_detail(client));
 *		tg_client_destroy(client);
 *		return status;
 *	}
 *
 *	cc program.c $(pkg-config --cflags --libs tidegate-client)
 *
 * States:
 *
 *	INIT -> CONNECTING -> CONNECTED <-> RECONNECTING
 *
 *	any of them -> CLOSING -> CLOSED       logged out
 *	the middle three -> CLOSED             the end: kicked, refused, no attempt left
 *
 * RECONNECTING lasts until a new line stands: it is both the waiting and the dialing. It may also
 * follow CONNECTING. CLOSED is the end until the next tg_client_connect().
 *
 * Threads: a client is used by one thread at a time; different clients are independent. The library
 * has no globals, touches no signal, prints nothing and never ends the process. For a host that is
 * a name it starts a thread, since the system's resolver can only be waited for: one at a time for
 *a client, which blocks all signals, calls no callback and ends when the resolver has answered, be
 * the client still there or not. For an address in numbers there is none.
 *
 * TLS: a URL of wss:// is spoken with OpenSSL, TLS 1.2 or 1.3. The gateway has to show a
 * certificate for the host of the URL, signed by whom the system trusts, or by whom
 * tg_client_set_ca_file() names; lists of what was revoked are not asked for. Such a line empties
 * the thread's queue of OpenSSL's errors.
 *
 * Processes: a client belongs to the process that made it. A child of fork(2) must not use it, not
 * even to destroy it, as both share its descriptors; exec(3) closes them.
 *
 * Blocking: only tg_client_run() and tg_client_wait() wait.
 *
 * Callbacks are called from inside tg_client_connect(), _logout(), _probe(), _process(), _wait(),
 * _run(), _ping(), _give_token(), _say(), _join(), _leave(), _list(), _request() and the
 * tg_client_send_ functions. Every function may be called from them, tg_client_destroy() too; what
 * it orders is told when the callback has returned, in order. */
#ifndef TIDEGATE_CLIENT_H
#define TIDEGATE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TG_API __attribute__((visibility("default")))
#else
#define TG_API
#endif

/* --- results --------------------------------------------------------------------------------- */

/* What came of a call, and why a line or a client ended. The numbers are part of the ABI. */
enum tg_status {
	TG_OK = 0, /* done; of an end: logged out */

	/* Of calls. */
	TG_ERR_ARGUMENT = 1,      /* an argument or an option is not acceptable */
	TG_ERR_STATE = 2,         /* not now: this would wait inside a callback */
	TG_ERR_NOT_CONNECTED = 3, /* nothing can be sent now */
	TG_ERR_WOULD_BLOCK = 4,   /* the send queue is full; on_writable tells when to go on */
	TG_ERR_TOO_BIG = 5, /* a message over 64 KiB, for which the gateway would end the session */
	TG_ERR_UTF8 = 6,    /* a text that is not UTF-8 */
	TG_ERR_NO_MEMORY = 7,
	TG_ERR_SYSTEM = 8,      /* the kernel refused something; tg_client_detail() has the words */
	TG_ERR_INTERRUPTED = 9, /* a signal came while waiting; go on by calling again */
	TG_ERR_DESTROYED = 10,  /* a callback destroyed the client, which is gone */
	TG_ERR_NOT_SPOKEN = 11, /* the gateway does not speak tidegate.v1, or it was not offered */

	/* Why there is no line. */
	TG_ERR_ABORTED = 20,         /* logged out before the first line stood */
	TG_ERR_RESOLVE = 21,         /* the host's name was not resolved */
	TG_ERR_UNREACHABLE = 22,     /* no address could be connected to */
	TG_ERR_CONNECT_TIMEOUT = 23, /* no connection, or no answer to the opening, in time */
	TG_ERR_HANDSHAKE = 24,       /* the answer is not that of a WebSocket server */
	TG_ERR_REFUSED = 25,         /* the answer is another HTTP status than 101 */
	TG_ERR_NO_TOKEN = 26,        /* on_token had none */
	TG_ERR_TLS = 27,             /* no TLS was agreed on; tg_client_detail() has the words */

	/* Why a line ended. */
	TG_ERR_LOST = 30,       /* cut without a Close (1006) */
	TG_ERR_IO_TIMEOUT = 31, /* i/o timeout: nothing was heard for the read deadline, or the
				 * gateway heard nothing from us (3008) */
	TG_ERR_PROTOCOL = 32,   /* the server broke the protocol; it was sent 1002, 1007 or 1009 */
	TG_ERR_PACKET = 33,     /* the server sent a bad packet; it was sent 4002 */
	TG_ERR_BLAMED = 34,     /* the server says that we broke it: 1002, 1007, 1009, 4002 */
	TG_ERR_CLOSED = 35,     /* the server ended the session normally (1000) */
	TG_ERR_POLICY = 36,     /* refused by a rule of the server (1008, 4100 to 4199) */
	TG_ERR_AUTH = 37,       /* not authenticated, or the token expired (3000) */
	TG_ERR_BAD_LOGIN = 38,  /* the user is missing or not acceptable (4000) */
	TG_ERR_KICKED = 39,     /* the same user logged in elsewhere (4001) */
	TG_ERR_RESTART = 40,    /* the gateway restarts or drains (1001, 1012) */
	TG_ERR_OVERLOADED = 41, /* the gateway is overloaded, or we read too slowly (1013) */
	TG_ERR_SERVER = 42, /* an internal error of the gateway (1011), or another code, or none */

	/* What a request of tidegate.v1 came to, beside TG_OK. */
	TG_ERR_NOBODY_THERE = 51, /* no session was there to get it */
	TG_ERR_NOT_ALLOWED = 52,
	TG_ERR_BUSY = 53, /* a limit of the gateway; nothing was done */
	TG_ERR_NOT_A_MEMBER = 54,
	TG_ERR_BAD_NAME = 55, /* of a user or a room */
	TG_ERR_TOO_MANY_ROOMS = 56,
	TG_ERR_NODE = 57,    /* another node of the gateway, or the backend, cannot be asked now */
	TG_ERR_UNKNOWN = 58, /* the line ended first, or the answer says no more: it may have been
			      * done */

	/* Why the gateway's certificate was not accepted: there is no line. */
	TG_ERR_CERTIFICATE = 60,               /* for another reason than these */
	TG_ERR_CERTIFICATE_ISSUER = 61,        /* signed by nobody who is trusted */
	TG_ERR_CERTIFICATE_SELF_SIGNED = 62,   /* signed by itself alone */
	TG_ERR_CERTIFICATE_NAME = 63,          /* for others than the host of the URL */
	TG_ERR_CERTIFICATE_EXPIRED = 64,       /* its time, or that of an issuer, is over */
	TG_ERR_CERTIFICATE_NOT_YET_VALID = 65, /* its time has not begun, or a clock is wrong */
};

/* One line for people, in lower case, without a full stop. Never NULL, whatever the number.
 * Thread: any. */
TG_API const char *tg_status_text(enum tg_status status);

/* --- states ---------------------------------------------------------------------------------- */

enum tg_state {
	TG_STATE_INIT = 0,
	TG_STATE_CONNECTING = 1,
	TG_STATE_CONNECTED = 2,
	TG_STATE_RECONNECTING = 3,
	TG_STATE_CLOSING = 4,
	TG_STATE_CLOSED = 5,
};

/* "INIT" to "CLOSED"; never NULL. Thread: any. */
TG_API const char *tg_state_name(enum tg_state state);

/* --- what callbacks are told ----------------------------------------------------------------- */

/* Everything pointed to is borrowed until the callback returns. Structs grow at their end only. */

struct tg_client;

struct tg_state_change {
	enum tg_state from;
	enum tg_state to;
	enum tg_status status; /* why; TG_OK where nothing went wrong */
	uint16_t close_code;   /* the Close frame received; 0: none was */
	const char *reason;    /* its text, NUL-terminated; "" for none */
	uint32_t attempt;      /* to RECONNECTING: the number of the coming attempt, from 1 */
	uint32_t delay_ms;     /* to RECONNECTING: the time until then */
	size_t unsent_len;     /* to CLOSED and RECONNECTING: bytes of frames taken by
				* tg_client_send_...() that were dropped with the line */
};

/* A text, checked to be UTF-8. What is for everybody the gateway ends in ` -- FROM user`; what is
 * for a user or a room comes with its `audience` (tidegate.v1). */
struct tg_message {
	const char *data; /* as it arrived; not NUL-terminated */
	size_t len;       /* bytes */
	size_t text_len;  /* bytes of it before the last ` -- FROM `; len where there is none */
	const char *from; /* what stands behind that, or who said it; NULL: nobody is named. Not
			   * NUL-terminated */
	size_t from_len;  /* bytes */
	uint16_t command; /* of the packet it came in (102, 112); 0: a text message */

	/* Of tidegate.v1. */
	const char *audience; /* `@user` or `#room`, not NUL-terminated; NULL: everybody. From one's
			       * own user it is what another device of his said, to that audience */
	size_t audience_len;  /* bytes */
	uint64_t sent_ms;     /* by the gateway's clock, since 1970; 0 where audience is NULL */
};

/* One thing that went wrong: a dial, a handshake, a line, a frame. Whether the client goes on is
 * told by the state, which changes after this. */
struct tg_error {
	enum tg_status status;
	const char *detail;   /* what exactly, NUL-terminated: "HTTP 404"; tg_client_detail() */
	int system_error;     /* errno, or 0 */
	uint16_t http_status; /* of TG_ERR_REFUSED; else 0 */
	uint16_t close_code;  /* sent or received, or 0 */
};

/* Steps of a client's life that need no answer; for logs. */
enum tg_event_kind {
	TG_EVENT_DIAL = 0, /* an attempt begins; value: its number, 0 for the first of a login */
	TG_EVENT_PING = 1, /* a heartbeat or a probe was queued; value: pings of this line so far */
	TG_EVENT_PONG = 2, /* it was answered; value: the round trip in ms */
	TG_EVENT_PROBE = 3,  /* the machine slept, or tg_client_probe(): the line has `value` ms to
			      * show that it lives */
	TG_EVENT_RETRY = 4,  /* the next attempt was put off; value: the delay in ms */
	TG_EVENT_CLOSE = 5,  /* a Close frame came; value: its code, 1005 for none */
	TG_EVENT_HANGUP = 6, /* a line's transport was closed, by whichever side */
	TG_EVENT_PACKET = 7, /* a packet that is no text was passed over; value: its command */
};

struct tg_event {
	enum tg_event_kind kind;
	uint64_t value;
};

/* A name, not NUL-terminated. */
struct tg_name {
	const char *data;
	size_t len; /* bytes */
};

#define TG_SESSION_WITHOUT_END UINT32_MAX

/* Who the gateway takes the client for. tidegate.v1. */
struct tg_session {
	enum tg_status status; /* of the token */
	uint32_t seconds_left; /* of the session, at least 1; TG_SESSION_WITHOUT_END */
	struct tg_name user;
	struct tg_name device; /* empty: the one without a name */
};

/* What became of a request. tidegate.v1. */
struct tg_answer {
	uint32_t id; /* of the request; 0: one that was sent without, and refused */
	enum tg_status status;
	uint32_t count;      /* sessions that it was handed to, or users in the room */
	struct tg_name room; /* of a join; else empty */
};

enum tg_members_change {
	TG_MEMBERS_COUNTED = 0, /* only the number is told */
	TG_MEMBERS_CAME = 1,    /* one's own user: a backend put the client in, for this line */
	TG_MEMBERS_WENT = 2,
	TG_MEMBERS_TAKEN_OUT = 3, /* the client itself, by the backend: it does not join again */
};

/* Who came to a room, or went. tidegate.v1. */
struct tg_members {
	struct tg_name room;
	uint32_t count; /* users that are there now */
	enum tg_members_change change;
	struct tg_name user; /* who came or went; else empty */
};

/* A part of those who are in a room, in the order of their bytes. tidegate.v1. */
struct tg_page {
	uint32_t id; /* of the request */
	bool is_last;
	size_t count;                /* users */
	const struct tg_name *users; /* at most 256 */
};

/* What the backend has replied to a request. tidegate.v1. */
struct tg_reply {
	uint32_t id;      /* of the request */
	const char *data; /* its own: bytes of any kind, not NUL-terminated */
	size_t len;
};

/* What did not get through between the nodes of the gateway. tidegate.v1. */
struct tg_gap {
	uint32_t batches; /* of messages, of one each or more, whoever they were for */
};

/* --- life ------------------------------------------------------------------------------------ */

/* A client in state INIT with every option at its default. It owns two file descriptors (epoll and
 * a timer) besides the line's own, all close-on-exec. Errors: TG_ERR_NO_MEMORY; TG_ERR_SYSTEM: no
 * more descriptors (errno says which limit). *ret_client is untouched then. */
TG_API enum tg_status tg_client_create(struct tg_client **ret_client);

/* Cuts the line if there is one, without a Close (log out first for that), and frees the client; a
 * Close that is under way is handed to the kernel. No callback is called, now or later. From inside
 * a callback the client is freed when the outermost call of the library returns; that call then
 * returns TG_ERR_DESTROYED. NULL is fine. */
TG_API void tg_client_destroy(struct tg_client *client);

/* --- options --------------------------------------------------------------------------------- */

/* Copied at tg_client_connect(): what is set later counts from the next one on. Callbacks alone
 * take effect at once. Strings are copied by the setter. Each returns TG_OK, TG_ERR_NO_MEMORY, or
 * TG_ERR_ARGUMENT for a value that cannot be, which leaves the option as it was; what is wrong with
 * it is in tg_client_detail(). */

/* Where the gateway is: ws://HOST[:PORT][/PATH][?QUERY] (port 80 unless told; an IPv6 address in
 * brackets), wss:// likewise for TLS (port 443), or unix:PATH. Required. Other schemes need
 * tg_client_set_io(). */
TG_API enum tg_status tg_client_set_url(struct tg_client *client, const char *url);

/* Who may sign a gateway's certificate, of wss://: a file of certificates in PEM, which is read
 * now, to see that it can be, and by each dial. Those in it alone are trusted, and the gateway's
 * own may be one of them. NULL (the default): whom the system trusts, which OpenSSL's SSL_CERT_FILE
 * and SSL_CERT_DIR may change. */
TG_API enum tg_status tg_client_set_ca_file(struct tg_client *client, const char *path);

/* Takes any certificate, of anybody: a line of wss:// can then be read and changed by whoever is
 * between. For tests. `reason` says why that is right here, and is more than blanks; who reads the
 * program shall know. NULL (the default): the certificate is verified. */
TG_API enum tg_status tg_client_set_insecure(struct tg_client *client, const char *reason);

/* The user to log in as: 1 to 64 bytes of UTF-8 without control or direction characters, blanks at
 * the ends and "-- FROM ". It is percent-encoded into the query, in the place of a `user` that the
 * URL has there. NULL (the default): the URL's stands. */
TG_API enum tg_status tg_client_set_user(struct tg_client *client, const char *user);

/* What the client shows to be whom it says, in the header `Authorization: Bearer` of each request;
 * 1 to 4,096 bytes, letters, digits and -._~+/=. NULL (the default): nothing. It is in no text that
 * the library tells. Where tokens end while the client lives, tg_client_on_token() is the better
 * way. */
TG_API enum tg_status tg_client_set_token(struct tg_client *client, const char *token);

/* Which of the user's devices this is: 1 to 32 bytes, otherwise like a user. A login ends that of
 * the same device only, where the gateway allows several (`max_devices`). Sent as `device` in the
 * query, percent-encoded, in the place of the URL's. NULL (the default): the URL's stands. */
TG_API enum tg_status tg_client_set_device(struct tg_client *client, const char *device);

enum tg_protocol {
	TG_PROTOCOL_CLASSIC = 0, /* texts to everybody */
	TG_PROTOCOL_V1 = 1,      /* tidegate.v1: to users and to rooms as well */
};

/* What to offer the gateway. Where it does not take tidegate.v1 the line is classic: on_error has
 * TG_ERR_NOT_SPOKEN before it is CONNECTED, tg_client_protocol() tells which it is, and what needs
 * tidegate.v1 returns TG_ERR_NOT_SPOKEN. Default TG_PROTOCOL_CLASSIC. */
TG_API enum tg_status tg_client_set_protocol(struct tg_client *client, enum tg_protocol protocol);

/* A protocol Ping is sent when this long has passed since the last. Default 50,000; 0: never. */
TG_API enum tg_status tg_client_set_heartbeat_ms(struct tg_client *client, uint32_t heartbeat_ms);

/* Silence after which a line is given up with TG_ERR_IO_TIMEOUT. Any complete frame ends a silence.
 * Default 0: three heartbeats, or never without heartbeats. */
TG_API enum tg_status tg_client_set_read_deadline_ms(
	struct tg_client *client, uint32_t read_deadline_ms);

/* Time for each address of the host to take the connection, TLS included, as long again for the
 * answer to the opening, and three times as long for the resolver where the host is a name. 1 or
 * more; default 5,000. */
TG_API enum tg_status tg_client_set_connect_timeout_ms(
	struct tg_client *client, uint32_t connect_timeout_ms);

/* Time for the line to end in good order: queued messages, Close, the gateway's Close, end of file.
 * Then it is cut. Default 1,500; 0: at once. */
TG_API enum tg_status tg_client_set_close_timeout_ms(
	struct tg_client *client, uint32_t close_timeout_ms);

/* Time for a line to answer a probe. 1 or more; default 5,000. */
TG_API enum tg_status tg_client_set_probe_timeout_ms(
	struct tg_client *client, uint32_t probe_timeout_ms);

enum {
	TG_ATTEMPTS_INFINITE = -1,
};

/* Attempts to get a lost line back before the client closes; TG_ATTEMPTS_INFINITE: no end; 0: a
 * lost line is the end. Default TG_ATTEMPTS_INFINITE: a program goes on for as long as it lives.
 * The count starts anew once a line has stood for the minimum uptime. */
TG_API enum tg_status tg_client_set_reconnect_attempts(struct tg_client *client, int attempts);

/* Each attempt waits for a time drawn evenly from a span that begins with min_ms: 8 s for the
 * first, 2 s more for each further one, until it ends at max_ms; unless the gateway named a time
 * (retry_ms in its Close, Retry-After; at most ten minutes): then a part of that span, drawn
 * likewise, comes on top of that. Default 2,000 and 10,000. min_ms <= max_ms. */
TG_API enum tg_status tg_client_set_reconnect_delay_ms(
	struct tg_client *client, uint32_t min_ms, uint32_t max_ms);

/* How long a line must have stood to count as a success. Default 5,000. */
TG_API enum tg_status tg_client_set_min_uptime_ms(struct tg_client *client, uint32_t min_uptime_ms);

/* Whether a login whose first attempt fails for want of a server (not resolved, unreachable, no
 * answer) is repeated like a lost line. Default false: the client closes and says why. What the
 * gateway puts off itself (503 with Retry-After) is repeated in any case, as attempts allow. */
TG_API enum tg_status tg_client_set_retry_login(struct tg_client *client, bool retry_login);

enum {
	TG_SEND_QUEUE_MIN = 65664,
};

/* Bytes of frames that may wait for the transport; beyond, tg_client_send_...() tell
 * TG_ERR_WOULD_BLOCK. Default 262,144; at least TG_SEND_QUEUE_MIN, which holds one message of any
 * size. */
TG_API enum tg_status tg_client_set_send_queue_limit(struct tg_client *client, size_t limit);

/* --- callbacks ------------------------------------------------------------------------------- */

/* All are optional and get the pointer of tg_client_set_user_data() last. NULL takes one back. */

TG_API void tg_client_set_user_data(struct tg_client *client, void *data);
TG_API void *tg_client_user_data(const struct tg_client *client);

/* After each change of state. */
typedef void tg_state_fn(
	struct tg_client *client, const struct tg_state_change *change, void *data);
TG_API void tg_client_on_state(struct tg_client *client, tg_state_fn *fn);

/* For each message, in the order of arrival; none after tg_client_logout(). */
typedef void tg_message_fn(struct tg_client *client, const struct tg_message *message, void *data);
TG_API void tg_client_on_message(struct tg_client *client, tg_message_fn *fn);

/* For each thing that goes wrong, once, before the change of state it leads to. */
typedef void tg_error_fn(struct tg_client *client, const struct tg_error *error, void *data);
TG_API void tg_client_on_error(struct tg_client *client, tg_error_fn *fn);

/* For each event. */
typedef void tg_event_fn(struct tg_client *client, const struct tg_event *event, void *data);
TG_API void tg_client_on_event(struct tg_client *client, tg_event_fn *fn);

/* When the send queue, or the number of requests without an answer, has fallen to half its limit
 * after a TG_ERR_WOULD_BLOCK. */
typedef void tg_writable_fn(struct tg_client *client, void *data);
TG_API void tg_client_on_writable(struct tg_client *client, tg_writable_fn *fn);

/* tidegate.v1: first of all on each line, and whenever the session is another. */
typedef void tg_session_fn(struct tg_client *client, const struct tg_session *session, void *data);
TG_API void tg_client_on_session(struct tg_client *client, tg_session_fn *fn);

/* tidegate.v1: once for each request that has an id, but for a list that is answered by a page, and
 * for what the backend replies to. It comes before the change of state that ends the line: with
 * TG_ERR_UNKNOWN, when the gateway has not answered by then. A join is answered on each line anew,
 * and not where there is none. For a request without an id, when it is refused. */
typedef void tg_answer_fn(struct tg_client *client, const struct tg_answer *answer, void *data);
TG_API void tg_client_on_answer(struct tg_client *client, tg_answer_fn *fn);

/* tidegate.v1: for what happens in the rooms that were joined to be told. */
typedef void tg_members_fn(struct tg_client *client, const struct tg_members *members, void *data);
TG_API void tg_client_on_members(struct tg_client *client, tg_members_fn *fn);

/* tidegate.v1: for each list. */
typedef void tg_page_fn(struct tg_client *client, const struct tg_page *page, void *data);
TG_API void tg_client_on_page(struct tg_client *client, tg_page_fn *fn);

/* tidegate.v1: for what the backend replies to tg_client_request(). */
typedef void tg_reply_fn(struct tg_client *client, const struct tg_reply *reply, void *data);
TG_API void tg_client_on_reply(struct tg_client *client, tg_reply_fn *fn);

/* tidegate.v1: when messages were lost between the nodes of the gateway, which others may have got.
 * What matters is to be asked for anew; what arrives is in order all the same. */
typedef void tg_gap_fn(struct tg_client *client, const struct tg_gap *gap, void *data);
TG_API void tg_client_on_gap(struct tg_client *client, tg_gap_fn *fn);

enum tg_token_need {
	TG_TOKEN_FOR_LOGIN = 0,   /* a line is to be opened */
	TG_TOKEN_FOR_SESSION = 1, /* the session ends soon, unless it is shown another one */
	TG_TOKEN_REFUSED = 2,     /* a line is to be opened, and the last one was refused (3000) */
};

/* Asks for a token: before each dial, and in a session of tidegate.v1 when some 80 % of the time
 * that the gateway gave it have passed. Answered by tg_client_give_token(), inside of the callback
 * or within 10 s after it; it is asked once at a time. What is given stays the client's until
 * another one is.
 *
 * Without an answer, with NULL for one, or with the token that was refused: a first login ends
 * CLOSED with TG_ERR_NO_TOKEN, or TG_ERR_AUTH for the last of these, a later dial is an attempt
 * that failed, and a session goes on, tells on_error, and asks again after a while. After a Close
 * 3000 it is asked once until a line has stood for the minimum uptime, instead of on_auth.
 *
 * To be set before tg_client_connect(), as of which it counts. */
typedef void tg_token_fn(struct tg_client *client, enum tg_token_need need, void *data);
TG_API void tg_client_on_token(struct tg_client *client, tg_token_fn *fn);

/* When the gateway asks for a new token (Close 3000), once until a line has stood for the minimum
 * uptime. It may call tg_client_set_token(), which then counts at once. Returns whether to try
 * again; without this callback the client closes with TG_ERR_AUTH. Not called where on_token is
 * set. */
typedef bool tg_auth_fn(struct tg_client *client, void *data);
TG_API void tg_client_on_auth(struct tg_client *client, tg_auth_fn *fn);

/* --- orders ---------------------------------------------------------------------------------- */

/* Logs in: INIT or CLOSED to CONNECTING, and the dial begins. In CLOSING what is left of the old
 * line is cut first. In CONNECTING, CONNECTED and RECONNECTING it changes nothing and returns
 * TG_OK: there is one line only. A dial that fails is told by the callbacks, not here. Errors:
 * TG_ERR_ARGUMENT (no URL, a scheme nobody speaks, or a user in it that cannot be one;
 * tg_client_detail() says which), TG_ERR_NO_MEMORY; TG_ERR_STATE: too often inside of one callback;
 * TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_connect(struct tg_client *client);

/* Logs out, whatever the state: messages queued and a Close 1000 are sent, then the client is
 * CLOSED when the gateway has answered, at the latest after the close time-out. Without a line that
 * stands it is CLOSED when this returns, and whatever was under way is given up. It wins over
 * everything: no attempt follows. In CLOSED it changes nothing. Errors: TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_logout(struct tg_client *client);

/* Answers on_token; NULL: there is none now. Copied; a token as tg_client_set_token() takes it. It
 * may be called at any time: a session of tidegate.v1 is shown the new one as soon as may be,
 * otherwise the next dial shows it. Errors: TG_ERR_ARGUMENT: that is no token, and an answer is
 * still awaited; TG_ERR_NO_MEMORY, TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_give_token(struct tg_client *client, const char *token);

/* Sends a Ping now; it goes ahead of what waits in the send queue. TG_EVENT_PONG tells that the
 * gateway has read it, and all that the kernel had taken before: so a sender may pace itself.
 * Nothing where no line stands. Errors: TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_ping(struct tg_client *client);

/* To be called when the network or the machine has come back. CONNECTED: the line has to answer a
 * Ping in time or is replaced. RECONNECTING: the next attempt begins within a second. Otherwise
 * nothing. Errors: TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_probe(struct tg_client *client);

/* Sends a text to every other user. It is copied; TG_OK means that it is in the queue, in order
 * with what was sent before, and is no receipt. Where clients may not speak to everybody, or this
 * one's token does not allow it, tg_answer_fn is told TG_ERR_NOT_ALLOWED with id 0; without
 * tidegate.v1 the line is closed for good (1008).
 * Errors: TG_ERR_NOT_CONNECTED, TG_ERR_WOULD_BLOCK, TG_ERR_TOO_BIG, TG_ERR_UTF8,
 * TG_ERR_NO_MEMORY: nothing was queued. TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_send_text(struct tg_client *client, const char *text, size_t len);

/* Sends a packet: 102 is a text to every other user, and has to be UTF-8; 100 asks for a 101.
 * Packet and header together may have 64 KiB. Errors: as tg_client_send_text(). */
TG_API enum tg_status tg_client_send_packet(
	struct tg_client *client, uint16_t command, const void *payload, size_t len);

/* --- users and rooms ------------------------------------------------------------------------- */

/* Requests of tidegate.v1. Each has an id, which *ret_id is set to before any callback is called
 * and which its answer has; ids are never 0. `ret_id` NULL: no id, and only a refusal is told.
 * Errors of all: TG_ERR_NOT_CONNECTED, TG_ERR_NOT_SPOKEN; TG_ERR_WOULD_BLOCK: the send queue is
 * full, or 1,023 requests wait for their answer; TG_ERR_BAD_NAME, TG_ERR_NO_MEMORY: nothing was
 * queued. TG_ERR_DESTROYED. */

/* Sends a text to `audience`: "" for everybody, "@NAME" for a user, "#ROOM" for those in a room
 * that the client is in. Copied, and in order with what was sent before. Also TG_ERR_TOO_BIG: text
 * and audience together have more than 65,524 bytes; TG_ERR_UTF8. */
TG_API enum tg_status tg_client_say(struct tg_client *client, const char *audience,
	const char *text, size_t len, uint32_t *ret_id);

enum {
	TG_ROOMS_MAX = 512,
};

/* Is in a room from now on, on each line: it is joined anew when another one stands, before
 * anything that is said on that. So it may be called in any state, where no line stands without
 * being sent yet. `is_told`: on_members is called for that room; another call in the same room may
 * change it and has the same id, which a join has in any case. Refused by the gateway, on whichever
 * line, it is over: on_answer tells. Also TG_ERR_TOO_MANY_ROOMS: there are TG_ROOMS_MAX. Not
 * TG_ERR_NOT_CONNECTED. */
TG_API enum tg_status tg_client_join(
	struct tg_client *client, const char *room, bool is_told, uint32_t *ret_id);

/* Leaves a room, and does not join it on the next line. Where no line stands that is all, *ret_id
 * is 0 and nothing is answered. Not TG_ERR_NOT_CONNECTED. */
TG_API enum tg_status tg_client_leave(struct tg_client *client, const char *room, uint32_t *ret_id);

/* Asks who is in a room that the client is in: on_page has the first 256 users behind `after`; NULL
 * or "": from the beginning. */
TG_API enum tg_status tg_client_list(
	struct tg_client *client, const char *room, const char *after, uint32_t *ret_id);

/* Asks the backend, through the gateway, where that is a node of a cluster; bytes of any kind, at
 * most 65,526. Copied. on_reply has what it replies; on_answer TG_ERR_NODE where nobody takes
 * requests, TG_ERR_UNKNOWN after 10 s without a reply, TG_ERR_NOT_ALLOWED, or TG_ERR_BUSY: 16 are
 * under way. Without an id there is no reply. Also TG_ERR_TOO_BIG. */
TG_API enum tg_status tg_client_request(
	struct tg_client *client, const void *data, size_t len, uint32_t *ret_id);

/* --- running --------------------------------------------------------------------------------- */

/* Logs in if the client is INIT, and runs it until it is CLOSED and its last line is gone. From
 * inside a callback it cannot be called: TG_ERR_STATE. Returns why it closed: TG_OK when logged
 * out. TG_ERR_INTERRUPTED: a signal was caught; the client is as it was. TG_ERR_DESTROYED. Errors
 * of tg_client_connect() too.
 */
TG_API enum tg_status tg_client_run(struct tg_client *client);

/* Waits until something is to be done, a signal comes, or `max_ms` have passed (-1: no limit), and
 * does what is to be done. Where there is nothing to wait for and no limit (INIT, or CLOSED and the
 * last line gone) it returns TG_OK at once: a loop around it looks at tg_client_state().
 * TG_ERR_STATE from inside a callback. Errors: TG_ERR_INTERRUPTED, TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_wait(struct tg_client *client, int max_ms);

/* For the loop of an application: the descriptor to watch for reading, and nothing else: sockets
 * and deadlines are behind it. It is the same for the whole life of the client. When it is
 * readable, call tg_client_process(). Not to be read, closed or changed. */
TG_API int tg_client_fd(const struct tg_client *client);

/* The poll(2) events to watch for on tg_client_fd(): POLLIN. */
TG_API short tg_client_events(const struct tg_client *client);

/* Milliseconds to the client's next deadline, rounded up; 0: now; -1: it has none. Only needed by a
 * loop that would rather not rely on the descriptor for that. Changes with every call. */
TG_API int tg_client_timeout_ms(const struct tg_client *client);

/* Does what is to be done now, without waiting: reads, writes, deadlines. Calls for nothing are
 * harmless. From inside a callback it does nothing. Errors: TG_ERR_DESTROYED. */
TG_API enum tg_status tg_client_process(struct tg_client *client);

/* --- looking --------------------------------------------------------------------------------- */

TG_API enum tg_state tg_client_state(const struct tg_client *client);

/* Why the client is CLOSED or RECONNECTING; TG_OK in the other states. */
TG_API enum tg_status tg_client_status(const struct tg_client *client);

/* What the line that stands speaks; TG_PROTOCOL_CLASSIC too where none does. */
TG_API enum tg_protocol tg_client_protocol(const struct tg_client *client);

/* What exactly went wrong last, with an option, an order or a line; NUL-terminated, "" for nothing.
 * For a dial, whom it was for and why: "gate.example:80: Connection refused", or
 * "gate.example:443: it is for www.example". Valid until the next call. */
TG_API const char *tg_client_detail(const struct tg_client *client);

/* Bytes of frames that wait for the transport. */
TG_API size_t tg_client_queued_len(const struct tg_client *client);

struct tg_stats {
	uint64_t dials;             /* attempts to connect */
	uint64_t lines;             /* those that became CONNECTED */
	uint64_t bytes_received;    /* openings included */
	uint64_t bytes_sent;        /* likewise */
	uint64_t messages_received; /* handed to on_message or not */
	uint64_t messages_sent;     /* queued */
	uint64_t pings;             /* sent */
	uint64_t pongs;             /* received for them */
	uint32_t rtt_ms;            /* of the last ping answered */
	uint32_t attempt; /* attempts since a line last stood for the minimum uptime, as it ended */
};

/* Counts since tg_client_create(). Writes `size` bytes: pass sizeof(*ret_stats). What this library
 * does not count is 0. */
TG_API void tg_client_stats(
	const struct tg_client *client, struct tg_stats *ret_stats, size_t size);

/* --- transports of one's own ----------------------------------------------------------------- */

/* For proxies, another TLS and tests. A transport is non-blocking and has a descriptor that tells
 * when to go on. Functions return 0 or a count, or a negative errno. */

struct tg_target {
	const char *scheme;  /* in lower case: "ws", "unix", or another */
	const char *host;    /* a name or an address, without brackets; "" for unix: */
	const char *service; /* the port in digits: what the URL says, or 80, or 443 for wss */
	const char *path;    /* of unix: the socket's path; else NULL */
};

struct tg_io {
	size_t size; /* sizeof(struct tg_io) of the caller */

	/* Begins to connect and makes a line. `data` is that of tg_client_set_io(), `target` is
	 * borrowed for the call. Does not block.
	 * Errors: -EPROTONOSUPPORT for a scheme it does not speak; -EHOSTUNREACH with a name that
	 * is not resolved; any other: unreachable. */
	int (*open)(void *data, const struct tg_target *target, void **ret_line);

	/* Goes on with it; called at least once, then when the descriptor is ready. `give_up`: the
	 * address tried has had its time, take the next one.
	 * Returns 0: connected (what TLS has to say included). -EAGAIN: not yet. -EINPROGRESS:
	 * another address is being tried, its time begins. Otherwise it has failed: -ENODATA: the
	 * host's name was not resolved; -ETIMEDOUT: nobody answered in time; any other: no address
	 * is left that takes the connection. */
	int (*connect)(void *line, bool give_up);

	/* Returns bytes, 0 (of read: the end), or a negative errno; -EAGAIN: not now. */
	ssize_t (*read)(void *line, void *buffer, size_t size);
	ssize_t (*write)(void *line, const void *data, size_t len);

	/* The descriptor to poll now; it may be another after `connect`. */
	int (*fd)(const void *line);

	/* The poll(2) events to wait for when `wanted` (POLLIN, POLLOUT) is what the client wants
	 * to do next; 0 while connecting. */
	short (*events)(const void *line, short wanted);

	/* Cuts the line and frees it. Does not block. */
	void (*close)(void *line);

	/* Optional, as all that stands behind `close`. Why `connect`, `read` or `write` failed,
	 * where no errno has the words: a resolver's, or those of TLS. Borrowed until `close`.
	 * NULL: errno says it. */
	const char *(*error_text)(const void *line);

	/* With which status a `connect` that failed is told; TG_OK: that of its errno. */
	enum tg_status (*error_status)(const void *line);
};

/* Replaces the transport from the next tg_client_connect() on. The table is copied; `data` is
 * borrowed for the client's life. NULL: back to the sockets of the library.
 * Errors: TG_ERR_ARGUMENT when a function up to `close` is missing or `size` ends before it. */
TG_API enum tg_status tg_client_set_io(
	struct tg_client *client, const struct tg_io *io, void *data);

/* --- the library ----------------------------------------------------------------------------- */

/* The version of the library that runs, as "1.2.3". Thread: any. */
TG_API const char *tg_version(void);

#ifdef __cplusplus
}
#endif

#endif
