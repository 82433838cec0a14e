#include <errno.h>
#include <stdio.h>

#include "../base/clock.h"
#include "member_pack.h"
#include "registrar_pack.h"
#include "registrar_state.h"

/* --- the giver ---------------------------------------------------------------------------------
 */

static void set_resting(struct registrar *registrar, bool is_resting)
{
	if (registrar) {
		atomic_store_explicit(&registrar->is_resting, is_resting, memory_order_release);
		mailbox_ring(registrar->mailbox);
	}
}

void registrar_begin_rest(struct registrar *registrar)
{
	set_resting(registrar, true);
}

void registrar_end_rest(struct registrar *registrar)
{
	set_resting(registrar, false);
}

bool registrar_last_turn(
	struct registrar *registrar, bool is_late, char ret_busy[REGISTRAR_BUSY_MAX])
{
	ret_busy[0] = '\0';
	if (!registrar) {
		return true;
	}
	loop_look(&registrar->loop);
	if (registrar->member) {
		member_last_turn(registrar->member, is_late);
	}
	registrar_work(registrar);
	if (registrar_why_ended(registrar)) {
		snprintf(ret_busy, REGISTRAR_BUSY_MAX, "this node ends");
		return false;
	}
	if (registrar->has_mail) {
		snprintf(ret_busy, REGISTRAR_BUSY_MAX, "the registrar has mail");
		return false;
	}
	return !registrar->member || member_is_at_rest(registrar->member, ret_busy);
}

void registrar_release(struct registrar *registrar)
{
	if (registrar) {
		registrar->is_released = true;
		atomic_store_explicit(&registrar->is_stopping, true, memory_order_release);
		mailbox_ring(registrar->mailbox);
	}
}

/* --- the taker ---------------------------------------------------------------------------------
 */

int registrar_await_line(struct registrar *registrar, uint32_t ms, char ret_why[CONFIG_ERROR_MAX])
{
	ret_why[0] = '\0';
	if (!registrar || !registrar->member || !registrar->wants_line) {
		return 0;
	}
	loop_look(&registrar->loop);
	const uint64_t until_ms = registrar->loop.now_ms + ms;
	while (!member_has_settled_in(registrar->member)) {
		if (registrar->loop.now_ms >= until_ms) {
			snprintf(ret_why, CONFIG_ERROR_MAX,
				"the line to the cluster does not come up: %s",
				member_why_down(registrar->member));
			return -ETIMEDOUT;
		}
		loop_wait(&registrar->loop, (int)(until_ms - registrar->loop.now_ms));
	}
	return 0;
}

int registrar_has_all(struct registrar *registrar, char ret_why[CONFIG_ERROR_MAX])
{
	ret_why[0] = '\0';
	return registrar && registrar->member ? member_has_all(registrar->member, ret_why) : 0;
}

void registrar_note_lost(struct registrar *registrar)
{
	if (registrar) {
		atomic_fetch_add_explicit(&registrar->stats.resyncs, 1, memory_order_relaxed);
		event_rules_resync(&registrar->rules, EVENT_LINES_LOST, clock_wall_ms());
	}
}

/* The server may have given it a request while it was told that no more are taken. */
static void abandon(struct registrar *registrar)
{
	enum {
		END_MS = 200, /* of what the giver grants */
	};
	struct loop *loop = &registrar->loop;
	loop_look(loop);
	const uint64_t until_ms = loop->now_ms + END_MS;
	member_begin_end(registrar->member);
	while (!member_may_end(registrar->member) && loop->now_ms < until_ms) {
		loop_wait(loop, (int)(until_ms - loop->now_ms));
	}
	member_quit(registrar->member);
}

void registrar_abandon(struct registrar *registrar)
{
	if (registrar) {
		registrar->is_released = true;
		if (registrar->member) {
			abandon(registrar);
		}
	}
}
