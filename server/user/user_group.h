/* The sessions of a user with several devices: an array that is never changed once it is in the
 * table, only swapped for another. For user_login.c. */
#ifndef TIDEGATE_USER_GROUP_H
#define TIDEGATE_USER_GROUP_H

#include "user_node.h"

/* Makes the group that is to take the place of `before`: its sessions but for `without` (NULL:
 * all), and the newcomer. `duel` is its user's from then on, `members_max` the most that a group
 * will ever have. Thread: under RCU. Errors: -ENOMEM. */
int user_group_create(struct user_node *before, const struct user_entry *without,
	struct user_entry *newcomer, struct duel duel, uint32_t members_max,
	struct user_group **ret_group);

/* Frees a group that has not come into the place of `before`, and nulls the giver's pointer. */
void user_group_discard(struct user_group **group, const struct user_node *before);

/* Makes the group that is left of `group` when an entry goes, in that entry's spare memory: it
 * needs none. The group must have others. May be called again with what `group` was replaced by.
 * Thread: the owner of the entry, under RCU. */
struct user_group *user_group_without(
	const struct user_group *group, const struct user_entry *entry);

/* The member whose entry that is, or NULL. */
const struct user_member *user_group_find(
	const struct user_group *group, const struct user_entry *entry);

#endif
