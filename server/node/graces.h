/* Sessions that have gone, each for a while: as long as its user may come back from the same device
 * before anybody is told that he is offline.
 *
 * In the order in which they went, and by user and device, of whom there is one at most. */
#ifndef TIDEGATE_GRACES_H
#define TIDEGATE_GRACES_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/budget.h"
#include "../session/presence.h"

/* Owner:  the registrar's thread.
 * Shared: never. */
struct graces;

/* The budget is charged for what is kept; `users` hashes the names. Errors: -ENOMEM. */
int graces_create(
	struct budget *budget, const struct user_table *users, struct graces **ret_graces);

/* Frees it with what is in it, and nulls the giver's pointer. *graces may be NULL. */
void graces_destroy(struct graces **graces);

/* Takes over the record of one that has gone, `next` of which is NULL, and nulls the giver's
 * pointer; an older one of the same user and device makes way for it. `now_ms` rises from call to
 * call. Errors: -ENOMEM, or -ENOBUFS when events may hold no more: it stays the giver's. */
int graces_add(struct graces *graces, struct presence **gone, uint64_t now_ms);

/* The record of that user and device, or NULL. */
const struct presence *graces_find(
	const struct graces *graces, struct slice user, struct slice device);

/* One after the other of those whose user has that hash (user_table_hash): the first one for NULL.
 * NULL when there are no more. */
const struct presence *graces_next(
	const struct graces *graces, uint32_t hash, const struct presence *after);

/* Takes it out, to be freed by the caller; NULL where there is none. */
struct presence *graces_take(struct graces *graces, struct slice user, struct slice device);

/* Takes out the oldest one if it went `grace_ms` ago or longer; to be freed by the caller. NULL
 * when there is none. */
struct presence *graces_take_due(struct graces *graces, uint64_t now_ms, uint64_t grace_ms);

/* In how many ms the oldest one is due; -1 when there is none. */
int graces_wait_ms(const struct graces *graces, uint64_t now_ms, uint64_t grace_ms);

/* Shows all of them, the oldest first, with when each went. */
void graces_look(const struct graces *graces,
	void (*look)(void *context, const struct presence *gone, uint64_t gone_ms), void *context);

uint32_t graces_count(const struct graces *graces);

#endif
