/* What the user table knows of a session, for the process that goes on with it: who it is, from
 * what, when it was accepted, and how often its user's sessions have replaced each other lately. */
#ifndef TIDEGATE_USER_PACK_H
#define TIDEGATE_USER_PACK_H

#include "../base/pack.h"
#include "user_table.h"

/* Appends a session that is in the table. Thread: registered; nobody changes the table meanwhile.
 */
void user_pack(struct user_table *table, const struct user_entry *entry, struct pack *pack);

/* Makes an entry of it, which is to be put into the table by user_table_login: sessions of a user
 * in the order of their epochs, before there are newcomers. Such a login is not braked and counts
 * for no replacement, though it makes one where the user may have fewer sessions now. Thread:
 * registered. Errors: -EINVAL, -ENOMEM. */
int user_unpack(struct user_table *table, struct unpack *unpack, handle_t handle,
	struct user_entry **ret_entry);

#endif
