#include "login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/packet.h"
#include "backoff.h"
#include "joins.h"
#include "text.h"

enum {
	PROBE_JITTER_MS = 1000, /* the most a client waits that is told of a network */
};

void login_init(struct login *login, const struct listener *listener)
{
	*login = (struct login){
		.notices = {.listener = listener},
		.retry_at = MOMENT_NEVER,
		.line_by = MOMENT_NEVER,
	};
	tokens_init(&login->tokens);
}

void login_finish(struct login *login)
{
	ASSERT(!login->fed);
	line_destroy(&login->line);
	free(login->target);
	free(login->authority);
	tokens_finish(&login->tokens);
	rooms_finish(&login->rooms);
}

/* --- looking --------------------------------------------------------------------------------- */

bool login_is_current(const struct login *login, uint32_t line)
{
	return login->line && line == login->line_number;
}

bool login_is_under_way(const struct login *login)
{
	return login->state == TG_STATE_CONNECTING || login->state == TG_STATE_CONNECTED ||
	       login->state == TG_STATE_RECONNECTING;
}

bool login_is_live(const struct login *login)
{
	return login->state == TG_STATE_CONNECTED && login->line && line_is_open(login->line);
}

bool login_speaks_v1(const struct login *login)
{
	return login_is_live(login) && line_subprotocol(login->line) == SUBPROTOCOL_V1;
}

size_t login_unsent_len(const struct login *login)
{
	return login->line ? line_unsent_len(login->line) : 0;
}

/* --- states ---------------------------------------------------------------------------------- */

/* Enters change.to; `from` is filled in, and a reason that is NULL. */
static void enter(struct login *login, struct tg_state_change change)
{
	change.from = login->state;
	login->state = change.to;
	login->status = change.to == TG_STATE_CLOSED || change.to == TG_STATE_RECONNECTING
				? change.status
				: TG_OK;
	if (!change.reason) {
		change.reason = "";
	}
	if (!login_is_under_way(login)) {
		tokens_end_asking(&login->tokens);
	}
	notices_put_state(&login->notices, &change);
}

/* Nothing that waits is answered any more. */
static void give_up_requests(struct login *login)
{
	notices_put_unanswered(&login->notices, &login->requests);
	requests_clear(&login->requests);
}

void login_finish_logout(struct login *login)
{
	give_up_requests(login);
	enter(login, (struct tg_state_change){
			     .to = TG_STATE_CLOSED,
			     .unsent_len = login_unsent_len(login),
		     });
	login->is_ending = true;
}

/* 32 random bits. Without random bytes the jitter is lost; the line needs them too and says so. */
static uint32_t draw(struct login *login)
{
	uint32_t number = 0;
	entropy_take(&login->entropy, &number, sizeof(number));
	return number;
}

/* --- the line there is ----------------------------------------------------------------------- */

static void hang_up(struct login *login)
{
	if (!login->line) {
		return;
	}
	if (login->is_transport_open) {
		notices_put_event(&login->notices, TG_EVENT_HANGUP, line_unsent_len(login->line));
	}
	if (login->line == login->fed) {
		login->line = NULL;
	}
	line_destroy(&login->line);
	login->is_transport_open = false;
	login->wants_next_address = false;
	login->is_ending = false;
	login->line_by = MOMENT_NEVER;
	login->tokens.due_at = MOMENT_NEVER;
}

/* Leaves the line to its Close, for the close time-out at most. */
static void let_end(struct login *login, uint64_t now_ms)
{
	if (login->options.close_timeout_ms == 0) {
		hang_up(login);
		return;
	}
	login->is_ending = true;
	login->line_by = now_ms + login->options.close_timeout_ms;
}

static void dial(struct login *login, uint64_t now_ms)
{
	const struct line_request request = {
		.target = login->target,
		.authority = login->authority,
		.token = login->tokens.token,
		.offers = login->options.offers,
	};

	login->stats.dials++;
	notices_put_event(&login->notices, TG_EVENT_DIAL, login->stats.attempt);
	tokens_show(&login->tokens, now_ms);
	const int err = line_create(
		&login->entropy, &request, login->options.send_queue_limit, &login->line);
	if (err < 0) {
		struct ending ending = login_ending_of(
			err == -ENOMEM ? TG_ERR_NO_MEMORY : TG_ERR_SYSTEM, "no line was made");
		ending.system_error = -err;
		login_end_line(login, &ending, now_ms);
		return;
	}
	login->line_number++;
	login->line_number += login->line_number == 0;
	login_await_transport(login, now_ms);
}

