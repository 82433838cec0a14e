/* Who asks for events and waits for the next one: requests of the admin port, by mail. */
#ifndef TIDEGATE_EVENT_WAITS_H
#define TIDEGATE_EVENT_WAITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "events.h"

enum {
	EVENT_WAITS_PAGE_MAX = 1000, /* events of an answer */
};

enum events_verdict {
	EVENTS_PAGE, /* `text` is the answer; NULL: there is no memory for it */
	EVENTS_GONE, /* those behind `after` are not all there any more, or never were */
};

/* Owner:  who asks, until posted; then the registrar, until it is back. */
struct events_ask {
	struct mail mail;
	struct mailbox *back; /* where it returns to, as mail of back_kind */
	uint32_t back_kind;
	bool has_after; /* else it asks where the events are */
	struct incarnation incarnation;
	uint64_t after;         /* the last event that it knows */
	uint32_t limit;         /* events of the answer, 1 to EVENT_WAITS_PAGE_MAX */
	uint32_t wait_ms;       /* for one to come */
	atomic_bool is_hurried; /* who asks waits no longer, and rings the registrar's bell */
	enum events_verdict verdict;
	char *text; /* malloc'ed: an object of JSON */
	size_t text_len;
	struct events_ask *next; /* of those that wait */
	uint64_t due_ms;
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct event_waits {
	const struct events *events;
	const struct event_source *source;
	struct events_ask *first;
	uint32_t count;
	bool is_over; /* nobody waits now: all are answered with the next turn, and at once */
};

/* Answers an ask, at once or later. */
void event_waits_take(struct event_waits *waits, struct events_ask *ask, uint64_t now_ms);

/* Answers those for whom there is news, and those who wait no longer. Once a turn. Returns in how
 * many ms to come back; -1: nobody waits. */
int event_waits_turn(struct event_waits *waits, uint64_t now_ms);

struct events_ask *events_ask_of(struct mail *mail);

#endif
