#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "../../proto/ascii.h"
#include "../node/event_waits.h"
#include "../node/registrar.h"

enum {
	LIMIT_DEFAULT = 100,
	WAIT_S_MAX = 60,
	POSITION_MAX = INCARNATION_TEXT_MAX + 20, /* bytes of an incarnation and a number */
};

#define RETRY_AFTER_S "1" /* where too many wait */

/* A request's ask.
 * Owner: its request. */
struct follow {
	struct events_ask ask;
	struct admin_request *request;
	bool may_wait; /* it counts among those that do */
};

static struct follow *follow_of(struct events_ask *ask)
{
	return (struct follow *)((uint8_t *)ask - offsetof(struct follow, ask));
}

/* --- the answer --------------------------------------------------------------------------------
 */

static void answer(struct admin_request *request, struct events_ask *ask)
{
	if (ask->verdict == EVENTS_GONE) {
		admin_answer_problem(&request->answer, PROBLEM_GONE,
			"take the position of now (this path without \"after\"), then the whole "
			"list of users, and go on from that position");
		return;
	}
	/* Of NULL it makes a problem. */
	admin_answer_data(&request->answer, "application/json", ask->text, ask->text_len);
}

void admin_events_on_mail(struct mail *mail)
{
	struct follow *follow = follow_of(events_ask_of(mail));
	struct admin_request *request = follow->request;
	request->context->orders--;
	request->context->waits -= follow->may_wait;
	request->hurry = NULL;
	request->is_waiting = false;
	answer(request, &follow->ask);
	request->on_answer(request->line);
}

/* --- the request -------------------------------------------------------------------------------
 */

static void hurry(struct admin_request *request)
{
	struct follow *follow = request->state;
	atomic_store_explicit(&follow->ask.is_hurried, true, memory_order_relaxed);
	mailbox_ring(request->context->node->registrar);
}

static void post(struct admin_request *request, struct follow *follow)
{
	struct admin_context *context = request->context;
	follow->request = request;
	follow->ask.back = context->mailbox;
	follow->ask.back_kind = ADMIN_MAIL_EVENTS;
	follow->ask.mail.kind = REGISTRAR_MAIL_EVENTS;
	request->is_waiting = true;
	request->hurry = follow->may_wait ? hurry : NULL;
	context->orders++;
	context->waits += follow->may_wait;
	mailbox_post(context->node->registrar, &follow->ask.mail);
}

/* An incarnation and a number. */
static bool read_position(struct slice text, struct events_ask *ask)
{
	struct slice incarnation = slice_cut(&text, '.');
	return incarnation_read(incarnation, &ask->incarnation) &&
	       ascii_number(text.data, text.len, UINT64_MAX - 1, &ask->after);
}

/* Makes a problem, and returns false, of what is none. */
static bool take_position(struct admin_request *request, struct events_ask *ask)
{
	char text[POSITION_MAX + 1];
	size_t len;
	if (!admin_request_take_text(request, "after", POSITION_MAX, text, &len)) {
		return false;
	}
	ask->has_after = len > 0;
	if (ask->has_after && !read_position((struct slice){text, len}, ask)) {
		admin_answer_problem(&request->answer, PROBLEM_BAD_QUERY,
			"\"after\" must be that of an answer, or INCARNATION.SEQ of an event");
		return false;
	}
	return true;
}

static bool take_query(struct admin_request *request, struct events_ask *ask)
{
	static const char *const names[] = {"after", "wait", "limit", NULL};
	uint32_t wait_s = 0;
	ask->limit = LIMIT_DEFAULT;
	if (!admin_request_check_query(request, names) ||
		!admin_request_take_number(request, "wait", 0, WAIT_S_MAX, &wait_s) ||
		!admin_request_take_number(
			request, "limit", 1, EVENT_WAITS_PAGE_MAX, &ask->limit)) {
		return false;
	}
	ask->wait_ms = wait_s * 1000;
	return take_position(request, ask);
}

static void refuse_to_wait(struct admin_request *request)
{
	admin_answer_problem(&request->answer, PROBLEM_WAITS,
		"%u requests wait already; ask without \"wait\", or come back",
		request->context->waits);
	admin_answer_header(&request->answer, "Retry-After", RETRY_AFTER_S);
}

void admin_events_show(struct admin_request *request)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	request->state = follow;
	if (!follow) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the events");
		return;
	}
	if (!take_query(request, &follow->ask)) {
		return;
	}
	follow->may_wait = follow->ask.has_after && follow->ask.wait_ms > 0;
	if (follow->may_wait && request->context->waits >= request->context->waits_max) {
		refuse_to_wait(request);
		return;
	}
	post(request, follow);
}
