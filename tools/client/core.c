#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/packet.h"
#include "../../proto/utf8.h"
#include "backoff.h"
#include "line.h"
#include "liveness.h"
#include "login.h"
#include "received.h"

enum {
	PROBE_JITTER_MS = 1000, /* the most a client waits that is told of a network */
};

/* Owner:  a client.
 * Shared: never.
 * Freed:  core_destroy. */
struct core {
	struct login login;
};

/* ---- Life. */

int core_create(const struct listener *listener, struct core **ret_core)
{
	struct core *core = malloc(sizeof *core);
	if (!core) {
		return -ENOMEM;
	}
	login_init(&core->login, listener);
	*ret_core = core;
	return 0;
}

void core_destroy(struct core **core)
{
	if (*core) {
		login_finish(&(*core)->login);
		free(*core);
		*core = NULL;
	}
}

void core_halt(struct core *core)
{
	notices_halt(&core->login.notices);
}

struct entropy *core_entropy(struct core *core)
{
	return &core->login.entropy;
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
	struct login *login = &core->login;

	if (login->state == TG_STATE_CONNECTING || login->state == TG_STATE_CONNECTED ||
		login->state == TG_STATE_RECONNECTING) {
		return TG_OK;
	}
	if (!notices_has_room(&login->notices)) {
		return TG_ERR_STATE;
	}
	if (replace_text(&login->target, target) < 0 ||
		replace_text(&login->authority, authority) < 0) {
		return TG_ERR_NO_MEMORY;
	}
	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
	}
	login->options = *options;
	login->stats.attempt = 0;
	login->has_refreshed = false;
	login->detail[0] = '\0';
	login_enter(login, (struct tg_state_change){.to = TG_STATE_CONNECTING});
	login_dial(login, now_ms);
	notices_deliver(&login->notices);
	return TG_OK;
}

enum tg_status core_set_target(struct core *core, const char *target)
{
	return replace_text(&core->login.target, target) < 0 ? TG_ERR_NO_MEMORY : TG_OK;
}

void core_logout(struct core *core, uint64_t now_ms)
{
	struct login *login = &core->login;
	const enum tg_state from = login->state;

	if (from == TG_STATE_CLOSING || from == TG_STATE_CLOSED) {
		return;
	}
	login->retry_at = CORE_NEVER;
	login_enter(login, (struct tg_state_change){.to = TG_STATE_CLOSING});
	if (from == TG_STATE_CONNECTED && line_close(login->line) == 0 &&
		login->options.close_timeout_ms > 0) {
		login->line_by = now_ms + login->options.close_timeout_ms;
	} else {
		const size_t unsent = from == TG_STATE_CONNECTED ? login_unsent_len(login) : 0;
		login_hang_up(login);
		login_enter(login,
			(struct tg_state_change){
				.to = TG_STATE_CLOSED,
				.status = from == TG_STATE_CONNECTING ? TG_ERR_ABORTED : TG_OK,
				.unsent_len = unsent,
			});
	}
	notices_deliver(&login->notices);
}

static void ping(struct login *login, uint64_t now_ms)
{
	liveness_rearm(&login->liveness, now_ms);
	if (line_ping(login->line) == 0) {
		login->ping_at = now_ms;
		login->ping_count++;
		login->stats.pings++;
		notices_put_event(&login->notices, TG_EVENT_PING, login->ping_count);
	}
}

static void probe(struct login *login, uint64_t now_ms)
{
	const uint32_t timeout_ms = login->options.probe_timeout_ms;
	liveness_probe(&login->liveness, timeout_ms, now_ms);
	notices_put_event(&login->notices, TG_EVENT_PROBE, timeout_ms);
	ping(login, now_ms);
}

void core_probe(struct core *core, uint64_t now_ms)
{
	struct login *login = &core->login;

	if (login_is_live(login)) {
		if (!liveness_is_probing(&login->liveness)) {
			probe(login, now_ms);
		}
	} else if (login->retry_at != CORE_NEVER) {
		const uint64_t soon =
			now_ms + backoff_draw_ms(0, PROBE_JITTER_MS, login_draw(login));
		login->retry_at = soon < login->retry_at ? soon : login->retry_at;
	}
	notices_deliver(&login->notices);
}

