#include "clock.h"

uint64_t clock_next_deadline(const struct login *login)
{
	const struct tokens *tokens = &login->tokens;
	const uint64_t deadline =
		moment_earlier(moment_earlier(login->line_by, login->retry_at), tokens->answer_by);
	if (!login_is_live(login)) {
		return deadline;
	}
	return moment_earlier(
		moment_earlier(deadline, tokens->due_at), liveness_next_deadline(&login->liveness));
}

/* The dial, the opening or the end of a line has had its time. */
static void end_late_line(struct login *login, uint64_t now_ms)
{
	if (login->is_transport_open) {
		const struct ending ending =
			login_ending_of(TG_ERR_CONNECT_TIMEOUT, "no answer to the opening");
		login_end_line(login, &ending, now_ms);
	} else {
		login_give_up_address(login);
	}
}

static void check_live(struct login *login, uint64_t now_ms)
{
	const struct ending ending = login_ending_of(TG_ERR_IO_TIMEOUT, "i/o timeout");

	switch (liveness_look(&login->liveness, now_ms)) {
	case LIVENESS_FINE:
		break;
	case LIVENESS_PING:
		login_ping(login, now_ms);
		break;
	case LIVENESS_SLEPT:
		login_probe(login, now_ms);
		break;
	case LIVENESS_DEAD:
		login_end_line(login, &ending, now_ms);
		break;
	}
}

void clock_tick(struct login *login, uint64_t now_ms)
{
	if (login->line_by <= now_ms) {
		end_late_line(login, now_ms);
	}
	if (login_is_live(login)) {
		check_live(login, now_ms);
	}
	if (login->tokens.answer_by <= now_ms) {
		login_miss_token(login, now_ms);
	}
	if (login_is_live(login) && login->tokens.due_at <= now_ms) {
		login_renew(login, now_ms);
	}
	if (login->retry_at <= now_ms) {
		login_dial(login, now_ms);
	}
	notices_deliver(&login->notices);
}
