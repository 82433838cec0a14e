/* One process of the gateway after another: how this one gives its lines to a new one, and how it
 * was given them. handover/ knows how; here is what it means for the process as a whole. */
#ifndef TIDEGATE_SUCCESSION_H
#define TIDEGATE_SUCCESSION_H

#include <stdbool.h>

#include "freeze.h"
#include "gateway_parts.h"
#include "handover/giver.h"

/* --- of the one that goes ----------------------------------------------------------------------
 */

/* What has come of a hand-over that was done.
 * Owner: main. */
struct succession {
	struct giver_outcome outcome;
	struct freeze freeze; /* all stand still */
};

/* Hands everything over to a new process, where that may be now; what comes of it is logged. With
 * `has_begun` node.handover says already that it is under way. `attend` is called while the new one
 * gets ready, and returns whether it is called off. Thread: main. Errors: -ECANCELED: all is as
 * before. */
int succession_give(struct gateway *gateway, bool has_begun,
	bool (*attend)(struct gateway *gateway), struct succession *ret_succession);

/* Says that it cannot be now, as it is what main does that is in the way. Thread: main. */
void succession_refuse(struct gateway *gateway, bool has_begun, const char *why);

/* Behind succession_give: lets lines that are closing end, and exits. Nothing is taken apart: what
 * the other process serves is not to be touched. Thread: main. */
_Noreturn void succession_leave(struct gateway *gateway, const struct succession *succession);

/* --- of the one that comes ---------------------------------------------------------------------
 */

/* Takes over from gateway->taker, between gateway_parts_make and gateway_parts_start. What is wrong
 * has been said where it fails. Thread: main. Errors: -errno. */
int succession_take(struct gateway *gateway);

/* Behind gateway_parts_start: logs it, and notes it for who asks. Thread: main. */
void succession_say(struct gateway *gateway);

/* Where it has failed before the threads are started: tells the other process, leaves everything
 * that is the other's alone, and exits. Thread: main. */
_Noreturn void succession_give_up(struct gateway *gateway);

/* Whether the process before has gone by now, which this one waits for to be heard by systemd.
 * Thread: main. */
bool succession_is_over(const struct gateway *gateway);

#endif
