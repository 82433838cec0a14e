#include "user_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "rcu_table.h"
#include "user_group.h"

/* For ThreadSanitizer: see rcu_table.h. */
static char grace_period;

enum {
	BUCKETS_MIN = 1024,
	BUCKETS_MAX = 1 << 26,
};

/* Owner:  the gateway.
 * Shared: all registered threads. */
struct user_table {
	struct cds_lfht *hash_table;
	_Atomic size_t count;        /* users */
	_Atomic uint32_t kick_limit; /* of a user in one of struct duel's windows; 0: none */
	size_t buckets;              /* housekeeper's own: the size last asked for */
	uint32_t devices_max;        /* sessions of a user */
	unsigned char key[crypto_shorthash_KEYBYTES];
};

struct key {
	const char *name;
	size_t name_len;
	struct user_table *table;
};

static uint32_t hash_name(const struct user_table *table, const char *name, size_t name_len)
{
	return rcu_table_hash(table->key, name, name_len);
}

static int match(struct cds_lfht_node *node, const void *wanted)
{
	const struct key *key = wanted;
	OBSERVE(key->table);
	const struct user_entry *entry = user_node_entry(user_node_of(node), 0);
	return entry->in_table.name_len == key->name_len &&
	       memcmp(entry->names, key->name, key->name_len) == 0;
}

static void read_begin(void)
{
	urcu_memb_read_lock();
}

static void read_end(void)
{
	GRACE_BEGINS(&grace_period);
	urcu_memb_read_unlock();
}

static void free_entry(struct rcu_head *head)
{
	GRACE_ENDS(&grace_period);
	free(caa_container_of(head, struct user_entry, rcu));
}

static void free_later(struct user_entry *entry)
{
	GRACE_BEGINS(&grace_period);
	urcu_memb_call_rcu(&entry->rcu, free_entry);
}

static void free_group(struct rcu_head *head)
{
	GRACE_ENDS(&grace_period);
	free(caa_container_of(head, struct user_group, rcu));
}

static void free_group_later(struct user_group *group)
{
	GRACE_BEGINS(&grace_period);
	urcu_memb_call_rcu(&group->rcu, free_group);
}

int user_table_create(size_t expected, uint32_t devices_max, struct user_table **ret_table)
{
	ASSERT(devices_max >= 1 && devices_max <= USER_SESSIONS_MAX);
	if (sodium_init() < 0) {
		return -ENOSYS;
	}
	struct user_table *table = calloc(1, sizeof(*table));
	if (!table) {
		return -ENOMEM;
	}
	table->buckets = rcu_table_buckets(expected, BUCKETS_MIN, BUCKETS_MAX);
	table->devices_max = devices_max;
	/* Without CDS_LFHT_AUTO_RESIZE: in liburcu 0.13 it races and can stop growing for good. */
	table->hash_table = cds_lfht_new_flavor(
		table->buckets, BUCKETS_MIN, BUCKETS_MAX, 0, &urcu_memb_flavor, NULL);
	if (!table->hash_table) {
		free(table);
		return -ENOMEM;
	}
	randombytes_buf(table->key, sizeof(table->key));
	*ret_table = table;
	return 0;
}

void user_table_destroy(struct user_table **table)
{
	if (!*table) {
		return;
	}
	urcu_memb_barrier();
	ASSERT(cds_lfht_destroy((*table)->hash_table, NULL) == 0);
	free(*table);
	*table = NULL;
}

void user_table_thread_begin(void)
{
	urcu_memb_register_thread();
}

void user_table_thread_end(void)
{
	urcu_memb_unregister_thread();
}

void user_table_set_kick_limit(struct user_table *table, uint32_t limit)
{
	atomic_store_explicit(&table->kick_limit, limit, memory_order_relaxed);
}

int user_entry_create(struct user_table *table, const struct user_identity *identity,
	handle_t handle, uint64_t epoch, struct user_entry **ret_entry)
{
	ASSERT(identity->name_len > 0);
	struct user_entry *entry = malloc(
		offsetof(struct user_entry, names) + identity->name_len + identity->device_len);
	if (!entry) {
		return -ENOMEM;
	}
	cds_lfht_node_init(&entry->in_table.node);
	entry->in_table.hash = hash_name(table, identity->name, identity->name_len);
	entry->in_table.member_count = 0;
	entry->in_table.name_len = identity->name_len;
	entry->in_table.device_len = identity->device_len;
	entry->in_table.came_alone = false;
	entry->in_table.speaks_v1 = identity->speaks_v1;
	atomic_init(&entry->standing.epoch, epoch);
	atomic_init(&entry->standing.duel, (struct duel){0});
	entry->handle = handle;
	memcpy(entry->names, identity->name, identity->name_len);
	if (identity->device_len > 0) {
		memcpy(entry->names + identity->name_len, identity->device, identity->device_len);
	}
	*ret_entry = entry;
	return 0;
}

