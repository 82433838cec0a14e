/* A worker's turn without its thread: connections, their sessions, the worker's share of the
 * fan-out, and all that is done for them from one wait to the next.
 *
 *   wait ─> serving_on_events ─> serving_before_mail ─> serving_on_mail … ─> serving_after_mail ─┐
 *    ^───────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * Each part is bounded, by time, so that none starves another: a turn takes about a millisecond.
 * Who waits, reads the clock and takes the mail is a worker's thread, or a test or simulation with
 * a clock of its own. */
#ifndef TIDEGATE_SERVING_H
#define TIDEGATE_SERVING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "../base/mailbox.h"
#include "../base/park.h"
#include "../base/stats.h"
#include "../config/config.h"
#include "../conn/conns.h"
#include "../conn/drain.h"
#include "../fanout/fanout.h"
#include "../session/ended.h"
#include "../session/orders.h"
#include "../session/sessions.h"
#include "node.h"

enum {
	SERVING_MAIL_MAX = 256, /* items of a turn, as serving_on_mail weighs them */
	/* Connections of a turn's slice of the fan-out. Of a pass over all so many take a third of
	 * a millisecond, and what is read between two slices leaves together with what is still to
	 * be handed out. In a pass over some it would be for others, seldom for those: each slice
	 * would only make one more batch for them to look into, so that it is the time that ends
	 * one. */
	SERVING_OF_ALL_MAX = 64,
	SERVING_OF_SOME_MAX = 256,
};

enum serving_mail {
	SERVING_MAIL_SOCKETS, /* struct socket_batch, from an acceptor */
	SERVING_MAIL_FANOUT,  /* from another worker's fan-out */
	SERVING_MAIL_KICK,    /* from the user table, by way of another worker */
	SERVING_MAIL_RELOAD,  /* struct serving_change: take over limits and deadlines */
	SERVING_MAIL_DRAIN,   /* struct serving_change: send everybody away */
	SERVING_MAIL_ORDER,   /* struct order, from the admin port, to which it returns */
	SERVING_MAIL_LATE,    /* struct late, an answer to a session from another thread */
	SERVING_MAIL_TLS,     /* a step of a TLS handshake that a thread has done */
	SERVING_MAIL_PARK,    /* of a struct park_seat: stand still when the turn is over */
	SERVING_MAIL_STOP,    /* a bare item, the poster's: end now */
};

/* What changes while running; counted in changes_pending by who posts it.
 * Owner:  the gateway until posted, then the worker, which frees it. */
struct serving_change {
	struct mail mail;
	uint64_t drain_ms;    /* of SERVING_MAIL_DRAIN: over how long */
	struct config config; /* of SERVING_MAIL_RELOAD */
};

/* Owner:  a worker; all but `stats`, `load` and the mailbox is its thread's alone.
 * Shared: as said there. */
struct serving {
	struct stats stats;                 /* first, for its alignment */
	_Alignas(64) _Atomic uint32_t load; /* sockets given to it and not closed yet */
	struct node *node;
	uint8_t id;
	bool is_stopping; /* has been told to end now */
	bool is_sweeping;
	uint8_t holds_deadlines; /* waits whose events are to be seen to before they act; 0: none */
	int event_at;            /* of loop->events, the next to act on */
	int event_count;         /* of them, those of the last wait */
	uint64_t until_us;       /* when the present part of the turn is over */
	int mail_look;           /* how much mail is taken when the clock is looked at again */
	uint32_t sweep_cursor;   /* connections already brought to shortened deadlines */
	struct mailbox *mailbox;
	struct loop *loop;     /* lent by who waits on it and has its clock */
	struct park_seat seat; /* of who is asked by mail to stand still */
	struct conns conns;
	struct fanout *fanout;
	struct sessions sessions;
	struct ended *ended; /* NULL without an admin port, where nobody asks */
	struct orders orders;
	struct drain drain;
};

/* The loop, which must outlive it, watches its connections and its mailbox's bell.
 * Errors: -errno; serving_finish is due all the same. */
int serving_init(struct serving *serving, struct node *node, uint8_t id, struct loop *loop,
	const struct config *config);

/* Ends all connections at once, without a word, and its part in the fan-out. Twice is fine.
 * Thread: the owner, registered with the user table. */
void serving_end(struct serving *serving);

/* The same where it has not been done, and frees everything with what is left in the mailbox, to
 * which nobody posts any more. Thread: registered with the user table. */
void serving_finish(struct serving *serving);

/* --- a turn; thread: the owner --- */

/* Whether events of an earlier turn are left, which come before a new wait. */
bool serving_has_events(const struct serving *serving);

/* Acts on what is left of events, or on the first `count` of loop->events where nothing is. */
void serving_on_events(struct serving *serving, int count);

/* Ends the I/O: reads on where there was more, and sends what was posted on its way. */
void serving_before_mail(struct serving *serving);

/* Whether mail has had its part of the turn, of which `taken` has been taken. */
bool serving_mail_is_over(struct serving *serving, int taken);

/* Acts on an item from the mailbox. Returns how many of SERVING_MAIL_MAX it counts as. */
int serving_on_mail(struct serving *serving, struct mail *mail);

/* Fan-out, deadlines, drain, back-pressure, the memory limit, reap. Returns for how many ms the
 * next wait may last at most: 0 where more is left to do. */
int serving_after_mail(struct serving *serving);

/* --- standing still --- */

/* After a while in which nobody took turns, or with connections that another process had until now:
 * no deadline acts before all has been seen to that may have come meanwhile. Thread: the owner, or
 * who has what is its while its thread stands or has not begun. */
void serving_hold_deadlines(struct serving *serving);

#endif
