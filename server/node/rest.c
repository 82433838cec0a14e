#include "rest.h"

#include <stdio.h>
#include <time.h>

#include "../base/clock.h"
#include "../tls/tls_threads.h"
#include "registrar_pack.h"
#include "serving_last.h"
#include "worker.h"

enum {
	PAUSE_US = 500, /* until others are asked again whether they have done something */
	QUIET_ROUNDS = 2,
	US_PER_MS = 1000,
};

/* --- usually ----------------------------------------------------------------------------------
 */

static uint64_t machine_us(void *context)
{
	(void)context;
	return clock_machine_us();
}

static void pause_a_moment(void *context)
{
	const struct timespec moment = {.tv_nsec = PAUSE_US * 1000};
	(void)context;
	nanosleep(&moment, NULL);
}

void rest_init(struct rest *rest, struct node *node, struct registrar *registrar)
{
	*rest = (struct rest){
		.node = node,
		.registrar = registrar,
		.now_us = machine_us,
		.pause = pause_a_moment,
	};
	for (uint32_t i = 0; i < node->worker_count; i++) {
		rest->servings[i] = worker_serving(node->workers[i]);
	}
}

/* --- a round ----------------------------------------------------------------------------------
 */

/* What a round has come to. */
struct round {
	bool has_found; /* something to do, and has done it */
	bool is_busy;   /* something is left, which `busy` names */
	char *busy;
};

static void note_busy(struct round *round, const char *who, const char *what)
{
	if (!round->is_busy) {
		snprintf(round->busy, REST_BUSY_MAX, "%s: %s", who, what);
		round->is_busy = true;
	}
}

/* Before the mail is looked at, where what they have done ends up. */
static void look_at_threads(const struct rest *rest, struct round *round)
{
	struct tls_threads *threads = rest->node->tls_threads;
	if (threads && tls_threads_under_way(threads) > 0) {
		note_busy(round, "handshakes", "signatures under way");
	}
}

static void turn_workers(const struct rest *rest, struct round *round)
{
	for (uint32_t i = 0; i < rest->node->worker_count; i++) {
		struct serving *serving = rest->servings[i];
		if (serving_last_turn(serving) > 0) {
			round->has_found = true;
		}
		const char *in_hand = serving_in_hand(serving);
		if (in_hand) {
			note_busy(round, serving->seat.name, in_hand);
		}
	}
}

static void turn_registrar(const struct rest *rest, bool is_late, struct round *round)
{
	char busy[REGISTRAR_BUSY_MAX] = "";
	if (rest->registrar && !registrar_last_turn(rest->registrar, is_late, busy)) {
		note_busy(round, "registrar", busy);
	}
}

/* In this order: what the line to other nodes brings while it has its turn is found with the
 * workers in the same round, so that nothing is in a mailbox when a round has found nothing. */
static void take_round(const struct rest *rest, bool is_late, struct round *round)
{
	look_at_threads(rest, round);
	turn_registrar(rest, is_late, round);
	turn_workers(rest, round);
}

/* Returns whether the round has found nothing, and nothing is left. */
static bool is_quiet(const struct rest *rest, bool is_late, char *busy, bool *ret_has_found)
{
	struct round round = {.busy = busy};
	busy[0] = '\0';
	take_round(rest, is_late, &round);
	*ret_has_found = round.has_found;
	if (round.has_found) {
		note_busy(&round, "workers", "what one makes for another");
	}
	return !round.is_busy;
}

bool rest_reach(const struct rest *rest, uint32_t ms, char ret_busy[REST_BUSY_MAX])
{
	const uint64_t began_us = rest->now_us(rest->context);
	uint64_t spent_us = 0;
	for (int quiet = 0; quiet < QUIET_ROUNDS;) {
		const bool is_late = spent_us >= (uint64_t)REST_ANSWER_MS * US_PER_MS;
		bool has_found;
		quiet = is_quiet(rest, is_late, ret_busy, &has_found) ? quiet + 1 : 0;
		spent_us = rest->now_us(rest->context) - began_us;
		if (quiet == 0 && spent_us >= (uint64_t)ms * US_PER_MS) {
			return false;
		}
		if (quiet == 0 && !has_found) {
			rest->pause(rest->context);
		}
	}
	return true;
}
