#include "user_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../base/epoch.h"
#include "user_group.h"
#include "user_table_inner.h"

/* --- what both change --------------------------------------------------------------------------
 */

/* Puts a node in the place of the one that was found. Returns false when that has left its place
 * meanwhile. */
static bool swap(struct user_table *table, const struct user_key *key, struct cds_lfht_iter *found,
	struct user_node *node)
{
	PUBLISH(table);
	return cds_lfht_replace(table->hash_table, found, node->hash, user_key_match, (void *)key,
		       &node->node) == 0;
}

static void free_group(struct rcu_head *head)
{
	GRACE_ENDS(&user_table_grace_period);
	free(caa_container_of(head, struct user_group, rcu));
}

static void free_group_later(struct user_group *group)
{
	GRACE_BEGINS(&user_table_grace_period);
	urcu_memb_call_rcu(&group->rcu, free_group);
}

/* --- login -------------------------------------------------------------------------------------
 */

/* One try of a login. */
struct attempt {
	struct user_table *table;
	struct user_entry *entry;
	struct user_key key;
	uint32_t now_tick;
	bool may_replace;
	bool is_restored;
	struct duel restored; /* with it, what its user's sessions have been through */
};

/* The session that has to go for the newcomer: that of its device, or when there are as many as may
 * be the oldest. NULL: there is room. */
static struct user_entry *in_the_way(const struct attempt *attempt, struct user_node *node)
{
	const uint32_t count = user_node_count(node);
	struct user_entry *oldest = user_node_entry(node, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct user_entry *entry = user_node_entry(node, i);
		if (user_entry_is_same_device(entry, attempt->entry)) {
			return entry;
		}
		oldest = user_entry_epoch(entry) < user_entry_epoch(oldest) ? entry : oldest;
	}
	return count < attempt->table->devices_max ? NULL : oldest;
}

/* What the sessions in the table mean for the newcomer. USER_LOGIN_IN: it may come in, in the place
 * of `old` where there is one. */
static enum user_login_result judge(const struct attempt *attempt, const struct user_entry *old,
	struct duel duel, uint32_t *ret_wait_ticks)
{
	/* One that was in before is no newcomer. */
	*ret_wait_ticks = attempt->is_restored ? 0 : duel_wait_ticks(duel, attempt->now_tick);
	if (old && epoch_is_after(user_entry_epoch(old),
			   atomic_load_explicit(
				   &attempt->entry->standing.epoch, memory_order_relaxed))) {
		return USER_LOGIN_SUPERSEDED;
	}
	if (*ret_wait_ticks > 0) {
		return USER_LOGIN_BRAKED;
	}
	return !old || attempt->may_replace ? USER_LOGIN_IN : USER_LOGIN_OCCUPIED;
}

/* The newcomer alone in the place of the one session there is. */
static bool replace_alone(
	const struct attempt *attempt, struct cds_lfht_iter *found, struct duel duel)
{
	struct user_entry *entry = attempt->entry;
	atomic_store_explicit(&entry->standing.duel, duel, memory_order_relaxed);
	entry->in_table.came_alone = true;
	return swap(attempt->table, &attempt->key, found, &entry->in_table);
}

/* Works on a node that was found: with `old` in the newcomer's way, or without. */
static bool change_group(const struct attempt *attempt, struct cds_lfht_iter *found,
	struct user_entry *old, struct duel duel, enum user_login_result *ret_result)
{
	struct user_node *before = user_node_of(cds_lfht_iter_get_node(found));
	struct user_group *group;
	attempt->entry->in_table.came_alone = false;
	if (user_group_create(
		    before, old, attempt->entry, duel, attempt->table->devices_max, &group) < 0) {
		*ret_result = USER_LOGIN_NO_MEMORY;
		return true;
	}
	if (!swap(attempt->table, &attempt->key, found, &group->in_table)) {
		user_group_discard(&group, before);
		return false;
	}
	if (user_node_is_group(before)) {
		struct user_group *group_before = user_group_of(before);
		if (old) {
			/* Its owner may be filling it just now, in vain. */
			free_group_later(user_group_find(group_before, old)->spare);
		}
		free_group_later(group_before);
	}
	return true;
}

/* Returns whether the user was not logged in, and is now. Counted before it is in the table, where
 * another thread may at once replace it, log out and take one off. */
static bool add(const struct attempt *attempt)
{
	struct user_table *table = attempt->table;
	struct user_entry *entry = attempt->entry;
	/* An earlier try to replace one that has left meanwhile was no kick. */
	atomic_store_explicit(&entry->standing.duel, attempt->restored, memory_order_relaxed);
	entry->in_table.came_alone = true;
	atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
	PUBLISH(table);
	bool is_in = cds_lfht_add_unique(table->hash_table, entry->in_table.hash, user_key_match,
			     (void *)&attempt->key, &entry->in_table.node) == &entry->in_table.node;
	if (!is_in) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	}
	return is_in;
}

