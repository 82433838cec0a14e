/* Who of one worker's connections holds how much memory, so that the largest is found when it has
 * to go.
 *
 * Lists by power of two: a connection moves between them in constant time, whatever comes or goes.
 * One that holds nothing is in none and costs nothing here. Amounts are charged to the node's
 * budget as they are noted. */
#ifndef TIDEGATE_HOLDERS_H
#define TIDEGATE_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "budget.h"

enum {
	HOLDER_NONE = 0,                  /* the slot of who holds nothing */
	HOLDER_KINDS = BUDGET_QUEUES + 1, /* the first kinds of the budget: a connection's */
	HOLDERS_LISTS = 64,
};

/* What one connection holds. */
struct holding {
	size_t held[HOLDER_KINDS]; /* bytes, charged here */
	size_t shared;   /* bytes that others hold as well and that are charged elsewhere: they say
			    how large it is */
	size_t alone;    /* bytes charged elsewhere that nobody else holds: they go when it goes */
	bool is_leaving; /* closing: it will not be chosen, and what it holds counts as gone */
};

struct holder;

/* Owner:  one worker.
 * Shared: never; the budget is. */
struct holders {
	struct budget *budget;
	uint8_t worker;
	bool has_changed;     /* since it was last published */
	uint32_t largest;     /* slot, as last published; HOLDER_NONE: nobody */
	struct holder *slots; /* the first is nobody's */
	uint32_t capacity;
	uint32_t used;      /* slots that have ever been taken */
	uint32_t free_slot; /* list of those given back */
	uint64_t occupied;  /* a bit for each list that is not empty */
	struct {
		uint32_t first; /* who has been in it for longest */
		uint32_t last;
	} lists[HOLDERS_LISTS];
};

/* Thread: the owner, all below. */
void holders_init(struct holders *holders, struct budget *budget, uint8_t worker);

/* Everybody's holding is noted as nothing by then. */
void holders_finish(struct holders *holders);

/* Notes what connection `whose` holds from now on, and charges the difference. `*slot` is where it
 * was noted before, HOLDER_NONE at first and again when it holds nothing. Errors: -ENOMEM, only
 * when it held nothing before: nothing is noted or charged. */
int holders_note(
	struct holders *holders, uint32_t *slot, uint32_t whose, const struct holding *now);

/* Tells the node how much the largest holds. Exact among up to 64 of about its size; of equals the
 * one that has held that much for longest. */
void holders_publish_change(struct holders *holders);

static inline void holders_publish(struct holders *holders)
{
	if (holders->has_changed) {
		holders_publish_change(holders);
	}
}

/* Whose that is, as last published; there is one. */
uint32_t holders_largest(const struct holders *holders);

#endif
