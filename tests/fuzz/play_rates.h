/* The rates that are no table's: of a session, of the admin port, of the node, and of the kicks of
 * one user. Each is beside a model, and besides asked what must be true whatever has been: no more
 * than was saved and time has brought, and something again as soon as it said, or has had time. */
#ifndef TIDEGATE_TESTS_PLAY_RATES_H
#define TIDEGATE_TESTS_PLAY_RATES_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../server/admin/rate.h"
#include "../../server/base/bucket.h"
#include "../../server/base/rate.h"
#include "../../server/user/duel.h"
#include "model_bucket.h"
#include "script.h"

enum {
	PLAY_SECOND_US = 1000000,
	PLAY_BURST_S = 5,
	PLAY_BURST_US = PLAY_BURST_S * PLAY_SECOND_US,
	PLAY_CREDIT = 1000, /* of one request of the admin port */
	PLAY_WINDOW = DUEL_WINDOW_MS / LOOP_TICK_MS,
	PLAY_WAIT_MIN = DUEL_WAIT_MIN_MS / LOOP_TICK_MS,
};

struct play_session {
	struct rate its;
	uint64_t per_s;
	uint64_t clear_us;
	uint64_t owed_us;  /* nothing is owed from then on, for sure */
	uint64_t since_us; /* all below is counted from */
	uint64_t spent;    /* while something was left */
	uint64_t last;     /* the largest of it: the last one may be more than is left */
};

struct play_admin {
	struct admin_rate its;
	uint64_t per_s;
	uint64_t at_ms;
	uint64_t credit;
	bool has_started;
	uint64_t since_ms;
	uint64_t taken;
};

struct play_node {
	_Atomic uint64_t its;
	uint32_t per_s;
	struct model_bucket model;
};

struct play_duel {
	struct duel its;
	uint32_t limit;
	uint64_t tick; /* as its, in ticks that have no end */
	uint32_t kicks;
	bool is_braked;
	bool is_told;
	uint64_t since;
	uint64_t total;
};

struct play {
	uint64_t now_ns;
	uint64_t skew_ns; /* that the worker which comes next is behind */
	struct play_session session;
	struct play_admin admin;
	struct play_node node;
	struct play_duel duel;
};

/* --- of a session ------------------------------------------------------------------------------
 */

static inline uint64_t play_more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void play_session_look(const struct play_session *session, uint64_t now_us)
{
	const uint64_t left = rate_left(&session->its, session->per_s, now_us);
	const bool is_clear = rate_is_clear(&session->its, session->per_s, now_us);
	if (session->per_s == 0) {
		assert(is_clear && left == RATE_LEFT_MAX);
		return;
	}
	assert(session->its.clear_us == session->clear_us);
	assert(is_clear == (session->clear_us < now_us));
	assert(left <= session->per_s * PLAY_BURST_S);
	assert(is_clear || left == 0);
	/* Who was quiet for as long may begin anew. */
	if (now_us >= session->owed_us + PLAY_BURST_US) {
		assert(left == session->per_s * PLAY_BURST_S);
	}
	/* It is what may be taken, and one more is too much. */
	struct rate copy = session->its;
	rate_take(&copy, session->per_s, left, now_us);
	assert(left == 0 || copy.clear_us <= now_us);
	if (is_clear) {
		copy = session->its;
		rate_take(&copy, session->per_s, left + 1, now_us);
		assert(!rate_is_clear(&copy, session->per_s, now_us));
	}
}

static void play_session_take(struct play_session *session, uint64_t amount, uint64_t now_us)
{
	const bool was_clear = rate_is_clear(&session->its, session->per_s, now_us);
	rate_take(&session->its, session->per_s, amount, now_us);
	if (session->per_s == 0) {
		return;
	}
	const uint64_t cost_us = (amount * PLAY_SECOND_US + session->per_s - 1) / session->per_s;
	const uint64_t before_us =
		play_more(session->clear_us, now_us > PLAY_BURST_US ? now_us - PLAY_BURST_US : 0);
	session->clear_us = before_us + cost_us;
	if (!was_clear && session->clear_us > now_us + PLAY_BURST_US) {
		session->clear_us = play_more(before_us, now_us + PLAY_BURST_US);
	}
	if (now_us >= session->owed_us + PLAY_BURST_US) {
		session->since_us = now_us;
		session->spent = 0;
		session->last = 0;
	}
	session->owed_us = play_more(session->owed_us, now_us + play_more(cost_us, PLAY_BURST_US));
	if (was_clear) {
		session->spent += amount;
		session->last = play_more(session->last, amount);
		assert((session->spent - session->last) * PLAY_SECOND_US <=
			session->per_s * (PLAY_BURST_US + now_us - session->since_us));
	}
}

