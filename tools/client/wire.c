#include "wire.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/suffix.h"
#include "backoff.h"
#include "talk.h"

/* Callbacks of one event may end the line. */
static bool is_listened_to(const struct login *login, uint32_t line)
{
	return login_is_current(login, line) && !login->notices.is_halted;
}

/* --- messages -------------------------------------------------------------------------------- */

static void find_from(struct tg_message *message)
{
	struct slice text = {message->data, message->len};
	struct slice user = {NULL, 0};

	suffix_split(text, &text, &user);
	message->text_len = text.len;
	message->from = user.data;
	message->from_len = user.len;
}

static void on_text(struct login *login, const struct line_event *event)
{
	login->stats.messages_received++;
	if (login->state == TG_STATE_CONNECTED) {
		struct tg_message message = {
			.data = (const char *)event->data,
			.len = event->len,
			.command = event->command,
		};
		find_from(&message);
		notices_put_message(&login->notices, &message);
	}
}

static void on_pong(struct login *login, uint64_t now_ms)
{
	const uint64_t rtt_ms = now_ms - login->ping_at;
	login->stats.pongs++;
	login->stats.rtt_ms = rtt_ms < UINT32_MAX ? (uint32_t)rtt_ms : UINT32_MAX;
	notices_put_event(&login->notices, TG_EVENT_PONG, rtt_ms);
}

/* --- ends ------------------------------------------------------------------------------------ */

/* Whether a line that was CONNECTED is still that of the client. */
static bool is_undisturbed(const struct login *login, uint32_t line)
{
	return login->state == TG_STATE_CONNECTED && is_listened_to(login, line);
}

/* Turns a verdict that needs a token into one that does not. False: the application has logged out
 * meanwhile, or more, and nothing is left to be done. */
static bool settle_refresh(struct login *login, struct verdict *verdict, uint64_t now_ms)
{
	const uint32_t line = login->line_number;

	/* What came before is told first. */
	notices_deliver(&login->notices);
	if (!is_undisturbed(login, line)) {
		return false;
	}
	if (!login_ask_for_token(login, now_ms)) {
		verdict->action = VERDICT_STAY;
	}
	return is_undisturbed(login, line);
}

static void on_close(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	char reason[LINE_REASON_MAX + 1];
	char detail[NOTICE_TEXT_MAX];
	struct verdict verdict =
		verdict_of_close(event->code, (const char *)event->data, event->len);

	notices_put_event(&login->notices, TG_EVENT_CLOSE, event->code);
	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
		return;
	}
	memcpy(reason, event->data, event->len);
	reason[event->len] = '\0';
	if (verdict.action == VERDICT_REFRESH && !settle_refresh(login, &verdict, now_ms)) {
		return;
	}
	snprintf(detail, sizeof(detail), "Close %u%s%s", event->code, *reason ? " " : "", reason);
	login_end_line(login,
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

static int32_t retry_ms_of(const struct line_event *event)
{
	return event->http_status == 503 ? backoff_retry_ms_of_seconds(event->retry_after_s)
					 : BACKOFF_NO_RETRY;
}

static void on_broken(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	char detail[NOTICE_TEXT_MAX];
	struct ending ending = login_ending_of(event->status, event->detail);

	if (event->status == TG_ERR_REFUSED) {
		snprintf(detail, sizeof(detail), "HTTP %u", event->http_status);
		ending.detail = detail;
		ending.http_status = event->http_status;
		ending.verdict.retry_ms = retry_ms_of(event);
	} else if (event->status == TG_ERR_PROTOCOL || event->status == TG_ERR_PACKET) {
		ending.verdict.action = VERDICT_STAY;
	}
	ending.close_code = event->code;
	ending.keep_line = event->code != 0;
	login_end_line(login, &ending, now_ms);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void on_packet(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	struct line_event broken;

	switch (talk_hear(login, event->command, event->data, event->len, now_ms)) {
	case TALK_HEARD:
		break;
	case TALK_PASSED_OVER:
		notices_put_event(&login->notices, TG_EVENT_PACKET, event->command);
		break;
	case TALK_BAD_PACKET:
		line_reject_packet(login->line, &broken);
		on_broken(login, &broken, now_ms);
		break;
	}
}

static void on_event(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	switch (event->kind) {
	case LINE_OPEN:
		login_stand(login, now_ms);
		break;
	case LINE_TEXT:
		on_text(login, event);
		break;
	case LINE_PACKET:
		on_packet(login, event, now_ms);
		break;
	case LINE_PONG:
		on_pong(login, now_ms);
		break;
	case LINE_CLOSE:
		on_close(login, event, now_ms);
		break;
	case LINE_BROKEN:
		on_broken(login, event, now_ms);
		break;
	case LINE_MORE:
		break;
	}
}

void wire_feed(struct login *login, uint32_t line, uint8_t *data, size_t len, uint64_t now_ms)
{
	struct line_event event;

	login->stats.bytes_received += len;
	if (!is_listened_to(login, line)) {
		return;
	}
	login->fed = login->line;
	line_feed(login->line, data, len);
	do {
		line_next(login->line, &event);
		if (line_take_heard(login->line)) {
			liveness_hear(&login->liveness, now_ms);
		}
		on_event(login, &event, now_ms);
		notices_deliver(&login->notices);
	} while (event.kind != LINE_MORE && is_listened_to(login, line));
	if (login->fed != login->line) {
		line_destroy(&login->fed);
	}
	login->fed = NULL;
}

size_t wire_peek(struct login *login, const uint8_t **ret_data)
{
	return login->line && login->is_transport_open ? line_peek(login->line, ret_data) : 0;
}

void wire_advance(struct login *login, uint32_t line, size_t len)
{
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

/* --- the transport --------------------------------------------------------------------------- */

uint32_t wire_wanted_line(const struct login *login)
{
	return login->line ? login->line_number : 0;
}

static bool is_connecting(const struct login *login, uint32_t line)
{
	return login_is_current(login, line) && !login->is_transport_open;
}

void wire_trying(struct login *login, uint32_t line, uint64_t now_ms)
{
	if (is_connecting(login, line)) {
		login_await_transport(login, now_ms);
	}
}

void wire_opened(struct login *login, uint32_t line, uint64_t now_ms)
{
	if (is_connecting(login, line)) {
		login_await_answer(login, now_ms);
	}
}

void wire_failed(struct login *login, uint32_t line, enum tg_status status, int error,
	const char *detail, uint64_t now_ms)
{
	char text[NOTICE_TEXT_MAX] = "";

	if (!login_is_current(login, line)) {
		return;
	}
	if (!detail) {
		/* The GNU form, which returns the text. */
		detail = error ? strerror_r(error, text, sizeof(text)) : tg_status_text(status);
	}
	struct ending ending = login_ending_of(status, detail);
	ending.system_error = error;
	login_end_line(login, &ending, now_ms);
	notices_deliver(&login->notices);
}

void wire_ended(struct login *login, uint32_t line, uint64_t now_ms)
{
	if (login_is_current(login, line)) {
		const struct ending ending = login_ending_of(TG_ERR_LOST, "EOF");
		login_end_line(login, &ending, now_ms);
		notices_deliver(&login->notices);
	}
}
