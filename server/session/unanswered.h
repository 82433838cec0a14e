/* What the sessions of one worker have asked for and not been answered yet, where another thread
 * answers: counted, so that none asks without end. Only sessions that wait for something are
 * remembered. */
#ifndef TIDEGATE_UNANSWERED_H
#define TIDEGATE_UNANSWERED_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/handle.h"

enum unanswered_kind {
	UNANSWERED_ID,      /* of a say or list. PROTOCOL section 6 */
	UNANSWERED_REQUEST, /* to the backend */
	UNANSWERED_KINDS,
	UNANSWERED_NOTHING = UNANSWERED_KINDS, /* it was not counted */
};

enum {
	UNANSWERED_IDS_MAX = 256, /* of a session */
	UNANSWERED_REQUESTS_MAX = 16,
};

struct unanswered_place;

/* A hash table with open addressing. Zeroed, it is empty.
 * Owner:  one worker.
 * Shared: never. */
struct unanswered {
	struct unanswered_place *places;
	uint32_t capacity; /* a power of two; 0 before the first */
	uint32_t count;    /* sessions that wait */
};

/* One more is under way. Errors: -EBUSY: the session has as many as it may; -ENOMEM. */
int unanswered_take(struct unanswered *unanswered, handle_t handle, enum unanswered_kind kind);

/* It is answered; every one that was taken comes back once, whatever became of the session. Of a
 * session that waits for nothing, or of UNANSWERED_NOTHING, it does nothing. */
void unanswered_give_back(
	struct unanswered *unanswered, handle_t handle, enum unanswered_kind kind);

/* Forgets all, and frees it. */
void unanswered_finish(struct unanswered *unanswered);

#endif
