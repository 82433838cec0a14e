#include <stdlib.h>

#include "../user/user_table.h"
#include "admin_inner.h"
#include "asks.h"
#include "events.h"
#include "http.h"
#include "recorder.h"

enum {
	MAIL_MAX = 8,       /* items of a turn: a request may go on by mail to itself */
	FAREWELL_MS = 1000, /* at the end, for answers that are under way */
	LEAVE_TURNS = 16,   /* for requests that lie there when another process takes over */
	LOOK_MS = 50,       /* between looks whether the gate is still to be come to */
};

/* --- mail --------------------------------------------------------------------------------------
 */

void admin_reload_drop(struct admin_reload *reload)
{
	admin_tokens_wipe(&reload->tokens);
	free(reload);
}

static void on_reload(struct admin *admin, struct admin_reload *reload)
{
	admin->context.config = reload->config;
	admin->context.origin.tokens = reload->tokens;
	admin_reload_drop(reload);
}

static void on_mail(void *context, struct mail *mail)
{
	struct admin *admin = context;
	switch ((enum admin_mail)mail->kind) {
	case ADMIN_MAIL_RELOAD:
		on_reload(admin, (struct admin_reload *)mail);
		break;
	case ADMIN_MAIL_ORDER:
		admin_asks_on_mail(mail);
		break;
	case ADMIN_MAIL_ELSEWHERE:
		admin_asks_on_merged(mail);
		break;
	case ADMIN_MAIL_EVENTS:
		admin_events_on_mail(mail);
		break;
	case ADMIN_MAIL_PARK:
		park_on_mail(&admin->seat);
		break;
	}
}

/* As mailbox_take_some. */
static int take_mail(struct admin *admin)
{
	return mailbox_take_some(admin->mailbox, MAIL_MAX, on_mail, admin);
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void turn(struct admin *admin, int *wait_ms)
{
	loop_wait(&admin->loop, *wait_ms);
	int later_ms = take_mail(admin);
	int record_ms = admin_recorder_run(&admin->context, admin->loop.now_ms);
	admin_http_run(admin->http, admin->loop.now_ms);
	*wait_ms = loop_sooner(later_ms, admin_http_wait_ms(admin->http));
	*wait_ms = loop_sooner(*wait_ms, record_ms);
}

/* Whoever asked while this thread stood is told to ask again: closed unread, his connection would
 * be reset, and he would not know what has become of it. */
static void answer_who_has_asked(struct admin *admin)
{
	for (int i = 0; i < LEAVE_TURNS; i++) {
		int wait_ms = 0;
		turn(admin, &wait_ms);
	}
}

/* Nobody new is let in; answers that are under way go out, as far as their askers take them. */
static void say_farewell(struct admin *admin)
{
	int wait_ms = 0;
	uint64_t end_ms = admin->loop.now_ms + FAREWELL_MS;
	admin_http_close(admin->http);
	if (admin->context.has_left) {
		answer_who_has_asked(admin);
	}
	while (admin->context.orders > 0 ||
		(admin_http_requests(admin->http) > 0 && admin->loop.now_ms < end_ms)) {
		turn(admin, &wait_ms);
		wait_ms = loop_sooner(wait_ms, FAREWELL_MS / 10);
	}
}

/* What requests have asked of others comes back first, as long as that is waited for. */
static void await_others(struct admin *admin)
{
	struct park *gate = &admin->context.node->park;
	int wait_ms = 0;
	while (admin->context.orders > 0 && park_is_wanted(gate, &admin->seat)) {
		loop_wait(&admin->loop, wait_ms);
		wait_ms = loop_sooner(take_mail(admin), LOOK_MS);
	}
}

/* Nobody is heard meanwhile. */
static void stand(struct admin *admin)
{
	admin->context.is_parking = true;
	admin_http_hear(admin->http, false);
	await_others(admin);
	park_stand(&admin->context.node->park, &admin->seat);
	admin_http_hear(admin->http, true);
	admin->context.is_parking = false;
}

void *admin_thread_run(void *context)
{
	struct admin *admin = context;
	int wait_ms = 0;
	user_table_thread_begin();
	while (!atomic_load_explicit(&admin->is_stopping, memory_order_acquire)) {
		turn(admin, &wait_ms);
		if (park_is_told(&admin->seat)) {
			stand(admin);
			wait_ms = 0;
		}
	}
	say_farewell(admin);
	admin_http_destroy(&admin->http);
	user_table_thread_end();
	return NULL;
}
