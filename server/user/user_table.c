#include "user_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "user_table_inner.h"

/* For ThreadSanitizer: see rcu_table.h. */
char user_table_grace_period;

enum {
	BUCKETS_MIN = 1024,
	BUCKETS_MAX = 1 << 26,
};

/* --- life --------------------------------------------------------------------------------------
 */

int user_table_create(size_t expected, uint32_t devices_max, const uint8_t *hash_key,
	struct user_table **ret_table)
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
	rcu_table_set_key(table->key, hash_key);
	table->unnamed_device = rcu_table_hash(table->key, "", 0);
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

void user_table_housekeep(struct user_table *table)
{
	size_t wanted = rcu_table_buckets(user_table_count(table), BUCKETS_MIN, BUCKETS_MAX);
	/* Growing only: after a restart of half the clients the other half is on its way back. */
	if (wanted > table->buckets) {
		cds_lfht_resize(table->hash_table, wanted);
		table->buckets = wanted;
	}
}

/* --- hashes ------------------------------------------------------------------------------------
 */

uint32_t user_table_hash(const struct user_table *table, const char *name, size_t name_len)
{
	return rcu_table_hash(table->key, name, name_len);
}

uint64_t user_table_hash64(const struct user_table *table, const char *name, size_t name_len)
{
	return rcu_table_hash64(table->key, name, name_len);
}

uint32_t user_table_device_hash(const struct user_table *table, const char *device, size_t len)
{
	return len > 0 ? rcu_table_hash(table->key, device, len) : table->unnamed_device;
}

/* --- who is there ------------------------------------------------------------------------------
 */

uint32_t user_table_find(struct user_table *table, const char *name, size_t name_len,
	struct user_session ret_sessions[USER_SESSIONS_MAX])
{
	return user_table_find_hashed(
		table, name, name_len, user_table_hash(table, name, name_len), ret_sessions);
}

uint32_t user_table_find_hashed(struct user_table *table, const char *name, size_t name_len,
	uint32_t hash, struct user_session ret_sessions[USER_SESSIONS_MAX])
{
	const struct user_key key = {name, name_len, table};
	struct cds_lfht_iter iter;
	uint32_t count = 0;
	user_table_read_begin();
	struct user_node *node = user_table_look_up(table, &key, hash, &iter);
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
	user_table_read_end();
	return count;
}

/* Fills in a user's sessions. Returns their number. Under RCU. */
static uint32_t describe(struct user_node *node, struct user_device *ret_devices)
{
	const uint32_t count = user_node_count(node);
	for (uint32_t i = 0; i < count; i++) {
		const struct user_entry *entry = user_node_entry(node, i);
		size_t len;
		const char *device = user_entry_device(entry, &len);
		ret_devices[i].handle = entry->handle;
		ret_devices[i].epoch = user_entry_epoch(entry);
		ret_devices[i].len = (uint8_t)len;
		memcpy(ret_devices[i].name, device, len);
	}
	return count;
}

uint32_t user_table_devices(struct user_table *table, const char *name, size_t name_len,
	struct user_device ret_devices[USER_SESSIONS_MAX])
{
	const struct user_key key = {name, name_len, table};
	const uint32_t hash = user_table_hash(table, name, name_len);
	struct cds_lfht_iter iter;
	struct user_node *node;
	uint32_t count;
	user_table_read_begin();
	do {
		node = user_table_look_up(table, &key, hash, &iter);
		count = node ? describe(node, ret_devices) : 0;
		/* Else an epoch may have given way to a kick meanwhile. */
	} while (node && cds_lfht_is_node_deleted(&node->node));
	user_table_read_end();
	return count;
}

bool user_table_has(struct user_table *table, const struct user_entry *entry)
{
	const struct user_key key = user_key_of(table, entry);
	struct cds_lfht_iter iter;
	bool is_there = false;
	user_table_read_begin();
	struct user_node *node = user_table_look_up(table, &key, entry->in_table.hash, &iter);
	for (uint32_t i = 0; node && i < user_node_count(node); i++) {
		is_there |= user_node_entry(node, i) == entry;
	}
	user_table_read_end();
	return is_there;
}

size_t user_table_count(const struct user_table *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}
