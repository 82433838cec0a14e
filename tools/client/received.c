#include "received.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/suffix.h"

enum {
	RETRY_AFTER_MAX_S = INT32_MAX / 1000,
};

static void on_open(struct login *login, uint64_t now_ms)
{
	login->line_by = CORE_NEVER;
	login->connect_at = now_ms;
	liveness_init(&login->liveness, &login->options, now_ms);
	login->ping_count = 0;
	login->stats.lines++;
	login->detail[0] = '\0';
	login_enter(login, (struct tg_state_change){.to = TG_STATE_CONNECTED});
}

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

/* Asks the application for a new token. False: there is none. */
static bool ask_for_token(struct login *login)
{
	if (login->has_refreshed || !login->listener->auth) {
		return false;
	}
	login->has_refreshed = true;
	return login->listener->auth(login->listener->data);
}

/* Whether a line that was CONNECTED is still that of the client. */
static bool is_undisturbed(const struct login *login, uint32_t line)
{
	return login->state == TG_STATE_CONNECTED && login_is_current(login, line) &&
	       !login->notices.is_halted;
}

/* Turns a verdict that needs a token into one that does not. False: the application has logged out
 * meanwhile, or more, and nothing is left to be done. */
static bool settle_refresh(struct login *login, struct verdict *verdict)
{
	const uint32_t line = login->line_number;

	/* What came before is told first. */
	notices_deliver(&login->notices);
	if (!is_undisturbed(login, line)) {
		return false;
	}
	if (!ask_for_token(login)) {
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
		login->is_ending = true;
		return;
	}
	memcpy(reason, event->data, event->len);
	reason[event->len] = '\0';
	if (now_ms - login->connect_at >= login->options.min_uptime_ms) {
		login->has_refreshed = false;
	}
	if (verdict.action == VERDICT_REFRESH && !settle_refresh(login, &verdict)) {
		return;
	}
	snprintf(detail, sizeof detail, "Close %u%s%s", event->code, *reason ? " " : "", reason);
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

static void on_broken(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	char detail[NOTICE_TEXT_MAX];
	struct ending ending = login_ending_of(event->status, event->detail);

	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
		login_let_end(login, now_ms);
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
	login_end_line(login, &ending, now_ms);
}

void received_take(struct login *login, const struct line_event *event, uint64_t now_ms)
{
	switch (event->kind) {
	case LINE_OPEN:
		on_open(login, now_ms);
		break;
	case LINE_TEXT:
		on_text(login, event);
		break;
	case LINE_PACKET:
		notices_put_event(&login->notices, TG_EVENT_PACKET, event->command);
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
