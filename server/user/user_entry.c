#include "user_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "user_table_inner.h"

/* --- life --------------------------------------------------------------------------------------
 */

static void free_entry(struct rcu_head *head)
{
	GRACE_ENDS(&user_table_grace_period);
	free(caa_container_of(head, struct user_entry, rcu));
}

void user_entry_free_later(struct user_entry *entry)
{
	GRACE_BEGINS(&user_table_grace_period);
	urcu_memb_call_rcu(&entry->rcu, free_entry);
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
	entry->in_table.hash = user_table_hash(table, identity->name, identity->name_len);
	entry->in_table.member_count = 0;
	entry->in_table.name_len = identity->name_len;
	entry->in_table.device_len = identity->device_len;
	entry->in_table.came_alone = false;
	entry->in_table.speaks_v1 = identity->speaks_v1;
	entry->in_table.is_restored = false;
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

void user_entry_retire(struct user_table *table, struct user_entry **entry)
{
	OBSERVE(table);
	user_entry_free_later(*entry);
	*entry = NULL;
}

/* --- what it says ------------------------------------------------------------------------------
 */

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
	return user_table_device_hash(
		table, entry->names + entry->in_table.name_len, entry->in_table.device_len);
}

/* Acquired, so that the look at whether it is still in the table comes after. */
uint64_t user_entry_epoch(const struct user_entry *entry)
{
	return atomic_load_explicit(&entry->standing.epoch, memory_order_acquire);
}

bool user_entry_is_same_device(const struct user_entry *a, const struct user_entry *b)
{
	return a->in_table.device_len == b->in_table.device_len &&
	       memcmp(a->names + a->in_table.name_len, b->names + b->in_table.name_len,
		       a->in_table.device_len) == 0;
}

/* Who takes its place marks it as gone; and it never comes back. */
bool user_entry_is_alone(const struct user_entry *entry)
{
	return entry->in_table.came_alone && !cds_lfht_is_node_deleted(&entry->in_table.node);
}

bool user_entry_speaks_v1(const struct user_entry *entry)
{
	return entry->in_table.speaks_v1;
}

handle_t user_entry_handle(const struct user_entry *entry)
{
	return entry->handle;
}

uint32_t user_entry_hash(const struct user_entry *entry)
{
	return entry->in_table.hash;
}

/* --- its kick ----------------------------------------------------------------------------------
 */

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
