#include "user_table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "build_config.h"

/* liburcu's inline fast paths cannot be seen through by ThreadSanitizer; its library calls can at
 * least be annotated. */
#if !HAVE_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/rculfhash.h>
#include <urcu/urcu-memb.h>

#include "../../proto/assert.h"
#include "duel.h"

#if HAVE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#define PUBLISH(table) __tsan_release(table)
#define OBSERVE(table) __tsan_acquire(table)
#else
#define PUBLISH(table) ((void)(table))
#define OBSERVE(table) ((void)(table))
#endif

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
	unsigned char key[crypto_shorthash_KEYBYTES];
};

/* What decides whether a newcomer may replace it. */
struct standing {
	_Atomic uint64_t epoch; /* its connection's place in the order of acceptance */
	_Atomic struct duel duel;
};

/* Owner:  the worker of `handle`; once replaced, whoever holds the kick.
 * Shared: readers under RCU compare `name` and copy `handle` and `standing`; all are written before
 *         publication. `standing` counts only for who finds the entry still in the table after the
 *         look at it: what follows takes its place.
 * Freed:  a grace period after it has left the table. */
struct user_entry {
	struct cds_lfht_node node;
	union {
		struct standing standing; /* while it is in the table */
		struct mail kick;         /* from its replacement to its owner's receipt */
		struct rcu_head rcu;      /* from then, or from its removal, to its end */
	};
	handle_t handle;
	uint32_t hash;
	uint8_t name_len;
	char name[];
};

_Static_assert(offsetof(struct user_entry, name) + 19 <= 64,
	"one of jemalloc's classes, up to names of 19 bytes");

#if HAVE_THREAD_SANITIZER
/* Where a reader's last look and the freeing meet, as ThreadSanitizer is to see it. */
static char grace_period;
#endif

struct key {
	const char *name;
	size_t name_len;
	struct user_table *table;
};

static uint32_t hash_name(const struct user_table *table, const char *name, size_t name_len)
{
	uint64_t hash;
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "the whole hash fits");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name, name_len, table->key);
	return (uint32_t)(hash ^ hash >> 32);
}

static int match(struct cds_lfht_node *node, const void *wanted)
{
	const struct key *key = wanted;
	const struct user_entry *entry = caa_container_of(node, struct user_entry, node);
	OBSERVE(key->table);
	return entry->name_len == key->name_len &&
	       memcmp(entry->name, key->name, key->name_len) == 0;
}

static void read_begin(void)
{
	urcu_memb_read_lock();
}

static void read_end(void)
{
#if HAVE_THREAD_SANITIZER
	__tsan_release(&grace_period);
#endif
	urcu_memb_read_unlock();
}

static void free_entry(struct rcu_head *head)
{
#if HAVE_THREAD_SANITIZER
	__tsan_acquire(&grace_period);
#endif
	free(caa_container_of(head, struct user_entry, rcu));
}

static void free_later(struct user_entry *entry)
{
#if HAVE_THREAD_SANITIZER
	__tsan_release(&grace_period);
#endif
	urcu_memb_call_rcu(&entry->rcu, free_entry);
}

static size_t buckets_for(size_t users)
{
	size_t buckets = BUCKETS_MIN;
	while (buckets < users && buckets < BUCKETS_MAX) {
		buckets *= 2;
	}
	return buckets;
}

