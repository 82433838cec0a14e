#include "notices.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/assert.h"

enum {
	LOGIN_RESERVE = 16, /* notices of a login and of the logout that may follow */
	EVENT_RESERVE = 8,  /* notices kept free for what is more than an event */
};

static unsigned space(const struct notices *notices)
{
	return NOTICES_MAX - notices->count;
}

static struct notice *add(struct notices *notices, enum notice_kind kind, const char *text)
{
	ASSERT(space(notices) > 0);
	struct notice *notice = &notices->ring[(notices->first + notices->count) % NOTICES_MAX];
	notices->count++;
	notice->kind = kind;
	snprintf(notice->text, sizeof(notice->text), "%s", text);
	return notice;
}

void notices_put_state(struct notices *notices, const struct tg_state_change *change)
{
	if (!notices->is_halted) {
		struct notice *notice = add(notices, NOTICE_STATE, change->reason);
		notice->state = *change;
		notice->state.reason = notice->text;
	}
}

void notices_put_message(struct notices *notices, const struct tg_message *message)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_MESSAGE, "")->message = *message;
	}
}

void notices_put_session(struct notices *notices, const struct tg_session *session)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_SESSION, "")->session = *session;
	}
}

void notices_put_members(struct notices *notices, const struct tg_members *members)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_MEMBERS, "")->members = *members;
	}
}

void notices_put_page(struct notices *notices, const struct tg_page *page)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_PAGE, "")->page = *page;
	}
}

void notices_put_reply(struct notices *notices, const struct tg_reply *reply)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_REPLY, "")->reply = *reply;
	}
}

void notices_put_gap(struct notices *notices, const struct tg_gap *gap)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_GAP, "")->gap = *gap;
	}
}

void notices_put_answer(struct notices *notices, const struct tg_answer *answer)
{
	if (!notices->is_halted) {
		struct notice *notice = add(notices, NOTICE_ANSWER, "");
		notice->answer = *answer;
		notice->answer.room.data = notice->text;
		if (answer->room.len > 0) {
			memcpy(notice->text, answer->room.data, answer->room.len);
		}
	}
}

void notices_put_unanswered(struct notices *notices, const struct requests *requests)
{
	if (!notices->is_halted && requests->count > 0) {
		add(notices, NOTICE_UNANSWERED, "")->unanswered = *requests;
	}
}

void notices_put_error(struct notices *notices, const struct tg_error *error)
{
	if (!notices->is_halted) {
		struct notice *notice = add(notices, NOTICE_ERROR, error->detail);
		notice->error = *error;
		notice->error.detail = notice->text;
	}
}

void notices_put_event(struct notices *notices, enum tg_event_kind kind, uint64_t value)
{
	if (!notices->is_halted && space(notices) > EVENT_RESERVE) {
		add(notices, NOTICE_EVENT, "")->event = (struct tg_event){kind, value};
	}
}

void notices_put_writable(struct notices *notices)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_WRITABLE, "");
	}
}

void notices_put_token(struct notices *notices, enum tg_token_need need)
{
	if (!notices->is_halted) {
		add(notices, NOTICE_TOKEN, "")->need = need;
	}
}

bool notices_have_space(const struct notices *notices)
{
	return space(notices) >= LOGIN_RESERVE;
}

/* The application may halt it all on the way. */
static void hand_out_unanswered(const struct notices *notices, struct requests requests)
{
	const struct listener *to = notices->listener;
	struct tg_answer answer = {.status = TG_ERR_UNKNOWN};

	while (to->answer && !notices->is_halted &&
		(answer.id = requests_give_up(&requests)) != 0) {
		to->answer(to->data, &answer);
	}
}

static void hand_out(const struct notices *notices, const struct notice *notice)
{
	const struct listener *to = notices->listener;

	switch (notice->kind) {
	case NOTICE_STATE:
		if (to->state) {
			to->state(to->data, &notice->state);
		}
		break;
	case NOTICE_MESSAGE:
		if (to->message) {
			to->message(to->data, &notice->message);
		}
		break;
	case NOTICE_SESSION:
		if (to->session) {
			to->session(to->data, &notice->session);
		}
		break;
	case NOTICE_ANSWER:
		if (to->answer) {
			to->answer(to->data, &notice->answer);
		}
		break;
	case NOTICE_UNANSWERED:
		hand_out_unanswered(notices, notice->unanswered);
		break;
	case NOTICE_MEMBERS:
		if (to->members) {
			to->members(to->data, &notice->members);
		}
		break;
	case NOTICE_PAGE:
		if (to->page) {
			to->page(to->data, &notice->page);
		}
		break;
	case NOTICE_REPLY:
		if (to->reply) {
			to->reply(to->data, &notice->reply);
		}
		break;
	case NOTICE_GAP:
		if (to->gap) {
			to->gap(to->data, &notice->gap);
		}
		break;
	case NOTICE_ERROR:
		if (to->error) {
			to->error(to->data, &notice->error);
		}
		break;
	case NOTICE_EVENT:
		if (to->event) {
			to->event(to->data, &notice->event);
		}
		break;
	case NOTICE_WRITABLE:
		if (to->writable) {
			to->writable(to->data);
		}
		break;
	case NOTICE_TOKEN:
		if (to->token) {
			to->token(to->data, notice->need);
		}
		break;
	}
}

void notices_deliver(struct notices *notices)
{
	if (notices->is_delivering) {
		return;
	}
	notices->is_delivering = true;
	while (notices->count > 0) {
		/* It stays in its place, which is not used again, until it has been read. */
		hand_out(notices, &notices->ring[notices->first]);
		if (notices->count > 0) {
			notices->first = (notices->first + 1) % NOTICES_MAX;
			notices->count--;
		}
	}
	notices->is_delivering = false;
}

void notices_halt(struct notices *notices)
{
	notices->is_halted = true;
	notices->count = 0;
}