static void play_session_set(struct play_session *session, uint8_t how, uint64_t now_us)
{
	static const uint64_t rates[] = {0, 1, 2, 7, 50, 999983, 1000000, 1 << 30};
	session->per_s = rates[how & 7];
	session->since_us = now_us;
	session->spent = 0;
	session->last = 0;
}

/* --- of the admin port -------------------------------------------------------------------------
 */

static void play_admin_take(struct play_admin *admin, uint64_t now_ms)
{
	const struct admin_rate before = admin->its;
	const uint64_t wait_ms = admin_rate_take(&admin->its, admin->per_s, now_ms);
	if (admin->per_s == 0) {
		assert(wait_ms == 0);
		return;
	}
	const uint64_t most = admin->per_s * PLAY_CREDIT;
	const uint64_t passed_ms = now_ms - admin->at_ms;
	if (!admin->has_started || passed_ms >= 1000) {
		admin->credit = most;
		admin->since_ms = now_ms;
		admin->taken = 0;
	} else {
		admin->credit += passed_ms * admin->per_s;
		admin->credit = admin->credit < most ? admin->credit : most;
	}
	admin->has_started = true;
	admin->at_ms = now_ms;
	assert((wait_ms == 0) == (admin->credit >= PLAY_CREDIT));
	if (wait_ms == 0) {
		admin->credit -= PLAY_CREDIT;
		admin->taken++;
		assert(admin->taken * PLAY_CREDIT <=
			admin->per_s * (PLAY_CREDIT + now_ms - admin->since_ms));
		return;
	}
	/* Who comes when it said is let in, and no earlier. */
	struct admin_rate copy = before;
	assert(admin_rate_take(&copy, admin->per_s, now_ms + wait_ms) == 0);
	copy = before;
	assert(admin_rate_take(&copy, admin->per_s, now_ms + wait_ms - 1) > 0);
}

static void play_admin_set(struct play_admin *admin, uint8_t how, uint64_t now_ms)
{
	static const uint64_t rates[] = {0, 1, 2, 3, 7, 1000, 999999, 1000000};
	admin->per_s = rates[how & 7];
	admin->since_ms = now_ms;
	admin->taken = 0;
}

/* --- of the node -------------------------------------------------------------------------------
 */

static void play_node_take(struct play_node *node, uint64_t now_ns)
{
	const uint64_t cost_ns = BUCKET_SECOND_NS / node->per_s;
	const bool may = model_bucket_may(&node->model, cost_ns, BUCKET_SECOND_NS, now_ns);
	assert(bucket_take(&node->its, node->per_s, now_ns) == may);
	if (may) {
		model_bucket_take(&node->model, cost_ns, BUCKET_SECOND_NS, now_ns);
	}
}

/* --- of the kicks ------------------------------------------------------------------------------
 */

/* The ticks that are to be waited for are over when it says, and not before. */
static uint32_t play_duel_wait(const struct play_duel *duel, uint64_t now)
{
	const uint32_t wait = duel_wait_ticks(duel->its, (uint32_t)now);
	assert(wait == (duel->is_braked && duel->tick > now ? duel->tick - now : 0));
	assert(duel_wait_ticks(duel->its, (uint32_t)now + wait) == 0);
	assert(wait == 0 || duel_wait_ticks(duel->its, (uint32_t)now + wait - 1) == 1);
	return wait;
}