void user_entry_discard(struct user_entry **entry)
{
	free(*entry);
	*entry = NULL;
}

/* --- login -------------------------------------------------------------------------------------
 */

/* One try of a login. */
struct attempt {
	struct user_table *table;
	struct user_entry *entry;
	struct key key;
	uint32_t now_tick;
	bool may_replace;
};

static struct key key_of(struct user_table *table, const struct user_entry *entry)
{
	return (struct key){entry->names, entry->in_table.name_len, table};
}

/* Acquired, so that the look at whether it is still in the table comes after. */
static uint64_t epoch_of(const struct user_entry *entry)
{
	return atomic_load_explicit(&entry->standing.epoch, memory_order_acquire);
}

static struct duel duel_of(struct user_node *node)
{
	return user_node_is_group(node)
		       ? user_group_of(node)->duel
		       : atomic_load_explicit(
				 &user_node_entry(node, 0)->standing.duel, memory_order_acquire);
}

static bool is_same_device(const struct user_entry *a, const struct user_entry *b)
{
	return a->in_table.device_len == b->in_table.device_len &&
	       memcmp(a->names + a->in_table.name_len, b->names + b->in_table.name_len,
		       a->in_table.device_len) == 0;
}

/* The session that has to go for the newcomer: that of its device, or when there are as many as may
 * be the oldest. NULL: there is room. */
static struct user_entry *in_the_way(const struct attempt *attempt, struct user_node *node)
{
	const uint32_t count = user_node_count(node);
	struct user_entry *oldest = user_node_entry(node, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct user_entry *entry = user_node_entry(node, i);
		if (is_same_device(entry, attempt->entry)) {
			return entry;
		}
		oldest = epoch_of(entry) < epoch_of(oldest) ? entry : oldest;
	}
	return count < attempt->table->devices_max ? NULL : oldest;
}

/* What the sessions in the table mean for the newcomer. USER_LOGIN_IN: it may come in, in the place
 * of `old` where there is one. */
static enum user_login_result judge(const struct attempt *attempt, const struct user_entry *old,
	struct duel duel, uint32_t *ret_wait_ticks)
{
	*ret_wait_ticks = duel_wait_ticks(duel, attempt->now_tick);
	if (old && epoch_of(old) > atomic_load_explicit(
					   &attempt->entry->standing.epoch, memory_order_relaxed)) {
		return USER_LOGIN_SUPERSEDED;
	}
	if (*ret_wait_ticks > 0) {
		return USER_LOGIN_BRAKED;
	}
	return !old || attempt->may_replace ? USER_LOGIN_IN : USER_LOGIN_OCCUPIED;
}

/* Puts a node in the place of the one that was found. Returns false when that has left its place
 * meanwhile. */
static bool swap(struct user_table *table, const struct key *key, struct cds_lfht_iter *found,
	struct user_node *node)
{
	PUBLISH(table);
	return cds_lfht_replace(
		       table->hash_table, found, node->hash, match, (void *)key, &node->node) == 0;
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
	atomic_store_explicit(&entry->standing.duel, (struct duel){0}, memory_order_relaxed);
	entry->in_table.came_alone = true;
	atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
	PUBLISH(table);
	bool is_in = cds_lfht_add_unique(table->hash_table, entry->in_table.hash, match,
			     (void *)&attempt->key, &entry->in_table.node) == &entry->in_table.node;
	if (!is_in) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	}
	return is_in;
}

/* Finds a user's node. Returns NULL when there is none. */
static struct user_node *look_up(
	struct user_table *table, const struct key *key, uint32_t hash, struct cds_lfht_iter *iter)
{
	cds_lfht_lookup(table->hash_table, hash, match, (void *)key, iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(iter);
	return node ? user_node_of(node) : NULL;
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
		look_up(table, &attempt->key, attempt->entry->in_table.hash, &iter);
	if (!node) {
		return false;
	}
	struct user_entry *old = in_the_way(attempt, node);
	struct duel duel = duel_of(node);
	ret_login->result = judge(attempt, old, duel, &ret_login->wait_ticks);
	if (ret_login->result != USER_LOGIN_IN) {
		return !cds_lfht_is_node_deleted(&node->node);
	}
	ret_login->replaced = old;
	if (old) {
		uint32_t limit = atomic_load_explicit(&table->kick_limit, memory_order_relaxed);
		duel = duel_add_kick(duel, attempt->now_tick, limit, &ret_login->is_duel);
	}
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
		.key = key_of(table, entry),
		.now_tick = now_tick,
		.may_replace = may_replace,
	};
	struct user_login login;
	PUBLISH(table);
	read_begin();
	while (!try_login(&attempt, &login)) {
	}
	read_end();
	OBSERVE(table);
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

static enum leaving leave_group(struct user_table *table, const struct key *key,
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
	const struct key key = key_of(table, mine);
	struct cds_lfht_iter iter;
	if (mine->in_table.came_alone &&
		cds_lfht_del(table->hash_table, &mine->in_table.node) == 0) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
		return LEAVING_DONE;
	}
	struct user_node *node = look_up(table, &key, mine->in_table.hash, &iter);
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
	read_begin();
	while ((leaving = try_leave(table, mine)) == LEAVING_AGAIN) {
	}
	read_end();
	OBSERVE(table);
	if (leaving == LEAVING_DONE) {
		free_later(mine);
	}
	return leaving == LEAVING_DONE;
}

