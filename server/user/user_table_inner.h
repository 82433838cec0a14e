/* What a user table is made of: for user_table.c, user_login.c, user_entry.c and user_walk.c only.
 */
#ifndef TIDEGATE_USER_TABLE_INNER_H
#define TIDEGATE_USER_TABLE_INNER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "rcu_table.h"
#include "user_node.h"

/* Owner:  the gateway.
 * Shared: all registered threads. */
struct user_table {
	struct cds_lfht *hash_table;
	_Atomic size_t count;        /* users */
	_Atomic uint32_t kick_limit; /* of a user in one of struct duel's windows; 0: none */
	size_t buckets;              /* housekeeper's own: the size last asked for */
	uint32_t devices_max;        /* sessions of a user */
	uint32_t unnamed_device;     /* the hash of the device without a name, which most have */
	unsigned char key[RCU_TABLE_KEY_BYTES];
};

/* For ThreadSanitizer, see rcu_table.h: one for all who read entries and who free them. */
extern char user_table_grace_period;

static inline void user_table_read_begin(void)
{
	urcu_memb_read_lock();
}

static inline void user_table_read_end(void)
{
	GRACE_BEGINS(&user_table_grace_period);
	urcu_memb_read_unlock();
}

/* Whom a look is for. */
struct user_key {
	const char *name;
	size_t name_len;
	struct user_table *table;
};

static inline struct user_key user_key_of(struct user_table *table, const struct user_entry *entry)
{
	return (struct user_key){entry->names, entry->in_table.name_len, table};
}

static inline int user_key_match(struct cds_lfht_node *node, const void *wanted)
{
	const struct user_key *key = wanted;
	OBSERVE(key->table);
	const struct user_entry *entry = user_node_entry(user_node_of(node), 0);
	return entry->in_table.name_len == key->name_len &&
	       memcmp(entry->names, key->name, key->name_len) == 0;
}

/* Finds a user's node; NULL: there is none. Under RCU. */
static inline struct user_node *user_table_look_up(struct user_table *table,
	const struct user_key *key, uint32_t hash, struct cds_lfht_iter *iter)
{
	cds_lfht_lookup(table->hash_table, hash, user_key_match, (void *)key, iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(iter);
	return node ? user_node_of(node) : NULL;
}

/* What the sessions of a user have done to each other lately. */
static inline struct duel user_node_duel(struct user_node *node)
{
	return user_node_is_group(node)
		       ? user_group_of(node)->duel
		       : atomic_load_explicit(
				 &user_node_entry(node, 0)->standing.duel, memory_order_acquire);
}

/* Frees an entry a grace period after it has left the table. */
void user_entry_free_later(struct user_entry *entry);

#endif
