#include "core.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/packet.h"
#include "../../proto/utf8.h"
#include "backoff.h"
#include "line.h"
#include "verdict.h"

enum {
	PROBE_JITTER_MS = 1000, /* the most a client waits that is told of a network */
	RETRY_AFTER_MAX_S = INT32_MAX / 1000,
};

/* Owner:  a client.
 * Shared: never.
 * Freed:  core_destroy. */
struct core {
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
	uint64_t retry_at;   /* of RECONNECTING: the next dial */
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
	uint64_t line_by; /* dial, opening or end must be done by then */

	/* Of a CONNECTED line. */
	uint64_t heartbeat_armed_at;
	uint64_t heard_at; /* the last complete frame */
	uint64_t probe_by; /* CORE_NEVER: it is not being probed */
	uint64_t ping_at;  /* when the newest Ping was queued */
	uint64_t ping_count;
};

/* Why a line ends. */
struct ending {
	struct verdict verdict;
	bool keep_line;      /* until its Close is sent and answered */
	uint16_t close_code; /* received or sent; 0: none */
	uint16_t received_code;
	const char *reason; /* of the Close received */
	const char *detail;
	int system_error;
	uint16_t http_status;
};

static struct ending ending_of(enum tg_status status, const char *detail)
{
	return (struct ending){
		.verdict = {status, VERDICT_RETRY, BACKOFF_NO_RETRY},
		.reason = "",
		.detail = detail,
	};
}

/* ---- Life. */

int core_create(const struct listener *listener, struct core **ret_core)
{
	struct core *core = calloc(1, sizeof *core);
	if (!core) {
		return -ENOMEM;
	}
	core->listener = listener;
	core->notices.listener = listener;
	core->retry_at = CORE_NEVER;
	core->line_by = CORE_NEVER;
	core->probe_by = CORE_NEVER;
	*ret_core = core;
	return 0;
}

void core_destroy(struct core **core)
{
	if (*core) {
		assert(!(*core)->fed);
		line_destroy(&(*core)->line);
		free((*core)->target);
		free((*core)->authority);
		free(*core);
		*core = NULL;
	}
}

void core_halt(struct core *core)
{
	notices_halt(&core->notices);
}

struct entropy *core_entropy(struct core *core)
{
	return &core->entropy;
}

static uint64_t after(uint64_t now_ms, uint32_t delay_ms)
{
	return now_ms + delay_ms;
}

/* Without random bytes the jitter is lost; the line needs them too and says so. */
static uint32_t draw(struct core *core)
{
	uint32_t number = 0;
	entropy_take(&core->entropy, &number, sizeof number);
	return number;
}

/* ---- Changes of state. */

static void enter(struct core *core, struct tg_state_change change)
{
	change.from = core->state;
	core->state = change.to;
	core->status = change.to == TG_STATE_CLOSED || change.to == TG_STATE_RECONNECTING
			       ? change.status
			       : TG_OK;
	if (!change.reason) {
		change.reason = "";
	}
	notices_put_state(&core->notices, &change);
}

/* Cuts the line there is. */
static void hang_up(struct core *core)
{
	if (!core->line) {
		return;
	}
	if (core->is_transport_open) {
		notices_put_event(&core->notices, TG_EVENT_HANGUP, line_unsent_len(core->line));
	}
	if (core->line == core->fed) {
		core->is_fed_unused = true;
		core->line = NULL;
	}
	line_destroy(&core->line);
	core->is_transport_open = false;
	core->wants_next_address = false;
	core->is_ending = false;
	core->line_by = CORE_NEVER;
	core->probe_by = CORE_NEVER;
}

/* Leaves the line to its Close, for the close time-out at most. */
static void let_end(struct core *core, uint64_t now_ms)
{
	if (core->options.close_timeout_ms == 0) {
		hang_up(core);
		return;
	}
	core->is_ending = true;
	core->line_by = after(now_ms, core->options.close_timeout_ms);
	core->probe_by = CORE_NEVER;
}

static size_t unsent_len(const struct core *core)
{
	return core->line ? line_unsent_len(core->line) : 0;
}

static void dial(struct core *core, uint64_t now_ms);