/* --- who is there ------------------------------------------------------------------------------
 */

uint32_t user_table_find(struct user_table *table, const char *name, size_t name_len,
	struct user_session ret_sessions[USER_SESSIONS_MAX])
{
	const struct key key = {name, name_len, table};
	struct cds_lfht_iter iter;
	uint32_t count = 0;
	read_begin();
	struct user_node *node = look_up(table, &key, hash_name(table, name, name_len), &iter);
	if (node) {
		count = user_node_count(node);
		for (uint32_t i = 0; i < count; i++) {
			const struct user_entry *entry = user_node_entry(node, i);
			ret_sessions[i] = (struct user_session){
				.handle = entry->handle,
				.speaks_v1 = entry->in_table.speaks_v1,
			};
		}
	}
	read_end();
	return count;
}

uint32_t user_table_devices(struct user_table *table, const char *name, size_t name_len,
	struct user_device ret_devices[USER_SESSIONS_MAX])
{
	const struct key key = {name, name_len, table};
	struct cds_lfht_iter iter;
	uint32_t count = 0;
	read_begin();
	struct user_node *node = look_up(table, &key, hash_name(table, name, name_len), &iter);
	if (node) {
		count = user_node_count(node);
		for (uint32_t i = 0; i < count; i++) {
			const struct user_entry *entry = user_node_entry(node, i);
			size_t len;
			const char *device = user_entry_device(entry, &len);
			ret_devices[i].handle = entry->handle;
			ret_devices[i].len = (uint8_t)len;
			memcpy(ret_devices[i].name, device, len);
		}
	}
	read_end();
	return count;
}

bool user_table_has(struct user_table *table, const struct user_entry *entry)
{
	const struct key key = key_of(table, entry);
	struct cds_lfht_iter iter;
	bool is_there = false;
	read_begin();
	struct user_node *node = look_up(table, &key, entry->in_table.hash, &iter);
	for (uint32_t i = 0; node && i < user_node_count(node); i++) {
		is_there |= user_node_entry(node, i) == entry;
	}
	read_end();
	return is_there;
}

size_t user_table_count(const struct user_table *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}

void user_table_housekeep(struct user_table *table)
{
	size_t wanted = rcu_table_buckets(user_table_count(table), BUCKETS_MIN, BUCKETS_MAX);
	/* Growing only: after a restart of half the clients the other half is on its way back. */
	if (wanted > table->buckets) {
		cds_lfht_resize(table->hash_table, wanted);
		table->buckets = wanted;
	}
}

const char *user_entry_name(const struct user_entry *entry, size_t *ret_len)
{
	*ret_len = entry->in_table.name_len;
	return entry->names;
}

const char *user_entry_device(const struct user_entry *entry, size_t *ret_len)
{
	*ret_len = entry->in_table.device_len;
	return entry->names + entry->in_table.name_len;
}

uint32_t user_entry_device_hash(const struct user_table *table, const struct user_entry *entry)
{
	return hash_name(
		table, entry->names + entry->in_table.name_len, entry->in_table.device_len);
}

bool user_entry_speaks_v1(const struct user_entry *entry)
{
	return entry->in_table.speaks_v1;
}

handle_t user_entry_handle(const struct user_entry *entry)
{
	return entry->handle;
}

uint32_t user_table_hash(const struct user_table *table, const char *name, size_t name_len)
{
	return hash_name(table, name, name_len);
}

uint32_t user_entry_hash(const struct user_entry *entry)
{
	return entry->in_table.hash;
}

struct mail *user_entry_kick(struct user_entry *entry, uint32_t kind)
{
	/* Whoever found it in the table before may still be looking at what was here. */
	__atomic_store_n(&entry->kick.kind, kind, __ATOMIC_RELAXED);
	return &entry->kick;
}

struct user_entry *user_entry_of_kick(struct mail *mail)
{
	return caa_container_of(mail, struct user_entry, kick);
}

void user_entry_retire(struct user_table *table, struct user_entry **entry)
{
	OBSERVE(table);
	free_later(*entry);
	*entry = NULL;
}
