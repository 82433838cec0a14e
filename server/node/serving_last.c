#include "serving_last.h"

#include "../session/session_rest.h"

enum {
	TURN_US = 5000,      /* what it takes, or little more */
	RECEIVERS_STEP = 64, /* of the fan-out, between two looks at the clock */
	MAIL_STEP = 64,      /* items, likewise */
	SESSIONS_MAX = 256,  /* steps of theirs */
};

/* Items, as serving_on_mail weighs them. One that is half posted counts as well: it will be there.
 */
static uint32_t take_mail(struct serving *serving)
{
	uint32_t taken = 0;
	for (uint32_t look = MAIL_STEP; taken < SERVING_MAIL_MAX * 16;) {
		struct mail *mail;
		switch (mailbox_take(serving->mailbox, &mail)) {
		case MAILBOX_MAIL:
			taken += (uint32_t)serving_on_mail(serving, mail);
			break;
		case MAILBOX_EMPTY:
			return taken;
		case MAILBOX_LATER:
			return taken + 1;
		}
		if (taken >= look) {
			look = taken + MAIL_STEP;
			if (loop_is_past(serving->loop, serving->until_us)) {
				return taken;
			}
		}
	}
	return taken;
}

/* A pass that waits for more to come is begun all the same when it has waited for long enough. */
static uint32_t hand_out(struct serving *serving)
{
	const bool had_some = !fanout_is_done(serving->fanout);
	while (fanout_step(serving->fanout, RECEIVERS_STEP)) {
		if (loop_is_past(serving->loop, serving->until_us)) {
			break;
		}
	}
	return had_some;
}

/* Logins, and numbers of rooms. */
static uint32_t step_sessions(struct serving *serving)
{
	struct sessions *sessions = &serving->sessions;
	const bool had_some =
		sessions->waiting.count > 0 || telling_has_due(&sessions->say.telling);
	for (int i = 0; i < SESSIONS_MAX && session_rest_step(sessions); i++) {
		if (loop_is_past(serving->loop, serving->until_us)) {
			break;
		}
	}
	sessions->judging_us = 0;
	return had_some;
}

static uint32_t post_presence(struct serving *serving)
{
	const bool had_some = serving->sessions.presences.first != NULL;
	presence_post(&serving->sessions.presences);
	return had_some;
}

/* In the order of a usual turn: what was posted goes out before the mail is taken. Nobody is slowed
 * down or let go on here, since nobody is read from. */
uint32_t serving_last_turn(struct serving *serving)
{
	loop_look(serving->loop);
	serving->until_us = serving->loop->now_us + TURN_US;
	uint32_t found = step_sessions(serving);
	fanout_publish(serving->fanout);
	found += take_mail(serving);
	found += hand_out(serving);
	conns_reap(&serving->conns);
	found += post_presence(serving);
	return found + fanout_has_posted(serving->fanout);
}

const char *serving_in_hand(const struct serving *serving)
{
	return fanout_is_done(serving->fanout) ? session_rest_busy(&serving->sessions)
					       : "messages on their way to receivers";
}