static void put_error(struct core *core, const struct ending *ending)
{
	snprintf(core->detail, sizeof core->detail, "%s", ending->detail);
	notices_put_error(&core->notices, &(struct tg_error){
						  .status = ending->verdict.status,
						  .detail = core->detail,
						  .system_error = ending->system_error,
						  .http_status = ending->http_status,
						  .close_code = ending->close_code,
					  });
}

/* Whether a first attempt may be repeated after this. */
static bool is_want_of_server(enum tg_status status)
{
	return status == TG_ERR_RESOLVE || status == TG_ERR_UNREACHABLE ||
	       status == TG_ERR_CONNECT_TIMEOUT || status == TG_ERR_LOST;
}

static bool may_retry(const struct core *core, const struct verdict *verdict)
{
	const int most = core->options.reconnect_attempts;
	if (verdict->action != VERDICT_RETRY) {
		return verdict->action == VERDICT_REFRESH;
	}
	if (core->state == TG_STATE_CONNECTING && verdict->retry_ms < 0 &&
		!(core->options.retry_login && is_want_of_server(verdict->status))) {
		return false;
	}
	return most < 0 || core->stats.attempt < (uint32_t)most;
}

static void retry(struct core *core, const struct ending *ending, size_t unsent, uint64_t now_ms)
{
	const struct verdict *verdict = &ending->verdict;
	const struct core_options *options = &core->options;
	uint32_t delay_ms = 0;

	core->stats.attempt++;
	if (verdict->action == VERDICT_RETRY) {
		delay_ms = backoff_delay_ms(options->reconnect_min_ms, options->reconnect_max_ms,
			draw(core), core->stats.attempt, verdict->retry_ms);
	}
	core->retry_at = after(now_ms, delay_ms);
	core->status = verdict->status;
	if (core->state != TG_STATE_RECONNECTING) {
		enter(core, (struct tg_state_change){
				    .to = TG_STATE_RECONNECTING,
				    .status = verdict->status,
				    .close_code = ending->received_code,
				    .reason = ending->reason,
				    .attempt = core->stats.attempt,
				    .delay_ms = delay_ms,
				    .unsent_len = unsent,
			    });
	}
	notices_put_event(&core->notices, TG_EVENT_RETRY, delay_ms);
}

/* Decides what follows the end of a line, or of an attempt, nobody asked for. */
static void end_line(struct core *core, const struct ending *ending, uint64_t now_ms)
{
	const size_t unsent = unsent_len(core);

	if (core->state == TG_STATE_CONNECTED &&
		now_ms - core->connect_at >= core->options.min_uptime_ms) {
		core->stats.attempt = 0;
		core->has_refreshed = false;
	}
	put_error(core, ending);
	if (ending->keep_line) {
		let_end(core, now_ms);
	} else {
		hang_up(core);
	}
	if (may_retry(core, &ending->verdict)) {
		retry(core, ending, unsent, now_ms);
	} else {
		enter(core, (struct tg_state_change){
				    .to = TG_STATE_CLOSED,
				    .status = ending->verdict.status,
				    .close_code = ending->received_code,
				    .reason = ending->reason,
				    .unsent_len = unsent,
			    });
	}
}

/* The end of a line that was being logged out. */
static void finish_logout(struct core *core)
{
	enter(core, (struct tg_state_change){
			    .to = TG_STATE_CLOSED,
			    .unsent_len = unsent_len(core),
		    });
}

static void dial(struct core *core, uint64_t now_ms)
{
	hang_up(core);
	core->retry_at = CORE_NEVER;
	core->stats.dials++;
	notices_put_event(&core->notices, TG_EVENT_DIAL, core->stats.attempt);
	const int ret = line_create(&core->entropy, core->target, core->authority,
		core->options.send_queue_limit, &core->line);
	if (ret < 0) {
		struct ending ending = ending_of(
			ret == -ENOMEM ? TG_ERR_NO_MEMORY : TG_ERR_SYSTEM, "no line was made");
		ending.system_error = -ret;
		end_line(core, &ending, now_ms);
		return;
	}
	core->line_number++;
	core->line_number += core->line_number == 0;
	core->line_by = after(now_ms, core->options.connect_timeout_ms);
}

/* ---- Orders. */