static enum tg_status status_of_send(struct login *login, int ret)
{
	switch (ret) {
	case 0:
		login->stats.messages_sent++;
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
	struct login *login = &core->login;

	if (!login_is_live(login)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX) {
		return TG_ERR_TOO_BIG;
	}
	if (!utf8_valid((const uint8_t *)text, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(login, line_send_text(login->line, (const uint8_t *)text, len));
}

enum tg_status core_send_packet(
	struct core *core, uint16_t command, const void *payload, size_t len)
{
	struct login *login = &core->login;

	if (!login_is_live(login)) {
		return TG_ERR_NOT_CONNECTED;
	}
	if (len > LINE_MESSAGE_MAX - PACKET_HEADER_LEN) {
		return TG_ERR_TOO_BIG;
	}
	if (command == PACKET_TEXT && !utf8_valid(payload, len)) {
		return TG_ERR_UTF8;
	}
	return status_of_send(login, line_send_packet(login->line, command, payload, len));
}

/* ---- What the transport tells. */

uint32_t core_wanted_line(const struct core *core)
{
	return core->login.line ? core->login.line_number : 0;
}

bool core_wants_next_address(const struct core *core)
{
	return core->login.wants_next_address;
}

void core_transport_trying(struct core *core, uint32_t line, uint64_t now_ms)
{
	struct login *login = &core->login;

	if (login_is_current(login, line) && !login->is_transport_open) {
		login->wants_next_address = false;
		login->line_by = now_ms + login->options.connect_timeout_ms;
	}
}

void core_transport_opened(struct core *core, uint32_t line, uint64_t now_ms)
{
	struct login *login = &core->login;

	if (login_is_current(login, line) && !login->is_transport_open) {
		login->wants_next_address = false;
		login->is_transport_open = true;
		login->line_by = now_ms + login->options.connect_timeout_ms;
	}
}

static void on_transport_end(struct login *login, const struct ending *ending, uint64_t now_ms)
{
	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
		login_hang_up(login);
	} else if (login->is_ending) {
		login_hang_up(login);
	} else {
		login_end_line(login, ending, now_ms);
	}
	notices_deliver(&login->notices);
}

void core_transport_failed(
	struct core *core, uint32_t line, enum tg_status status, int error, uint64_t now_ms)
{
	struct login *login = &core->login;
	char text[NOTICE_TEXT_MAX] = "";

	if (login_is_current(login, line)) {
		/* The GNU form, which returns the text. */
		const char *detail =
			error ? strerror_r(error, text, sizeof text) : tg_status_text(status);
		struct ending ending = login_ending_of(status, detail);
		ending.system_error = error;
		on_transport_end(login, &ending, now_ms);
	}
}

void core_transport_ended(struct core *core, uint32_t line, uint64_t now_ms)
{
	struct login *login = &core->login;

	if (login_is_current(login, line)) {
		const struct ending ending = login_ending_of(TG_ERR_LOST, "EOF");
		on_transport_end(login, &ending, now_ms);
	}
}

void core_feed(struct core *core, uint32_t line, uint8_t *data, size_t len, uint64_t now_ms)
{
	struct login *login = &core->login;
	struct line_event event;

	login->stats.bytes_received += len;
	if (!login_is_current(login, line) || login->notices.is_halted) {
		return;
	}
	login->fed = login->line;
	line_feed(login->line, data, len);
	/* Callbacks of one event may end the line. */
	while (login_is_current(login, line) && !login->notices.is_halted) {
		const enum line_event_kind kind = line_next(login->line, &event);
		if (line_take_heard(login->line)) {
			liveness_hear(&login->liveness, now_ms);
		}
		if (kind == LINE_MORE) {
			break;
		}
		received_take(login, &event, now_ms);
		notices_deliver(&login->notices);
	}
	if (login->is_fed_unused) {
		line_destroy(&login->fed);
		login->is_fed_unused = false;
	}
	login->fed = NULL;
}

size_t core_peek(struct core *core, const uint8_t **ret_data)
{
	struct login *login = &core->login;

	return login->line && login->is_transport_open ? line_peek(login->line, ret_data) : 0;
}

void core_advance(struct core *core, uint32_t line, size_t len)
{
	struct login *login = &core->login;

	if (!login_is_current(login, line)) {
		return;
	}
	login->stats.bytes_sent += len;
	line_advance(login->line, len);
	if (login_is_live(login) && line_take_writable(login->line)) {
		notices_put_writable(&login->notices);
		notices_deliver(&login->notices);
	}
}

/* ---- Time. */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t core_next_deadline(const struct core *core)
{
	const struct login *login = &core->login;
	const uint64_t deadline = earlier(login->line_by, login->retry_at);
	return login_is_live(login) ? earlier(deadline, liveness_next_deadline(&login->liveness))
				    : deadline;
}

/* The dial, the opening or the end of a line has had its time. */
static void on_line_late(struct login *login, uint64_t now_ms)
{
	login->line_by = CORE_NEVER;
	if (!login->is_transport_open) {
		login->wants_next_address = true;
	} else {
		const struct ending ending =
			login_ending_of(TG_ERR_CONNECT_TIMEOUT, "no answer to the opening");
		on_transport_end(login, &ending, now_ms);
	}
}

static void check_live(struct login *login, uint64_t now_ms)
{
	const struct ending ending = login_ending_of(TG_ERR_IO_TIMEOUT, "i/o timeout");

	switch (liveness_look(&login->liveness, now_ms)) {
	case LIVENESS_FINE:
		break;
	case LIVENESS_PING:
		ping(login, now_ms);
		break;
	case LIVENESS_SLEPT:
		probe(login, now_ms);
		break;
	case LIVENESS_DEAD:
		login_end_line(login, &ending, now_ms);
		break;
	}
}

void core_tick(struct core *core, uint64_t now_ms)
{
	struct login *login = &core->login;

	if (login->line_by <= now_ms) {
		on_line_late(login, now_ms);
	}
	if (login_is_live(login)) {
		check_live(login, now_ms);
	}
	if (login->retry_at <= now_ms) {
		login_dial(login, now_ms);
	}
	notices_deliver(&login->notices);
}

/* ---- Looking. */

enum tg_state core_state(const struct core *core)
{
	return core->login.state;
}

enum tg_status core_status(const struct core *core)
{
	return core->login.status;
}

const char *core_detail(const struct core *core)
{
	return core->login.detail;
}

size_t core_queued_len(const struct core *core)
{
	return login_unsent_len(&core->login);
}

const struct tg_stats *core_stats(const struct core *core)
{
	return &core->login.stats;
}