static void ask(struct login *login, enum tg_token_need need, uint64_t now_ms)
{
	if (tokens_ask(&login->tokens, now_ms)) {
		notices_put_token(&login->notices, need);
	}
}

void login_dial(struct login *login, uint64_t now_ms)
{
	hang_up(login);
	login->retry_at = MOMENT_NEVER;
	if (!login->options.asks_for_tokens) {
		dial(login, now_ms);
		return;
	}
	login->tokens.dial_waits = true;
	ask(login, login->status == TG_ERR_AUTH ? TG_TOKEN_REFUSED : TG_TOKEN_FOR_LOGIN, now_ms);
}

void login_await_transport(struct login *login, uint64_t now_ms)
{
	login->wants_next_address = false;
	login->line_by = now_ms + login->options.connect_timeout_ms;
}

void login_give_up_address(struct login *login)
{
	login->wants_next_address = true;
	login->line_by = MOMENT_NEVER;
}

void login_await_answer(struct login *login, uint64_t now_ms)
{
	login_await_transport(login, now_ms);
	login->is_transport_open = true;
}

static void put_not_spoken(struct login *login)
{
	notices_put_error(&login->notices, &(struct tg_error){
						   .status = TG_ERR_NOT_SPOKEN,
						   .detail = "the answer names no subprotocol",
					   });
}

void login_stand(struct login *login, uint64_t now_ms)
{
	const struct login_options *options = &login->options;
	const bool is_v1 = line_subprotocol(login->line) == SUBPROTOCOL_V1;

	login->line_by = MOMENT_NEVER;
	login->connect_at = now_ms;
	liveness_init(&login->liveness, options->heartbeat_ms, options->read_deadline_ms, now_ms);
	login->ping_count = 0;
	login->stats.lines++;
	login->detail[0] = '\0';
	if (options->offers == SUBPROTOCOL_V1 && !is_v1) {
		put_not_spoken(login);
	}
	enter(login, (struct tg_state_change){.to = TG_STATE_CONNECTED});
	const int err = is_v1 ? joins_ask_for_all(&login->rooms, login->line) : 0;
	if (err < 0) {
		const struct ending ending = login_ending_of(
			err == -ENOMEM ? TG_ERR_NO_MEMORY : TG_ERR_SYSTEM, "no room was asked for");
		login_end_line(login, &ending, now_ms);
	}
}

void login_ping(struct login *login, uint64_t now_ms)
{
	liveness_rearm(&login->liveness, now_ms);
	if (line_ping(login->line) == 0) {
		login->ping_at = now_ms;
		login->ping_count++;
		login->stats.pings++;
		notices_put_event(&login->notices, TG_EVENT_PING, login->ping_count);
	}
}

void login_probe(struct login *login, uint64_t now_ms)
{
	const uint32_t timeout_ms = login->options.probe_timeout_ms;

	liveness_probe(&login->liveness, timeout_ms, now_ms);
	notices_put_event(&login->notices, TG_EVENT_PROBE, timeout_ms);
	login_ping(login, now_ms);
}

/* --- orders ---------------------------------------------------------------------------------- */

int login_set_request(struct login *login, const char *target, const char *authority)
{
	const int err = target ? text_replace(&login->target, target) : 0;
	return err == 0 && authority ? text_replace(&login->authority, authority) : err;
}

int login_set_token(struct login *login, const char *token)
{
	return text_replace(&login->tokens.token, token);
}

void login_set_detail(struct login *login, const char *detail)
{
	snprintf(login->detail, sizeof(login->detail), "%s", detail);
}