static int replace_text(char **text, const char *by)
{
	char *copy = strdup(by);
	if (!copy) {
		return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

enum tg_status core_login(struct core *core, const struct core_options *options, const char *target,
	const char *authority, uint64_t now_ms)
{
	if (core->state == TG_STATE_CONNECTING || core->state == TG_STATE_CONNECTED ||
		core->state == TG_STATE_RECONNECTING) {
		return TG_OK;
	}
	if (!notices_has_room(&core->notices)) {
		return TG_ERR_STATE;
	}
	if (replace_text(&core->target, target) < 0 ||
		replace_text(&core->authority, authority) < 0) {
		return TG_ERR_NO_MEMORY;
	}
	if (core->state == TG_STATE_CLOSING) {
		finish_logout(core);
	}
	core->options = *options;
	core->stats.attempt = 0;
	core->has_refreshed = false;
	core->detail[0] = '\0';
	enter(core, (struct tg_state_change){.to = TG_STATE_CONNECTING});
	dial(core, now_ms);
	notices_deliver(&core->notices);
	return TG_OK;
}

enum tg_status core_set_target(struct core *core, const char *target)
{
	return replace_text(&core->target, target) < 0 ? TG_ERR_NO_MEMORY : TG_OK;
}

void core_logout(struct core *core, uint64_t now_ms)
{
	const enum tg_state from = core->state;

	if (from == TG_STATE_CLOSING || from == TG_STATE_CLOSED) {
		return;
	}
	core->retry_at = CORE_NEVER;
	enter(core, (struct tg_state_change){.to = TG_STATE_CLOSING});
	if (from == TG_STATE_CONNECTED && line_close(core->line) == 0 &&
		core->options.close_timeout_ms > 0) {
		core->line_by = after(now_ms, core->options.close_timeout_ms);
		core->probe_by = CORE_NEVER;
	} else {
		const size_t unsent = from == TG_STATE_CONNECTED ? unsent_len(core) : 0;
		hang_up(core);
		enter(core, (struct tg_state_change){
				    .to = TG_STATE_CLOSED,
				    .status = from == TG_STATE_CONNECTING ? TG_ERR_ABORTED : TG_OK,
				    .unsent_len = unsent,
			    });
	}
	notices_deliver(&core->notices);
}

static bool is_live(const struct core *core)
{
	return core->state == TG_STATE_CONNECTED && core->line && line_is_open(core->line);
}

static void ping(struct core *core, uint64_t now_ms)
{
	core->heartbeat_armed_at = now_ms;
	if (line_ping(core->line) == 0) {
		core->ping_at = now_ms;
		core->ping_count++;
		core->stats.pings++;
		notices_put_event(&core->notices, TG_EVENT_PING, core->ping_count);
	}
}

static void probe(struct core *core, uint64_t now_ms)
{
	if (core->probe_by == CORE_NEVER) {
		core->probe_by = after(now_ms, core->options.probe_timeout_ms);
		notices_put_event(&core->notices, TG_EVENT_PROBE, core->options.probe_timeout_ms);
	}
	ping(core, now_ms);
}

void core_probe(struct core *core, uint64_t now_ms)
{
	if (is_live(core)) {
		if (core->probe_by == CORE_NEVER) {
			probe(core, now_ms);
		}
	} else if (core->retry_at != CORE_NEVER) {
		const uint64_t soon =
			after(now_ms, backoff_draw_ms(0, PROBE_JITTER_MS, draw(core)));
		core->retry_at = soon < core->retry_at ? soon : core->retry_at;
	}
	notices_deliver(&core->notices);
}

static enum tg_status status_of_send(struct core *core, int ret)
{
	switch (ret) {
	case 0:
		core->stats.messages_sent++;
		return TG_OK;
	case -EAGAIN:
		return TG_ERR_WOULD_BLOCK;
	case -ENOMEM:
		return TG_ERR_NO_MEMORY;
	default:
		return TG_ERR_SYSTEM;
	}
}

enum tg_status core_send_text(struct core *core, const char *text, size_t len)
{
	if (!is_live(core)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX) {
		return TG_ERR_TOO_BIG;
	}
	if (!utf8_valid((const uint8_t *)text, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(core, line_send_text(core->line, (const uint8_t *)text, len));
}

enum tg_status core_send_packet(
	struct core *core, uint16_t command, const void *payload, size_t len)
{
	if (!is_live(core)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX - PACKET_HEADER_LEN) {
		return TG_ERR_TOO_BIG;
	}
	if (command == PACKET_TEXT && !utf8_valid(payload, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(core, line_send_packet(core->line, command, payload, len));
}

/* ---- What the transport tells. */

static bool is_current(const struct core *core, uint32_t line)
{
	return core->line && line == core->line_number;
}

uint32_t core_wanted_line(const struct core *core)
{
	return core->line ? core->line_number : 0;
}

bool core_wants_next_address(const struct core *core)
{
	return core->wants_next_address;
}

void core_transport_trying(struct core *core, uint32_t line, uint64_t now_ms)
{
	if (is_current(core, line) && !core->is_transport_open) {
		core->wants_next_address = false;
		core->line_by = after(now_ms, core->options.connect_timeout_ms);
	}
}

void core_transport_opened(struct core *core, uint32_t line, uint64_t now_ms)
{
	if (is_current(core, line) && !core->is_transport_open) {
		core->wants_next_address = false;
		core->is_transport_open = true;
		core->line_by = after(now_ms, core->options.connect_timeout_ms);
	}
}

static void on_transport_end(struct core *core, const struct ending *ending, uint64_t now_ms)
{
	if (core->state == TG_STATE_CLOSING) {
		finish_logout(core);
		hang_up(core);
	} else if (core->is_ending) {
		hang_up(core);
	} else {
		end_line(core, ending, now_ms);
	}
	notices_deliver(&core->notices);
}

void core_transport_failed(
	struct core *core, uint32_t line, enum tg_status status, int error, uint64_t now_ms)
{
	char text[NOTICE_TEXT_MAX] = "";

	if (is_current(core, line)) {
		/* The GNU form, which returns the text. */
		const char *detail =
			error ? strerror_r(error, text, sizeof text) : tg_status_text(status);
		struct ending ending = ending_of(status, detail);
		ending.system_error = error;
		on_transport_end(core, &ending, now_ms);
	}
}

void core_transport_ended(struct core *core, uint32_t line, uint64_t now_ms)
{
	if (is_current(core, line)) {
		const struct ending ending = ending_of(TG_ERR_LOST, "EOF");
		on_transport_end(core, &ending, now_ms);
	}
}

/* ---- What the line tells. */

static void on_open(struct core *core, uint64_t now_ms)
{
	core->line_by = CORE_NEVER;
	core->connect_at = now_ms;
	core->heard_at = now_ms;
	core->heartbeat_armed_at = now_ms;
	core->ping_count = 0;
	core->stats.lines++;
	core->detail[0] = '\0';
	enter(core, (struct tg_state_change){.to = TG_STATE_CONNECTED});
}

/* Splits at the last mark; the gateway's is the last there is. */
static void find_from(struct tg_message *message)
{
	static const char mark[] = " -- FROM ";
	const size_t mark_len = sizeof mark - 1;

	message->text_len = message->len;
	for (size_t at = message->len; at-- > mark_len;) {
		const char *found = message->data + at - mark_len;
		if (memcmp(found, mark, mark_len) == 0) {
			message->text_len = at - mark_len;
			message->from = message->data + at;
			message->from_len = message->len - at;
			return;
		}
	}
}

static void on_text(struct core *core, const struct line_event *event)
{
	core->stats.messages_received++;
	if (core->state == TG_STATE_CONNECTED) {
		struct tg_message message = {
			.data = (const char *)event->data,
			.len = event->len,
			.command = event->command,
		};
		find_from(&message);
		notices_put_message(&core->notices, &message);
	}
}

static void on_pong(struct core *core, uint64_t now_ms)
{
	const uint64_t rtt_ms = now_ms - core->ping_at;
	core->stats.pongs++;
	core->stats.rtt_ms = rtt_ms < UINT32_MAX ? (uint32_t)rtt_ms : UINT32_MAX;
	notices_put_event(&core->notices, TG_EVENT_PONG, rtt_ms);
}

/* Asks the application for a new token. False: there is none. */
static bool ask_for_token(struct core *core)
{
	if (core->has_refreshed || !core->listener->auth) {
		return false;
	}
	core->has_refreshed = true;
	return core->listener->auth(core->listener->data);
}

/* Whether a line that was CONNECTED is still that of the client. */
static bool is_undisturbed(const struct core *core, uint32_t line)
{
	return core->state == TG_STATE_CONNECTED && is_current(core, line) &&
	       !core->notices.is_halted;
}

/* Turns a verdict that needs a token into one that does not. False: the application has logged out
 * meanwhile, or more, and nothing is left to be done. */
static bool settle_refresh(struct core *core, struct verdict *verdict)
{
	const uint32_t line = core->line_number;

	/* What came before is told first. */
	notices_deliver(&core->notices);
	if (!is_undisturbed(core, line)) {
		return false;
	}
	if (!ask_for_token(core)) {
		verdict->action = VERDICT_STAY;
	}
	return is_undisturbed(core, line);
}

static void on_close(struct core *core, const struct line_event *event, uint64_t now_ms)
{
	char reason[LINE_REASON_MAX + 1];
	char detail[NOTICE_TEXT_MAX];
	struct verdict verdict =
		verdict_of_close(event->code, (const char *)event->data, event->len);

	notices_put_event(&core->notices, TG_EVENT_CLOSE, event->code);
	if (core->state == TG_STATE_CLOSING) {
		finish_logout(core);
		core->is_ending = true;
		return;
	}
	memcpy(reason, event->data, event->len);
	reason[event->len] = '\0';
	if (now_ms - core->connect_at >= core->options.min_uptime_ms) {
		core->has_refreshed = false;
	}
	if (verdict.action == VERDICT_REFRESH && !settle_refresh(core, &verdict)) {
		return;
	}
	snprintf(detail, sizeof detail, "Close %u%s%s", event->code, *reason ? " " : "", reason);
	end_line(core,
		&(struct ending){
			.verdict = verdict,
			.keep_line = true,
			.close_code = event->code,
			.received_code = event->code,
			.reason = reason,
			.detail = detail,
		},
		now_ms);
}

static void on_broken(struct core *core, const struct line_event *event, uint64_t now_ms)
{
	char detail[NOTICE_TEXT_MAX];
	struct ending ending = ending_of(event->status, event->detail);

	if (core->state == TG_STATE_CLOSING) {
		finish_logout(core);
		let_end(core, now_ms);
		return;
	}
	if (event->status == TG_ERR_REFUSED) {
		snprintf(detail, sizeof detail, "HTTP %u", event->http_status);
		ending.detail = detail;
		ending.http_status = event->http_status;
		if (event->http_status == 503 && event->retry_after_s >= 0) {
			const int32_t seconds = event->retry_after_s < RETRY_AFTER_MAX_S
							? event->retry_after_s
							: RETRY_AFTER_MAX_S;
			ending.verdict.retry_ms = seconds * 1000;
		}
	} else if (event->status == TG_ERR_PROTOCOL || event->status == TG_ERR_PACKET) {
		ending.verdict.action = VERDICT_STAY;
	}
	ending.close_code = event->code;
	ending.keep_line = event->code != 0;
	end_line(core, &ending, now_ms);
}

static void on_event(struct core *core, const struct line_event *event, uint64_t now_ms)
{
	switch (event->kind) {
	case LINE_OPEN:
		on_open(core, now_ms);
		break;
	case LINE_TEXT:
		on_text(core, event);
		break;
	case LINE_PACKET:
		notices_put_event(&core->notices, TG_EVENT_PACKET, event->command);
		break;
	case LINE_PONG:
		on_pong(core, now_ms);
		break;
	case LINE_CLOSE:
		on_close(core, event, now_ms);
		break;
	case LINE_BROKEN:
		on_broken(core, event, now_ms);
		break;
	case LINE_MORE:
		break;
	}
}

void core_feed(struct core *core, uint32_t line, uint8_t *data, size_t len, uint64_t now_ms)
{
	struct line_event event;

	core->stats.bytes_received += len;
	if (!is_current(core, line) || core->notices.is_halted) {
		return;
	}
	core->fed = core->line;
	line_feed(core->line, data, len);
	/* Callbacks of one event may end the line. */
	while (is_current(core, line) && !core->notices.is_halted) {
		const enum line_event_kind kind = line_next(core->line, &event);
		if (line_take_heard(core->line)) {
			core->heard_at = now_ms;
			core->probe_by = CORE_NEVER;
		}
		if (kind == LINE_MORE) {
			break;
		}
		on_event(core, &event, now_ms);
		notices_deliver(&core->notices);
	}
	if (core->is_fed_unused) {
		line_destroy(&core->fed);
		core->is_fed_unused = false;
	}
	core->fed = NULL;
}

size_t core_peek(struct core *core, const uint8_t **ret_data)
{
	return core->line && core->is_transport_open ? line_peek(core->line, ret_data) : 0;
}

void core_advance(struct core *core, uint32_t line, size_t len)
{
	if (!is_current(core, line)) {
		return;
	}
	core->stats.bytes_sent += len;
	line_advance(core->line, len);
	if (is_live(core) && line_take_writable(core->line)) {
		notices_put_writable(&core->notices);
		notices_deliver(&core->notices);
	}
}

/* ---- Time. */

static uint64_t heartbeat_at(const struct core *core)
{
	return core->options.heartbeat_ms
		       ? after(core->heartbeat_armed_at, core->options.heartbeat_ms)
		       : CORE_NEVER;
}

static uint64_t silent_at(const struct core *core)
{
	return core->options.read_deadline_ms
		       ? after(core->heard_at, core->options.read_deadline_ms)
		       : CORE_NEVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t core_next_deadline(const struct core *core)
{
	uint64_t deadline = earlier(core->line_by, core->retry_at);
	if (is_live(core)) {
		deadline = earlier(deadline, heartbeat_at(core));
		deadline = earlier(
			deadline, core->probe_by == CORE_NEVER ? silent_at(core) : core->probe_by);
	}
	return deadline;
}

/* The dial, the opening or the end of a line has had its time. */
static void on_line_late(struct core *core, uint64_t now_ms)
{
	core->line_by = CORE_NEVER;
	if (!core->is_transport_open) {
		core->wants_next_address = true;
	} else {
		const struct ending ending =
			ending_of(TG_ERR_CONNECT_TIMEOUT, "no answer to the opening");
		on_transport_end(core, &ending, now_ms);
	}
}

/* More than twice late: whoever was to call slept, and so may have the line's answers. */
static bool has_slept(uint64_t armed_at, uint64_t due_at, uint64_t now_ms)
{
	return due_at != CORE_NEVER && now_ms - armed_at > 2 * (due_at - armed_at);
}

static void give_up(struct core *core, uint64_t now_ms)
{
	const struct ending ending = ending_of(TG_ERR_IO_TIMEOUT, "i/o timeout");
	end_line(core, &ending, now_ms);
}

/* A line that is being probed has until the end of the probe, whatever its silence before. */
static void check_live(struct core *core, uint64_t now_ms)
{
	if (core->probe_by <= now_ms) {
		give_up(core, now_ms);
		return;
	}
	if (core->probe_by == CORE_NEVER) {
		if (has_slept(core->heartbeat_armed_at, heartbeat_at(core), now_ms) ||
			has_slept(core->heard_at, silent_at(core), now_ms)) {
			probe(core, now_ms);
		} else if (silent_at(core) <= now_ms) {
			give_up(core, now_ms);
			return;
		}
	}
	if (heartbeat_at(core) <= now_ms) {
		ping(core, now_ms);
	}
}

void core_tick(struct core *core, uint64_t now_ms)
{
	if (core->line_by <= now_ms) {
		on_line_late(core, now_ms);
	}
	if (is_live(core)) {
		check_live(core, now_ms);
	}
	if (core->retry_at <= now_ms) {
		dial(core, now_ms);
	}
	notices_deliver(&core->notices);
}

/* ---- Looking. */

enum tg_state core_state(const struct core *core)
{
	return core->state;
}

enum tg_status core_status(const struct core *core)
{
	return core->status;
}

const char *core_detail(const struct core *core)
{
	return core->detail;
}

size_t core_queued_len(const struct core *core)
{
	return core->line ? line_unsent_len(core->line) : 0;
}

const struct tg_stats *core_stats(const struct core *core)
{
	return &core->stats;
}
