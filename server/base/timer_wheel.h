/* Deadlines of one thread's connections: a hashed timing wheel (Varghese and Lauck, 1987, scheme 6)
 * of ticks, linked by index, one link for each entry.
 *
 * The wheel never learns that a connection has spoken: that is one store into the connection. When
 * a slot comes up each entry is asked for its deadline: later ones are relinked, due ones have been
 * dealt with by the callback. */
#ifndef TIDEGATE_TIMER_WHEEL_H
#define TIDEGATE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	TIMER_WHEEL_SLOTS = 1024, /* a power of two */
	TIMER_WHEEL_NONE = 0,     /* what a visit returns to leave the wheel */
};

/* Owner:  one thread.
 * Shared: never. */
struct timer_wheel;

/* Asked for each entry whose slot has come up, already unlinked. May link and unlink any entry but
 * `index`, and must not advance. Returns the tick at which to come back, or TIMER_WHEEL_NONE. */
typedef uint32_t timer_wheel_visit(void *context, uint32_t index);

/* `now` is the current tick, at least 1. Errors: -ENOMEM. */
int timer_wheel_create(uint32_t now, struct timer_wheel **ret_wheel);

/* Frees the wheel and nulls the giver's pointer. *wheel may be NULL. */
void timer_wheel_destroy(struct timer_wheel **wheel);

/* Makes room for entries 0 to count - 1 (8 bytes each, in chunks that are never moved).
 * Errors: -ENOMEM. */
int timer_wheel_reserve(struct timer_wheel *wheel, uint32_t count);

/* Links entry `index` to come up at `tick`, or as near to it as the wheel reaches: never later than
 * `tick`, a tick that has passed at the next advance. An entry that is linked already is moved.
 * O(1). */
void timer_wheel_link(struct timer_wheel *wheel, uint32_t index, uint32_t tick);

/* Takes entry `index` out; does nothing where it is not in. O(1). */
void timer_wheel_unlink(struct timer_wheel *wheel, uint32_t index);

bool timer_wheel_is_linked(const struct timer_wheel *wheel, uint32_t index);

/* Moves on to tick `now` and visits what comes up, at most `visits_max` entries.
 * Returns true when the wheel has caught up with `now`; false when there is more to visit, which
 * the next call goes on with. */
bool timer_wheel_advance(struct timer_wheel *wheel, uint32_t now, uint32_t visits_max,
	timer_wheel_visit *visit, void *context);

/* The tick after the last one wholly visited: where the next advance begins. */
uint32_t timer_wheel_next(const struct timer_wheel *wheel);

#endif
