#include "user_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rcu_walk.h"
#include "user_table_inner.h"

/* --- copies ------------------------------------------------------------------------------------
 */

/* The sessions of a user. */
struct seen_user {
	uint32_t count;
	struct user_seen sessions[USER_SESSIONS_MAX];
};

static void copy_session(const struct user_table *table, const struct user_entry *entry,
	uint64_t key, struct user_seen *ret_session)
{
	size_t name_len;
	size_t device_len;
	const char *name = user_entry_name(entry, &name_len);
	const char *device = user_entry_device(entry, &device_len);
	ret_session->handle = entry->handle;
	ret_session->key = key;
	ret_session->epoch = atomic_load_explicit(&entry->standing.epoch, memory_order_acquire);
	ret_session->device = user_table_device_hash(table, device, device_len);
	ret_session->speaks_v1 = entry->in_table.speaks_v1;
	ret_session->name_len = (uint8_t)name_len;
	ret_session->device_len = (uint8_t)device_len;
	memcpy(ret_session->names, name, name_len + device_len);
}

static uint64_t key_of(const struct user_table *table, struct user_node *node)
{
	size_t len;
	const char *name = user_entry_name(user_node_entry(node, 0), &len);
	return user_table_hash64(table, name, len);
}

/* Returns false when another node had taken its place meanwhile, or it was gone: what was read may
 * be nonsense. Under RCU. */
static bool copy_user(const struct user_table *table, struct user_node *node, uint64_t key,
	struct seen_user *ret_user)
{
	ret_user->count = user_node_count(node);
	for (uint32_t i = 0; i < ret_user->count; i++) {
		copy_session(table, user_node_entry(node, i), key, &ret_user->sessions[i]);
	}
	return !cds_lfht_is_node_deleted(&node->node);
}

/* --- one ---------------------------------------------------------------------------------------
 */

struct wanted {
	struct user_table *table;
	uint64_t key;
};

static int has_key(struct cds_lfht_node *found, const void *data)
{
	const struct wanted *wanted = data;
	OBSERVE(wanted->table);
	return key_of(wanted->table, user_node_of(found)) == wanted->key;
}

/* Returns false when somebody was faster: to be tried once more. */
static bool try_copy(const struct wanted *wanted, struct seen_user *ret_user)
{
	struct cds_lfht_iter iter;
	cds_lfht_lookup(
		wanted->table->hash_table, (uint32_t)(wanted->key >> 32), has_key, wanted, &iter);
	struct cds_lfht_node *found = cds_lfht_iter_get_node(&iter);
	ret_user->count = 0;
	return !found || copy_user(wanted->table, user_node_of(found), wanted->key, ret_user);
}

/* Copies the sessions of a user; none, when he is gone. Under RCU. */
static void copy_by_key(struct user_table *table, uint64_t key, struct seen_user *ret_user)
{
	const struct wanted wanted = {table, key};
	while (!try_copy(&wanted, ret_user)) {
	}
}

bool user_walk_find(struct user_table *table, uint64_t key, uint32_t device, uint64_t epoch,
	struct user_seen *ret_session)
{
	struct seen_user user;
	user_table_read_begin();
	copy_by_key(table, key, &user);
	user_table_read_end();
	for (uint32_t i = 0; i < user.count; i++) {
		const struct user_seen *session = &user.sessions[i];
		if (session->device == device && session->epoch == epoch) {
			*ret_session = *session;
			return true;
		}
	}
	return false;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

/* A user without sessions or a name, who is put into the table for a moment. */
struct mark {
	struct user_node in_table; /* first */
	struct rcu_head rcu;
};

static bool is_mark(const struct user_node *node)
{
	return !user_node_is_group(node) && node->name_len == 0;
}

static void free_mark(struct rcu_head *head)
{
	GRACE_ENDS(&user_table_grace_period);
	free(caa_container_of(head, struct mark, rcu));
}

/* Under RCU. Errors: -ENOMEM. */
static int seek(
	struct user_table *table, const struct rcu_walk *walk, struct cds_lfht_iter *ret_iter)
{
	if (rcu_walk_is_at_start(walk)) {
		rcu_walk_seek(table->hash_table, walk, NULL, ret_iter);
		return 0;
	}
	struct mark *mark = calloc(1, sizeof(*mark));
	if (!mark) {
		return -ENOMEM;
	}
	PUBLISH(table);
	rcu_walk_seek(table->hash_table, walk, &mark->in_table.node, ret_iter);
	GRACE_BEGINS(&user_table_grace_period);
	urcu_memb_call_rcu(&mark->rcu, free_mark);
	return 0;
}

static void hand_out(const struct seen_user *user,
	void (*take)(void *context, const struct user_seen *session), void *context)
{
	for (uint32_t i = 0; i < user->count; i++) {
		take(context, &user->sessions[i]);
	}
}

/* What has taken the node's place since the walk stepped on it would be passed by: then the user is
 * looked up. Returns false when he is gone. Under RCU. */
static bool copy_current(
	struct user_table *table, struct user_node *node, struct seen_user *ret_user)
{
	const uint64_t key = key_of(table, node);
	if (!copy_user(table, node, key, ret_user)) {
		copy_by_key(table, key, ret_user);
	}
	return ret_user->count > 0;
}

/* Returns whether there are more. Under RCU. */
static bool walk_from(struct user_table *table, struct rcu_walk *walk, struct cds_lfht_iter *iter,
	uint32_t users, void (*take)(void *context, const struct user_seen *session), void *context)
{
	struct rcu_walk_run run = rcu_walk_begin(walk);
	struct seen_user user;
	struct cds_lfht_node *found;
	for (; (found = cds_lfht_iter_get_node(iter)); cds_lfht_next(table->hash_table, iter)) {
		OBSERVE(table);
		struct user_node *node = user_node_of(found);
		if (is_mark(node) || !copy_current(table, node, &user)) {
			continue;
		}
		if (!rcu_walk_meet(walk, &run, node->hash)) {
			continue;
		}
		if (users == 0) {
			rcu_walk_stop(walk, &run);
			return true;
		}
		hand_out(&user, take, context);
		users--;
	}
	return false;
}

int user_walk_on(struct user_table *table, struct rcu_walk *walk, uint32_t users,
	void (*take)(void *context, const struct user_seen *session), void *context)
{
	struct cds_lfht_iter iter;
	user_table_read_begin();
	int err = seek(table, walk, &iter);
	int more = err ? err : walk_from(table, walk, &iter, users, take, context);
	user_table_read_end();
	return more;
}
