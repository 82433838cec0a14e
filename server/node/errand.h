/* An order to a worker that somebody awaits without waiting: sent, and come back by mail. Where it
 * is for a user it goes to each of his sessions, one after the other, and again when one of them
 * has moved meanwhile. */
#ifndef TIDEGATE_ERRAND_H
#define TIDEGATE_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/mailbox.h"
#include "../session/orders.h"
#include "../user/user_table.h"
#include "node.h"

enum {
	/* Sessions that one order is sent to: all that a user may have, and some more where he
	 * keeps moving. */
	ERRAND_MAX = USER_SESSIONS_MAX + 8,
	/* The worker of what is for many: always the same, which keeps its order. */
	ERRAND_FANOUT_WORKER = 0,
};

/* Owner:  who gives it; its order, a worker while it is away. */
struct errand {
	struct order order;
	struct node *node;
	bool is_away;                        /* with a worker, or in the mailbox */
	void (*then)(struct errand *errand); /* when the order is back */
	/* --- of one for a user --- */
	struct slice user; /* the giver's */
	struct user_device devices[ERRAND_MAX];
	bool is_gone[ERRAND_MAX]; /* the session was no more when the order came */
	uint32_t count;
	uint32_t at;                     /* the session that it is with */
	uint32_t results[ORDER_RESULTS]; /* how often each has come back */
	bool has_lost;                   /* some were gone since the last look into the table */
	bool is_for_one;
	struct user_device only;                /* then: the device it is for */
	void (*all_had)(struct errand *errand); /* when all have had it */
};

/* Its orders come back to that mailbox, as mail of that kind. */
void errand_init(
	struct errand *errand, struct node *node, struct mailbox *back, uint32_t back_kind);

/* For one of the user's devices alone; with no name, for the one without. `device` is copied. */
void errand_set_device(struct errand *errand, struct slice device);

/* Posts errand->order to a worker; `then` is called when it is back, and may send again.
 * Thread: the owner of the mailbox, for this and all below. */
void errand_send(struct errand *errand, uint8_t worker, void (*then)(struct errand *errand));

/* Calls `then` when others have had their turn: for what the owner of the mailbox does itself, a
 * piece at a time. */
void errand_go_on_later(struct errand *errand, void (*then)(struct errand *errand));

/* Sends the order to each session of the user, or to that of one device. Who moves meanwhile is
 * followed, but no device gets it twice. `then` is called when all have had it, at once where there
 * are none: `results` says how many there were of each. */
void errand_send_to_user(
	struct errand *errand, struct slice user, void (*then)(struct errand *errand));

/* Whether some session had it, whatever came of that. */
static inline bool errand_has_reached(const struct errand *errand)
{
	return errand->count > errand->results[ORDER_GONE];
}

/* The errand of a mail that came back. */
struct errand *errand_of(struct mail *mail);

/* An order has come back. */
void errand_on_mail(struct mail *mail);

#endif
