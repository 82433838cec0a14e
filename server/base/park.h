/* A gate at which threads stand while another one, the keeper, has all that is theirs.
 *
 *   keeper     park_ask ──> park_await ─(all stand)─ has everything ─ park_open
 *                  │ mail        ^                                        │
 *   a thread       └─> ... ──> park_stand ═══════════════════════════════>┴─> goes on
 *
 * Each thread stands where it has chosen to, at the end of a turn of its own. It is asked by mail,
 * so that nobody looks at anything in the meantime. The lock is what orders it all: the keeper sees
 * what a thread did before it stood, and the thread what the keeper did before it opened. */
#ifndef TIDEGATE_PARK_H
#define TIDEGATE_PARK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mailbox.h"

enum {
	PARK_NAME_MAX = 32,     /* bytes of a seat's name, NUL included */
	PARK_MISSING_MAX = 256, /* bytes of what park_await says, NUL included */
};

enum park_state {
	PARK_GOES,      /* nobody has asked, or the gate is open again */
	PARK_ASKED,     /* and it does not stand yet */
	PARK_STANDS,    /* all that is its thread's is the keeper's */
	PARK_DISMISSED, /* its thread is to end */
};

/* One thread's place at the gate.
 * Owner:  the thread, but for what is said below.
 * Shared: with the keeper: `state`, `is_posted` and `next` under the gate's lock. */
struct park_seat {
	char name[PARK_NAME_MAX]; /* for people */
	struct mail mail;         /* that asks */
	bool is_told;             /* the thread's own: it has come */
	bool is_posted;           /* it is in the mailbox, or taken from it and not followed yet */
	enum park_state state;
	struct park_seat *next; /* of those that do not go */
};

/* Owner:  the keeper.
 * Shared: by the threads that have a seat. */
struct park {
	pthread_mutex_t lock; /* of what follows, and of the seats */
	pthread_cond_t came;
	pthread_cond_t opened;
	struct park_seat *first; /* of those that do not go */
};

/* Errors: none. */
void park_init(struct park *park);

/* Nobody stands. */
void park_finish(struct park *park);

/* `name` is for people: "worker-1". */
void park_seat_init(struct park_seat *seat, const char *name);

/* --- thread: the keeper --- */

/* Asks a thread to stand, by mail of that kind. Fine for one that was asked before. */
void park_ask(struct park *park, struct park_seat *seat, struct mailbox *mailbox, uint32_t kind);

/* Waits until all that were asked stand, for at most `ms`. Returns how many do not;
 * ret_missing, which is empty for 0, names them: "worker-0, worker-1". */
uint32_t park_await(struct park *park, uint32_t ms, char ret_missing[PARK_MISSING_MAX]);

/* Whether it stands. */
bool park_has(struct park *park, const struct park_seat *seat);

/* Everybody goes on, and who was asked and has not come need not. */
void park_open(struct park *park);

/* One goes on, and the others stand. */
void park_let_go(struct park *park, struct park_seat *seat);

/* One that stands is to end. */
void park_dismiss(struct park *park, struct park_seat *seat);

/* --- thread: the seat's --- */

/* The mail has been taken. */
static inline void park_on_mail(struct park_seat *seat)
{
	seat->is_told = true;
}

/* Whether it has been, and was not followed yet: park_stand is due when the turn is over. */
static inline bool park_is_told(const struct park_seat *seat)
{
	return seat->is_told;
}

/* Whether the keeper still wants it to stand: for who has something to bring to its end before. */
bool park_is_wanted(struct park *park, const struct park_seat *seat);

/* Stands until the keeper opens; not at all where it has done so by now. Returns whether the thread
 * goes on: false: it is to end, and not to touch what others have by now. */
bool park_stand(struct park *park, struct park_seat *seat);

#endif