static void play_duel_kick(struct play_duel *duel, uint64_t now, bool may_wait)
{
	bool is_new;
	const uint32_t wait = play_duel_wait(duel, now);
	if (may_wait && wait > 0) {
		return;
	}
	duel->its = duel_add_kick(duel->its, (uint32_t)now, duel->limit, &is_new);
	if (duel->kicks == 0 || duel->is_braked || now >= duel->tick + PLAY_WINDOW) {
		duel->is_told &= duel->is_braked && now < duel->tick + PLAY_WINDOW;
		duel->kicks = 0;
		duel->is_braked = false;
		duel->tick = now;
	}
	const bool is_told = duel->is_told;
	duel->kicks++;
	if (duel->limit > 0 && duel->kicks >= duel->limit) {
		duel->is_braked = true;
		duel->is_told = true;
		duel->tick = play_more(duel->tick + PLAY_WINDOW, now + PLAY_WAIT_MIN);
	}
	assert(duel->its.is_braked == duel->is_braked && duel->its.is_told == duel->is_told);
	assert(is_new == (duel->is_told && !is_told));
	/* One who is braked may come a window later, and a little by whose clock is ahead. */
	assert(play_duel_wait(duel, now) <= PLAY_WINDOW + 1);
	if (wait > 0) {
		/* It was not for the brake to say. */
		duel->since = now;
		duel->total = 0;
	} else if (duel->limit > 0) {
		duel->total++;
		assert(now < duel->since ||
			duel->total <= duel->limit * ((now - duel->since) / PLAY_WINDOW + 2));
	}
}

static void play_duel_set(struct play_duel *duel, uint8_t how, uint64_t now)
{
	static const uint32_t most[] = {0, 1, 2, 3, 5, 20, 100, 10000};
	duel->limit = most[how & 7];
	duel->since = now;
	duel->total = 0;
}

/* --- the game ----------------------------------------------------------------------------------
 */

/* No line is there for eight years; but ticks begin anew below one. */
static void play_on(struct play *play, struct script *script)
{
	const uint64_t before_ns = play->now_ns;
	play->now_ns = script_later(script, before_ns);
	if (play->now_ns - before_ns > (UINT64_C(1) << 30) * LOOP_TICK_MS * 1000000) {
		play->duel = (struct play_duel){.limit = play->duel.limit};
	}
}

static void play_step(struct play *play, struct script *script)
{
	static const uint32_t node_rates[] = {1, 2, 3, 7, 50, 999, 1000, 1000000};
	const uint8_t what = script_take(script);
	const uint64_t behind_ns = play->now_ns > play->skew_ns ? play->now_ns - play->skew_ns : 0;
	const uint64_t now_us = play->now_ns / 1000;
	const uint64_t now_ms = now_us / 1000;
	const uint64_t tick = behind_ns / 1000000 / LOOP_TICK_MS + 1;
	switch (what & 15) {
	case 0:
		play_session_take(&play->session, 1, now_us);
		break;
	case 1:
		play_session_take(
			&play->session, UINT64_C(1) << (what >> 4) | script_take(script), now_us);
		break;
	case 2:
		play_session_take(
			&play->session, (uint64_t)(what >> 4) << 20 | script_take(script), now_us);
		break;
	case 3:
		play_session_set(&play->session, what >> 4, now_us);
		break;
	case 4:
		for (int i = what >> 4; i >= 0; i--) {
			play_admin_take(&play->admin, now_ms);
		}
		break;
	case 5:
		play_admin_set(&play->admin, what >> 4, now_ms);
		break;
	case 6:
	case 7:
		for (int i = what >> 4; i >= 0; i--) {
			play_node_take(&play->node, behind_ns);
		}
		break;
	case 8:
		play->node.per_s = node_rates[what >> 4 & 7];
		break;
	case 9:
	case 10:
		play_duel_kick(&play->duel, tick, (what >> 4) != 15);
		break;
	case 11:
		play_duel_set(&play->duel, what >> 4, tick);
		break;
	case 12:
		play->skew_ns = SCRIPT_SECOND_NS / 60 * (what >> 4);
		break;
	default:
		play_on(play, script);
		break;
	}
	play_session_look(&play->session, play->now_ns / 1000);
}

static void play_rates(struct script *script)
{
	struct play play = {.node = {.per_s = 1}};
	play.now_ns = script_later(script, 0);
	play_session_set(&play.session, script_take(script), play.now_ns / 1000);
	play_admin_set(&play.admin, script_take(script), play.now_ns / 1000000);
	play_duel_set(&play.duel, script_take(script), play.now_ns / 1000000 / LOOP_TICK_MS + 1);
	while (script->left > 0) {
		play_step(&play, script);
	}
}

#endif
