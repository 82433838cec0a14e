/* What the application has still to be told, in order. A login changes its state first and puts a
 * notice here; notices are handed out when it is whole again. So a callback may give any order, and
 * each change of state begins where the one before it ended. */
#ifndef TIDEGATE_CLIENT_NOTICES_H
#define TIDEGATE_CLIENT_NOTICES_H

#include <stdbool.h>
#include <stddef.h>

#include "requests.h"
#include "tidegate-client.h"

enum {
	NOTICES_MAX = 28,
	NOTICE_TEXT_MAX = 160, /* bytes of a reason or a detail, with the NUL */
};

/* Who is told. Any function may be NULL. */
struct listener {
	void (*state)(void *data, const struct tg_state_change *change);
	void (*message)(void *data, const struct tg_message *message);
	void (*session)(void *data, const struct tg_session *session);
	void (*answer)(void *data, const struct tg_answer *answer);
	void (*members)(void *data, const struct tg_members *members);
	void (*page)(void *data, const struct tg_page *page);
	void (*reply)(void *data, const struct tg_reply *reply);
	void (*gap)(void *data, const struct tg_gap *gap);
	void (*error)(void *data, const struct tg_error *error);
	void (*event)(void *data, const struct tg_event *event);
	void (*writable)(void *data);
	void (*token)(void *data, enum tg_token_need need);
	bool (*auth)(void *data); /* asked, not told: not by way of a notice */
	void *data;
};

enum notice_kind {
	NOTICE_STATE,
	NOTICE_MESSAGE,
	NOTICE_SESSION,
	NOTICE_ANSWER,
	NOTICE_UNANSWERED, /* an answer for each */
	NOTICE_MEMBERS,
	NOTICE_PAGE,
	NOTICE_REPLY,
	NOTICE_GAP,
	NOTICE_ERROR,
	NOTICE_EVENT,
	NOTICE_WRITABLE,
	NOTICE_TOKEN,
};

struct notice {
	enum notice_kind kind;
	union {
		struct tg_state_change state;
		/* What these point to is borrowed: delivered before it is gone. */
		struct tg_message message;
		struct tg_session session;
		struct tg_members members;
		struct tg_page page;
		struct tg_reply reply;
		struct tg_gap gap;
		struct tg_answer answer;
		struct requests unanswered;
		struct tg_error error;
		struct tg_event event;
		enum tg_token_need need;
	};
	char text[NOTICE_TEXT_MAX];
};

/* Owner:  a login.
 * Shared: never. */
struct notices {
	const struct listener *listener;
	bool is_delivering;
	bool is_halted; /* nobody is told anything any more */
	unsigned first;
	unsigned count;
	struct notice ring[NOTICES_MAX];
};

/* Put a notice at the end. Texts are copied. There is space for what one order brings whenever
 * notices_have_space() is true; events alone are dropped where there is little. */
void notices_put_state(struct notices *notices, const struct tg_state_change *change);
void notices_put_message(struct notices *notices, const struct tg_message *message);
void notices_put_session(struct notices *notices, const struct tg_session *session);
void notices_put_members(struct notices *notices, const struct tg_members *members);
void notices_put_page(struct notices *notices, const struct tg_page *page);
void notices_put_reply(struct notices *notices, const struct tg_reply *reply);
void notices_put_gap(struct notices *notices, const struct tg_gap *gap);

/* The name of its room is copied. */
void notices_put_answer(struct notices *notices, const struct tg_answer *answer);

/* The line is gone: each that waits is answered by TG_ERR_UNKNOWN. Nothing for none. */
void notices_put_unanswered(struct notices *notices, const struct requests *requests);

void notices_put_error(struct notices *notices, const struct tg_error *error);
void notices_put_event(struct notices *notices, enum tg_event_kind kind, uint64_t value);
void notices_put_writable(struct notices *notices);
void notices_put_token(struct notices *notices, enum tg_token_need need);

/* Whether another login can be followed up; false only for one that is given over and over inside
 * of one callback. */
bool notices_have_space(const struct notices *notices);

/* Hands out what is there and what is added meanwhile. Inside of a callback it does nothing: the
 * call further out goes on. */
void notices_deliver(struct notices *notices);

/* Drops what is there and all that is to come. */
void notices_halt(struct notices *notices);

#endif