int user_table_create(size_t expected, struct user_table **ret_table)
{
	if (sodium_init() < 0) {
		return -ENOSYS;
	}
	struct user_table *table = calloc(1, sizeof(*table));
	if (!table) {
		return -ENOMEM;
	}
	table->buckets = buckets_for(expected);
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

int user_entry_create(struct user_table *table, const char *name, size_t name_len, handle_t handle,
	uint64_t epoch, struct user_entry **ret_entry)
{
	ASSERT(name_len > 0 && name_len <= UINT8_MAX);
	struct user_entry *entry = malloc(offsetof(struct user_entry, name) + name_len);
	if (!entry) {
		return -ENOMEM;
	}
	cds_lfht_node_init(&entry->node);
	atomic_init(&entry->standing.epoch, epoch);
	atomic_init(&entry->standing.duel, (struct duel){0});
	entry->handle = handle;
	entry->hash = hash_name(table, name, name_len);
	entry->name_len = (uint8_t)name_len;
	memcpy(entry->name, name, name_len);
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

/* What the entry in the table means for the newcomer. USER_LOGIN_IN: it may go in its place. */
static enum user_login_result judge(const struct attempt *attempt, const struct standing *standing,
	struct duel *ret_duel, uint32_t *ret_wait_ticks)
{
	/* Acquired, so that the look at whether the entry is still in the table comes after. */
	uint64_t epoch = atomic_load_explicit(&standing->epoch, memory_order_acquire);
	struct duel duel = atomic_load_explicit(&standing->duel, memory_order_acquire);
	*ret_duel = duel;
	*ret_wait_ticks = duel_wait_ticks(duel, attempt->now_tick);
	if (epoch > atomic_load_explicit(&attempt->entry->standing.epoch, memory_order_relaxed)) {
		return USER_LOGIN_SUPERSEDED;
	}
	if (*ret_wait_ticks > 0) {
		return USER_LOGIN_BRAKED;
	}
	return attempt->may_replace ? USER_LOGIN_IN : USER_LOGIN_OCCUPIED;
}

/* Puts the newcomer in the place of the entry that was found. Returns false when that has left its
 * place meanwhile. */
static bool replace(const struct attempt *attempt, struct cds_lfht_iter *found, struct duel duel,
	bool *ret_is_duel)
{
	struct user_entry *entry = attempt->entry;
	uint32_t limit = atomic_load_explicit(&attempt->table->kick_limit, memory_order_relaxed);
	duel = duel_add_kick(duel, attempt->now_tick, limit, ret_is_duel);
	atomic_store_explicit(&entry->standing.duel, duel, memory_order_relaxed);
	return cds_lfht_replace(attempt->table->hash_table, found, entry->hash, match,
		       &attempt->key, &entry->node) == 0;
}

/* Returns whether the user was not logged in, and is now. Counted before it is in the table, where
 * another thread may at once replace it, log out and take one off. */
static bool add(const struct attempt *attempt)
{
	struct user_table *table = attempt->table;
	struct user_entry *entry = attempt->entry;
	/* An earlier try to replace one that has left meanwhile was no kick. */
	atomic_store_explicit(&entry->standing.duel, (struct duel){0}, memory_order_relaxed);
	atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
	bool is_in = cds_lfht_add_unique(table->hash_table, entry->hash, match, &attempt->key,
			     &entry->node) == &entry->node;
	if (!is_in) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
	}
	return is_in;
}

/* Returns false when somebody was faster: to be tried once more. */
static bool try_login(const struct attempt *attempt, struct user_login *ret_login)
{
	struct cds_lfht *hash_table = attempt->table->hash_table;
	struct user_entry *entry = attempt->entry;
	struct cds_lfht_iter iter;
	struct duel duel;
	*ret_login = (struct user_login){.result = USER_LOGIN_IN};
	if (add(attempt)) {
		return true;
	}
	cds_lfht_lookup(hash_table, entry->hash, match, &attempt->key, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	if (!node) {
		return false;
	}
	struct user_entry *old = caa_container_of(node, struct user_entry, node);
	ret_login->result = judge(attempt, &old->standing, &duel, &ret_login->wait_ticks);
	if (ret_login->result != USER_LOGIN_IN) {
		return !cds_lfht_is_node_deleted(node);
	}
	ret_login->replaced = old;
	return replace(attempt, &iter, duel, &ret_login->is_duel);
}

struct user_login user_table_login(
	struct user_table *table, struct user_entry *entry, uint32_t now_tick, bool may_replace)
{
	const struct attempt attempt = {
		.table = table,
		.entry = entry,
		.key = {entry->name, entry->name_len, table},
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
	return login;
}

bool user_table_logout(struct user_table *table, struct user_entry **entry)
{
	struct user_entry *mine = *entry;
	*entry = NULL;
	read_begin();
	bool removed = cds_lfht_del(table->hash_table, &mine->node) == 0;
	read_end();
	if (removed) {
		atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
		free_later(mine);
	}
	return removed;
}

int user_table_find(
	struct user_table *table, const char *name, size_t name_len, handle_t *ret_handle)
{
	struct key key = {name, name_len, table};
	struct cds_lfht_iter iter;
	int err = -ENOENT;
	read_begin();
	cds_lfht_lookup(table->hash_table, hash_name(table, name, name_len), match, &key, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	if (node) {
		*ret_handle = caa_container_of(node, struct user_entry, node)->handle;
		err = 0;
	}
	read_end();
	return err;
}

size_t user_table_count(const struct user_table *table)
{
	return atomic_load_explicit(&table->count, memory_order_relaxed);
}

void user_table_housekeep(struct user_table *table)
{
	size_t wanted = buckets_for(user_table_count(table));
	/* Growing only: after a restart of half the clients the other half is on its way back. */
	if (wanted > table->buckets) {
		cds_lfht_resize(table->hash_table, wanted);
		table->buckets = wanted;
	}
}

const char *user_entry_name(const struct user_entry *entry, size_t *ret_len)
{
	*ret_len = entry->name_len;
	return entry->name;
}

handle_t user_entry_handle(const struct user_entry *entry)
{
	return entry->handle;
}

uint32_t user_entry_hash(const struct user_entry *entry)
{
	return entry->hash;
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