void login_begin(struct login *login, const struct login_options *options, uint64_t now_ms)
{
	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
	}
	login->options = *options;
	login->stats.attempt = 0;
	text_replace(&login->tokens.refused, NULL);
	login->has_refreshed = false;
	login->detail[0] = '\0';
	enter(login, (struct tg_state_change){.to = TG_STATE_CONNECTING});
	login_dial(login, now_ms);
}

void login_leave(struct login *login, uint64_t now_ms)
{
	const enum tg_state from = login->state;

	login->retry_at = MOMENT_NEVER;
	enter(login, (struct tg_state_change){.to = TG_STATE_CLOSING});
	if (from == TG_STATE_CONNECTED && line_close(login->line) == 0 &&
		login->options.close_timeout_ms > 0) {
		login->line_by = now_ms + login->options.close_timeout_ms;
		return;
	}
	const size_t unsent = from == TG_STATE_CONNECTED ? login_unsent_len(login) : 0;
	give_up_requests(login);
	hang_up(login);
	enter(login, (struct tg_state_change){
			     .to = TG_STATE_CLOSED,
			     .status = from == TG_STATE_CONNECTING ? TG_ERR_ABORTED : TG_OK,
			     .unsent_len = unsent,
		     });
}

void login_hasten(struct login *login, uint64_t now_ms)
{
	const uint64_t least = now_ms > login->not_before ? now_ms : login->not_before;
	const uint64_t soon = least + backoff_draw_ms(0, PROBE_JITTER_MS, draw(login));
	login->retry_at = moment_earlier(soon, login->retry_at);
}

/* --- the end of a line ----------------------------------------------------------------------- */

/* A line that has stood for the minimum uptime is a success, from which attempts and tokens are
 * counted. */
static void count_success(struct login *login, uint64_t now_ms)
{
	if (login->state == TG_STATE_CONNECTED &&
		now_ms - login->connect_at >= login->options.min_uptime_ms) {
		login->stats.attempt = 0;
		login->has_refreshed = false;
	}
}

bool login_ask_for_token(struct login *login, uint64_t now_ms)
{
	const struct listener *listener = login->notices.listener;

	count_success(login, now_ms);
	tokens_refuse(&login->tokens);
	if (login->has_refreshed || (!login->options.asks_for_tokens && !listener->auth)) {
		return false;
	}
	login->has_refreshed = true;
	return login->options.asks_for_tokens || listener->auth(listener->data);
}