/* The user's history with the newcomer in. What another process has kept of it counts as it is,
 * with no replacement more, even if one has to go as there may be fewer now. */
static struct duel next_duel(const struct attempt *attempt, const struct user_entry *old,
	struct duel duel, bool *ret_is_duel)
{
	uint32_t limit = atomic_load_explicit(&attempt->table->kick_limit, memory_order_relaxed);
	if (attempt->is_restored) {
		return attempt->restored;
	}
	return old ? duel_add_kick(duel, attempt->now_tick, limit, ret_is_duel) : duel;
}

/* Returns false when somebody was faster: to be tried once more. */
static bool try_login(const struct attempt *attempt, struct user_login *ret_login)
{
	struct user_table *table = attempt->table;
	struct cds_lfht_iter iter;
	*ret_login = (struct user_login){.result = USER_LOGIN_IN};
	if (add(attempt)) {
		return true;
	}
	struct user_node *node =
		user_table_look_up(table, &attempt->key, attempt->entry->in_table.hash, &iter);
	if (!node) {
		return false;
	}
	struct user_entry *old = in_the_way(attempt, node);
	struct duel duel = user_node_duel(node);
	ret_login->result = judge(attempt, old, duel, &ret_login->wait_ticks);
	if (ret_login->result != USER_LOGIN_IN) {
		return !cds_lfht_is_node_deleted(&node->node);
	}
	ret_login->replaced = old;
	duel = next_duel(attempt, old, duel, &ret_login->is_duel);
	if (old && !user_node_is_group(node)) {
		return replace_alone(attempt, &iter, duel);
	}
	return change_group(attempt, &iter, old, duel, &ret_login->result);
}

struct user_login user_table_login(
	struct user_table *table, struct user_entry *entry, uint32_t now_tick, bool may_replace)
{
	const struct attempt attempt = {
		.table = table,
		.entry = entry,
		.key = user_key_of(table, entry),
		.now_tick = now_tick,
		.may_replace = may_replace,
		.is_restored = entry->in_table.is_restored,
		.restored = entry->in_table.is_restored ? user_node_duel(&entry->in_table)
							: (struct duel){0},
	};
	struct user_login login;
	PUBLISH(table);
	user_table_read_begin();
	while (!try_login(&attempt, &login)) {
	}
	user_table_read_end();
	OBSERVE(table);
	if (login.result == USER_LOGIN_IN && attempt.is_restored) {
		entry->in_table.is_restored = false;
	}
	if (login.result != USER_LOGIN_IN) {
		login.replaced = NULL;
	}
	return login;
}

/* --- logout ------------------------------------------------------------------------------------
 */

enum leaving {
	LEAVING_DONE,
	LEAVING_REPLACED, /* a newer login has taken its place before */
	LEAVING_AGAIN,    /* somebody was faster: to be tried once more */
};

static enum leaving leave_group(struct user_table *table, const struct user_key *key,
	struct cds_lfht_iter *found, struct user_entry *mine)
{
	struct user_node *node = user_node_of(cds_lfht_iter_get_node(found));
	const struct user_member *member = user_group_find(user_group_of(node), mine);
	if (!member) {
		return cds_lfht_is_node_deleted(&node->node) ? LEAVING_AGAIN : LEAVING_REPLACED;
	}
	struct user_group *spare = member->spare;
	if (node->member_count > 1) {
		struct user_group *left = user_group_without(user_group_of(node), mine);
		if (!swap(table, key, found, &left->in_table)) {
			return LEAVING_AGAIN;
		}
	} else {
		if (cds_lfht_del(table->hash_table, &node->node) != 0) {
			return LEAVING_AGAIN;
		}
		free(spare);
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	}
	free_group_later(user_group_of(node));
	return LEAVING_DONE;
}

static enum leaving try_leave(struct user_table *table, struct user_entry *mine)
{
	const struct user_key key = user_key_of(table, mine);
	struct cds_lfht_iter iter;
	if (mine->in_table.came_alone &&
		cds_lfht_del(table->hash_table, &mine->in_table.node) == 0) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
		return LEAVING_DONE;
	}
	struct user_node *node = user_table_look_up(table, &key, mine->in_table.hash, &iter);
	if (!node) {
		return LEAVING_REPLACED;
	}
	if (user_node_is_group(node)) {
		return leave_group(table, &key, &iter, mine);
	}
	return cds_lfht_is_node_deleted(&node->node) ? LEAVING_AGAIN : LEAVING_REPLACED;
}

bool user_table_logout(struct user_table *table, struct user_entry **entry)
{
	struct user_entry *mine = *entry;
	enum leaving leaving;
	*entry = NULL;
	PUBLISH(table);
	user_table_read_begin();
	while ((leaving = try_leave(table, mine)) == LEAVING_AGAIN) {
	}
	user_table_read_end();
	OBSERVE(table);
	if (leaving == LEAVING_DONE) {
		user_entry_free_later(mine);
	}
	return leaving == LEAVING_DONE;
}
