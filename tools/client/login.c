#include "login.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backoff.h"

void login_init(struct login *login, const struct listener *listener)
{
	*login = (struct login){
		.listener = listener,
		.notices = {.listener = listener},
		.retry_at = CORE_NEVER,
		.line_by = CORE_NEVER,
	};
}

void login_finish(struct login *login)
{
	assert(!login->fed);
	line_destroy(&login->line);
	free(login->target);
	free(login->authority);
}

/* Without random bytes the jitter is lost; the line needs them too and says so. */
uint32_t login_draw(struct login *login)
{
	uint32_t number = 0;
	entropy_take(&login->entropy, &number, sizeof number);
	return number;
}

bool login_is_current(const struct login *login, uint32_t line)
{
	return login->line && line == login->line_number;
}

bool login_is_live(const struct login *login)
{
	return login->state == TG_STATE_CONNECTED && login->line && line_is_open(login->line);
}

size_t login_unsent_len(const struct login *login)
{
	return login->line ? line_unsent_len(login->line) : 0;
}

void login_enter(struct login *login, struct tg_state_change change)
{
	change.from = login->state;
	login->state = change.to;
	login->status = change.to == TG_STATE_CLOSED || change.to == TG_STATE_RECONNECTING
				? change.status
				: TG_OK;
	if (!change.reason) {
		change.reason = "";
	}
	notices_put_state(&login->notices, &change);
}

void login_hang_up(struct login *login)
{
	if (!login->line) {
		return;
	}
	if (login->is_transport_open) {
		notices_put_event(&login->notices, TG_EVENT_HANGUP, line_unsent_len(login->line));
	}
	if (login->line == login->fed) {
		login->is_fed_unused = true;
		login->line = NULL;
	}
	line_destroy(&login->line);
	login->is_transport_open = false;
	login->wants_next_address = false;
	login->is_ending = false;
	login->line_by = CORE_NEVER;
}

void login_let_end(struct login *login, uint64_t now_ms)
{
	if (login->options.close_timeout_ms == 0) {
		login_hang_up(login);
		return;
	}
	login->is_ending = true;
	login->line_by = now_ms + login->options.close_timeout_ms;
}

static void put_error(struct login *login, const struct ending *ending)
{
	snprintf(login->detail, sizeof login->detail, "%s", ending->detail);
	notices_put_error(&login->notices, &(struct tg_error){
						   .status = ending->verdict.status,
						   .detail = login->detail,
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

static bool may_retry(const struct login *login, const struct verdict *verdict)
{
	const int most = login->options.reconnect_attempts;
	if (verdict->action != VERDICT_RETRY) {
		return verdict->action == VERDICT_REFRESH;
	}
	if (login->state == TG_STATE_CONNECTING && verdict->retry_ms < 0 &&
		!(login->options.retry_login && is_want_of_server(verdict->status))) {
		return false;
	}
	return most < 0 || login->stats.attempt < (uint32_t)most;
}

static void retry(struct login *login, const struct ending *ending, size_t unsent, uint64_t now_ms)
{
	const struct verdict *verdict = &ending->verdict;
	const struct core_options *options = &login->options;
	uint32_t delay_ms = 0;

	login->stats.attempt++;
	if (verdict->action == VERDICT_RETRY) {
		delay_ms = backoff_delay_ms(options->reconnect_min_ms, options->reconnect_max_ms,
			login_draw(login), login->stats.attempt, verdict->retry_ms);
	}
	login->retry_at = now_ms + delay_ms;
	login->status = verdict->status;
	if (login->state != TG_STATE_RECONNECTING) {
		login_enter(login, (struct tg_state_change){
					   .to = TG_STATE_RECONNECTING,
					   .status = verdict->status,
					   .close_code = ending->received_code,
					   .reason = ending->reason,
					   .attempt = login->stats.attempt,
					   .delay_ms = delay_ms,
					   .unsent_len = unsent,
				   });
	}
	notices_put_event(&login->notices, TG_EVENT_RETRY, delay_ms);
}

struct ending login_ending_of(enum tg_status status, const char *detail)
{
	return (struct ending){
		.verdict = {status, VERDICT_RETRY, BACKOFF_NO_RETRY},
		.reason = "",
		.detail = detail,
	};
}

void login_end_line(struct login *login, const struct ending *ending, uint64_t now_ms)
{
	const size_t unsent = login_unsent_len(login);

	if (login->state == TG_STATE_CONNECTED &&
		now_ms - login->connect_at >= login->options.min_uptime_ms) {
		login->stats.attempt = 0;
		login->has_refreshed = false;
	}
	put_error(login, ending);
	if (ending->keep_line) {
		login_let_end(login, now_ms);
	} else {
		login_hang_up(login);
	}
	if (may_retry(login, &ending->verdict)) {
		retry(login, ending, unsent, now_ms);
	} else {
		login_enter(login, (struct tg_state_change){
					   .to = TG_STATE_CLOSED,
					   .status = ending->verdict.status,
					   .close_code = ending->received_code,
					   .reason = ending->reason,
					   .unsent_len = unsent,
				   });
	}
}

void login_finish_logout(struct login *login)
{
	login_enter(login, (struct tg_state_change){
				   .to = TG_STATE_CLOSED,
				   .unsent_len = login_unsent_len(login),
			   });
}

void login_dial(struct login *login, uint64_t now_ms)
{
	login_hang_up(login);
	login->retry_at = CORE_NEVER;
	login->stats.dials++;
	notices_put_event(&login->notices, TG_EVENT_DIAL, login->stats.attempt);
	const int ret = line_create(&login->entropy, login->target, login->authority,
		login->options.send_queue_limit, &login->line);
	if (ret < 0) {
		struct ending ending = login_ending_of(
			ret == -ENOMEM ? TG_ERR_NO_MEMORY : TG_ERR_SYSTEM, "no line was made");
		ending.system_error = -ret;
		login_end_line(login, &ending, now_ms);
		return;
	}
	login->line_number++;
	login->line_number += login->line_number == 0;
	login->line_by = now_ms + login->options.connect_timeout_ms;
}