static void put_error(struct login *login, const struct ending *ending)
{
	login_set_detail(login, ending->detail);
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
	const struct login_options *options = &login->options;
	uint32_t delay_ms = 0;

	login->stats.attempt++;
	if (verdict->action == VERDICT_RETRY) {
		delay_ms = backoff_delay_ms(options->reconnect_min_ms, options->reconnect_max_ms,
			draw(login), login->stats.attempt, verdict->retry_ms);
	}
	login->retry_at = now_ms + delay_ms;
	login->not_before = verdict->retry_ms > 0 ? now_ms + (uint32_t)verdict->retry_ms : now_ms;
	login->status = verdict->status;
	if (login->state != TG_STATE_RECONNECTING) {
		enter(login, (struct tg_state_change){
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

static void release_line(struct login *login, const struct ending *ending, uint64_t now_ms)
{
	if (ending->keep_line) {
		let_end(login, now_ms);
	} else {
		hang_up(login);
	}
}

/* Nobody asked for this end. */
static void lose_line(struct login *login, const struct ending *ending, uint64_t now_ms)
{
	const size_t unsent = login_unsent_len(login);

	count_success(login, now_ms);
	put_error(login, ending);
	give_up_requests(login);
	release_line(login, ending, now_ms);
	if (may_retry(login, &ending->verdict)) {
		retry(login, ending, unsent, now_ms);
	} else {
		enter(login, (struct tg_state_change){
				     .to = TG_STATE_CLOSED,
				     .status = ending->verdict.status,
				     .close_code = ending->received_code,
				     .reason = ending->reason,
				     .unsent_len = unsent,
			     });
	}
}

void login_end_line(struct login *login, const struct ending *ending, uint64_t now_ms)
{
	if (login->state == TG_STATE_CLOSING) {
		login_finish_logout(login);
	}
	if (login->is_ending) {
		release_line(login, ending, now_ms);
	} else {
		lose_line(login, ending, now_ms);
	}
}

/* --- tokens ---------------------------------------------------------------------------------- */

static const char *want_of_token(int err)
{
	switch (err) {
	case -EALREADY:
		return "the token that was refused, once more";
	case -ETIMEDOUT:
		return "no answer in time";
	case -ENOMEM:
		return "out of memory";
	default:
		return "there is none";
	}
}

/* The dial that waited for it has come to nothing. What was refused is refused again. */
static void end_dial(struct login *login, int err, uint64_t now_ms)
{
	struct ending ending = login_ending_of(TG_ERR_NO_TOKEN, want_of_token(err));

	if (err == -EALREADY) {
		ending.verdict = (struct verdict){TG_ERR_AUTH, VERDICT_STAY, BACKOFF_NO_RETRY};
	}
	login_end_line(login, &ending, now_ms);
}

/* The session goes on with what it has, for as long as that lasts. */
static void put_renewal_off(struct login *login, uint64_t now_ms)
{
	const struct login_options *options = &login->options;

	login->tokens.failures++;
	tokens_put_off(&login->tokens,
		backoff_delay_ms(options->reconnect_min_ms, options->reconnect_max_ms, draw(login),
			login->tokens.failures, BACKOFF_NO_RETRY),
		now_ms);
}

static void tell_failed_renewal(struct login *login, enum tg_status status, const char *detail)
{
	login_set_detail(login, detail);
	notices_put_error(
		&login->notices, &(struct tg_error){.status = status, .detail = login->detail});
}

static void show_token(struct login *login, uint64_t now_ms)
{
	const char *token = login->tokens.token;

	if (now_ms < login->tokens.not_before) {
		tokens_put_off(&login->tokens, 0, now_ms);
		return;
	}
	if (line_send_packet(login->line, PACKET_TOKEN, (const uint8_t *)token, strlen(token)) <
		0) {
		put_renewal_off(login, now_ms);
		return;
	}
	tokens_show(&login->tokens, now_ms);
}

static int take_token(struct login *login, int err, uint64_t now_ms)
{
	if (tokens_end_asking(&login->tokens)) {
		if (err < 0) {
			end_dial(login, err, now_ms);
		} else {
			dial(login, now_ms);
		}
	} else if (login_speaks_v1(login)) {
		if (err == 0) {
			show_token(login, now_ms);
		} else {
			tell_failed_renewal(login, TG_ERR_NO_TOKEN, want_of_token(err));
			put_renewal_off(login, now_ms);
		}
	}
	return err == -ENOMEM ? err : 0;
}

int login_take_token(struct login *login, const char *token, uint64_t now_ms)
{
	return take_token(login, token ? tokens_take(&login->tokens, token) : -ENODATA, now_ms);
}

void login_miss_token(struct login *login, uint64_t now_ms)
{
	take_token(login, -ETIMEDOUT, now_ms);
}

void login_renew(struct login *login, uint64_t now_ms)
{
	login->tokens.due_at = MOMENT_NEVER;
	if (login->tokens.is_unshown) {
		show_token(login, now_ms);
	} else if (login->options.asks_for_tokens) {
		ask(login, TG_TOKEN_FOR_SESSION, now_ms);
	}
}

void login_plan_renewal(struct login *login, bool is_taken, bool is_too_soon, uint32_t seconds_left,
	uint64_t now_ms)
{
	if (!login->tokens.token) {
		return;
	}
	if (!is_taken) {
		if (is_too_soon) {
			login->tokens.is_unshown = true;
		} else {
			tokens_refuse(&login->tokens);
			tell_failed_renewal(login, TG_ERR_AUTH, "the new token was refused");
		}
		put_renewal_off(login, now_ms);
		return;
	}
	tokens_accept(&login->tokens);
	if (login->tokens.is_unshown) {
		tokens_put_off(&login->tokens, 0, now_ms);
	} else if (seconds_left != TG_SESSION_WITHOUT_END) {
		tokens_plan(&login->tokens, seconds_left, draw(login), now_ms);
	}
}
