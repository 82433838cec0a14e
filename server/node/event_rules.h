/* Which logins and ends are events: what backends are told.
 *
 *              came                  came, in its place or in time
 *   offline ────────────> online ──────────────┐
 *      ^   (online)          │  ^──────────────┘ (moved)
 *      └──── no other one ───┘ gone
 *        (offline, after the grace)
 *
 * For a user and device. Each event has the session's epoch: what comes late has a lower one than
 * what has been told by then. Who has replaced a session tells of that; its end is no event.
 *
 * Who has gone while an older session of his is still known on another node is not told of until
 * that one has gone too, which its kick will see to: its own end has too low an epoch to count. */
#ifndef TIDEGATE_EVENT_RULES_H
#define TIDEGATE_EVENT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "../session/presence.h"
#include "events.h"
#include "graces.h"

/* What else is asked and told. Each may be NULL. */
struct event_rules_ops {
	/* Whether a user has a session on another node from that device, of an epoch above that. */
	bool (*is_elsewhere)(void *context, struct slice user, struct slice device, uint64_t epoch);
	/* An event has been noted under its number. */
	void (*noted)(void *context, const struct event *event, uint64_t seq);
	/* There was no memory to keep one that is to be told of later: event_rules_resync is due.
	 */
	void (*missed)(void *context);
};

/* Owner:  the registrar's thread.
 * Shared: never. */
struct event_rules {
	struct events *events;
	struct graces *graces;
	struct graces *unsettled; /* whose grace is over while an older session is elsewhere */
	struct user_table *users;
	uint64_t grace_ms; /* may change while running */
	const struct event_rules_ops *ops;
	void *context; /* of ops */
};

/* Errors: -ENOMEM; event_rules_finish is due all the same. */
int event_rules_init(struct event_rules *rules, struct budget *budget, struct user_table *users,
	const struct event_rules_ops *ops, void *context);

void event_rules_finish(struct event_rules *rules);

/* A session has come or gone. Takes the record over, whose `next` is NULL and wall_ms set, and
 * nulls the giver's pointer. Thread: the owner, registered with the user table, as below. */
void event_rules_on_presence(
	struct event_rules *rules, struct presence **presence, uint64_t now_ms);

/* A user has a session of that epoch on another node, which tells of it and of its end. */
void event_rules_on_elsewhere(
	struct event_rules *rules, struct slice user, struct slice device, uint64_t epoch);

/* A session on another node has gone, of a user with that hash (user_table_hash). */
void event_rules_on_left(struct event_rules *rules, uint32_t hash);

/* Sessions that have gone and have not been told of. */
uint32_t event_rules_untold(const struct event_rules *rules);

/* A node is up, or another one down. */
void event_rules_on_node(struct event_rules *rules, enum event_kind kind, struct slice id,
	const struct incarnation *incarnation, uint64_t wall_ms);

/* Something was missed, for that reason. */
void event_rules_resync(struct event_rules *rules, const char *reason, uint64_t wall_ms);

/* Tells of those whose grace is over, a bounded number. Once a turn. Returns in how many ms to come
 * back; -1: there are none. */
int event_rules_turn(struct event_rules *rules, uint64_t now_ms);

#endif
