/* The last events of this run, by their numbers: what a backend asks for that has missed some.
 *
 *   │ 4 │ 5 │ 6 │ 7 │ 8 │      numbered without gaps from 1 on
 *       ^               ^
 *       first kept      next
 *
 * Who has had all below `first` may go on; who lacks some of them has to take the whole list of
 * users. The ring holds 65,536 at most, and no more memory than a part of the node's limit: the
 * oldest go first. One for which there is no memory goes at once, and all before it. */
#ifndef TIDEGATE_EVENTS_H
#define TIDEGATE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/budget.h"
#include "event.h"

enum {
	EVENTS_MAX = 65536,        /* that are kept */
	EVENTS_MEMORY_PART = 16,   /* of the memory limit: what events may hold, and graces */
	EVENTS_MEMORY_MIN = 65536, /* bytes that they may hold whatever the limit is */
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct events;

/* The budget is charged for what is kept. Errors: -ENOMEM. */
int events_create(struct budget *budget, struct events **ret_events);

/* Frees it and nulls the giver's pointer. *events may be NULL. */
void events_destroy(struct events **events);

/* Notes an event and gives it the next number, which is returned. */
uint64_t events_add(struct events *events, const struct event *event);

/* Forgets all: the next one gets that number, 1 or above. */
void events_begin_at(struct events *events, uint64_t next);

/* The number that the next one will have. */
uint64_t events_next(const struct events *events);

/* The lowest that is kept; events_next() when none is. */
uint64_t events_first(const struct events *events);

/* The event of a number that is kept; what it points to stays until the next events_add. */
struct event events_at(const struct events *events, uint64_t seq);

/* Whether so many bytes more may be held for the sake of events. Charges them if so. */
bool events_take_memory(struct budget *budget, size_t bytes);
void events_give_memory(struct budget *budget, size_t bytes);

#endif
