#include "rooms.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "rooms_inner.h"

char rooms_grace_period;

enum {
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 24,
	/* Bytes that a room is charged beside its own: the table grows for it, by a bucket or two.
	 * It stays that large when the room is gone. */
	PLACE = 2 * sizeof(struct cds_lfht_node),
};

struct key {
	struct slice name;
	struct rooms *rooms;
};

/* --- the table ---------------------------------------------------------------------------------
 */

uint32_t rooms_hash(const struct rooms *rooms, struct slice name)
{
	return rcu_table_hash(rooms->key, name.data, name.len);
}

uint64_t rooms_hash64(const struct rooms *rooms, struct slice name)
{
	return rcu_table_hash64(rooms->key, name.data, name.len);
}

static int match(struct cds_lfht_node *node, const void *wanted)
{
	const struct key *key = wanted;
	OBSERVE(key->rooms);
	return slice_equals(room_name(caa_container_of(node, struct room, node)), key->name);
}

/* Under RCU. */
static struct room *look_up(struct rooms *rooms, struct slice name, uint32_t hash)
{
	const struct key key = {name, rooms};
	struct cds_lfht_iter iter;
	cds_lfht_lookup(rooms->hash_table, hash, match, &key, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct room, node) : NULL;
}

int rooms_create(
	size_t expected, struct budget *budget, const uint8_t *hash_key, struct rooms **ret_rooms)
{
	if (sodium_init() < 0) {
		return -ENOSYS;
	}
	struct rooms *rooms = calloc(1, sizeof(*rooms));
	if (!rooms) {
		return -ENOMEM;
	}
	rooms->budget = budget;
	rooms->limit = SIZE_MAX;
	rooms->buckets = rcu_table_buckets(expected, BUCKETS_MIN, BUCKETS_MAX);
	/* Without CDS_LFHT_AUTO_RESIZE, as for users. */
	rooms->hash_table = cds_lfht_new_flavor(
		rooms->buckets, BUCKETS_MIN, BUCKETS_MAX, 0, &urcu_memb_flavor, NULL);
	if (!rooms->hash_table) {
		free(rooms);
		return -ENOMEM;
	}
	rcu_table_set_key(rooms->key, hash_key);
	for (int i = 0; i < ROOMS_LOCKS; i++) {
		pthread_mutex_init(&rooms->locks[i], NULL);
	}
	*ret_rooms = rooms;
	return 0;
}

void rooms_destroy(struct rooms **rooms)
{
	struct rooms *given = *rooms;
	if (!given) {
		return;
	}
	*rooms = NULL;
	urcu_memb_barrier();
	ASSERT(cds_lfht_destroy(given->hash_table, NULL) == 0);
	for (int i = 0; i < ROOMS_LOCKS; i++) {
		pthread_mutex_destroy(&given->locks[i]);
	}
	free(given);
}

void rooms_housekeep(struct rooms *rooms)
{
	size_t wanted = rcu_table_buckets(rooms_count(rooms), BUCKETS_MIN, BUCKETS_MAX);
	if (wanted > rooms->buckets) {
		cds_lfht_resize(rooms->hash_table, wanted);
		rooms->buckets = wanted;
	}
}

size_t rooms_count(const struct rooms *rooms)
{
	return atomic_load_explicit(&rooms->count, memory_order_relaxed);
}

/* --- memory ------------------------------------------------------------------------------------
 */

void rooms_set_limit(struct rooms *rooms, size_t bytes)
{
	atomic_store_explicit(&rooms->limit, bytes, memory_order_relaxed);
}

bool rooms_may_grow(const struct rooms *rooms)
{
	return budget_held(rooms->budget, BUDGET_ROOMS) <
		       atomic_load_explicit(&rooms->limit, memory_order_relaxed) &&
	       !budget_is_exceeded(rooms->budget);
}

void rooms_charge(struct rooms *rooms, ptrdiff_t bytes)
{
	budget_change(rooms->budget, BUDGET_ROOMS, bytes);
}

static ptrdiff_t size_of(void *piece)
{
	return (ptrdiff_t)malloc_usable_size(piece);
}

/* --- parts -------------------------------------------------------------------------------------
 */

static void free_part(struct rcu_head *head)
{
	GRACE_ENDS(&rooms_grace_period);
	free((uint8_t *)head - offsetof(struct room_part, places));
}

/* Puts one of another size in the place of the part at `link`, or one where there is none. */
static int resize_part(
	struct rooms *rooms, struct room_part *_Atomic *link, uint8_t worker, uint32_t count)
{
	struct room_part *old = atomic_load_explicit(link, memory_order_relaxed);
	struct room_part *part;
	int err = room_part_create(worker, count, &part);
	if (err) {
		return err;
	}
	if (old) {
		room_part_move(part, old);
		atomic_store_explicit(&part->next,
			atomic_load_explicit(&old->next, memory_order_relaxed),
			memory_order_relaxed);
	}
	atomic_store_explicit(link, part, memory_order_release);
	rooms_charge(rooms, size_of(part) - (old ? size_of(old) : 0));
	if (old) {
		GRACE_BEGINS(&rooms_grace_period);
		urcu_memb_call_rcu(room_part_rcu(old), free_part);
	}
	return 0;
}

static int add_member(
	struct rooms *rooms, struct room *room, uint8_t worker, struct user_entry *entry)
{
	struct room_part *_Atomic *link = room_part_link(room, worker);
	struct room_part *part = atomic_load_explicit(link, memory_order_relaxed);
	if (!part || room_part_is_full(part)) {
		uint32_t count =
			part ? atomic_load_explicit(&part->count, memory_order_relaxed) : 0;
		int err = resize_part(rooms, link, worker, count + 1);
		if (err) {
			return err;
		}
		part = atomic_load_explicit(link, memory_order_relaxed);
	}
	room_part_add(part, entry);
	return 0;
}

static void remove_member(
	struct rooms *rooms, struct room *room, uint8_t worker, const struct user_entry *entry)
{
	struct room_part *_Atomic *link = room_part_link(room, worker);
	struct room_part *part = atomic_load_explicit(link, memory_order_relaxed);
	room_part_remove(part, entry);
	if (room_part_is_roomy(part)) {
		/* Without memory for that it stays as it is. */
		(void)resize_part(rooms, link, worker,
			atomic_load_explicit(&part->count, memory_order_relaxed));
	}
}

static bool has_user(struct room *room, const struct user_entry *entry)
{
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_relaxed);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_relaxed)) {
		if (room_part_has_user(part, entry)) {
			return true;
		}
	}
	return false;
}

/* --- coming and going --------------------------------------------------------------------------
 */

static int make_room(struct rooms *rooms, struct slice name, uint32_t hash, struct room **ret_room)
{
	struct room *room = calloc(1, offsetof(struct room, name) + name.len);
	if (!room) {
		return -ENOMEM;
	}
	cds_lfht_node_init(&room->node);
	room->hash = hash;
	room->serial = ++rooms->made[rooms_lock_number(hash)];
	room->name_len = (uint8_t)name.len;
	memcpy(room->name, name.data, name.len);
	*ret_room = room;
	return 0;
}

void rooms_free_room(struct rcu_head *head)
{
	GRACE_ENDS(&rooms_grace_period);
	struct room *room = caa_container_of(head, struct room, rcu);
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_relaxed);
	while (part) {
		struct room_part *next = atomic_load_explicit(&part->next, memory_order_relaxed);
		free(part);
		part = next;
	}
	free(room);
}

static void publish(struct rooms *rooms, struct room *room)
{
	PUBLISH(rooms);
	cds_lfht_add(rooms->hash_table, room->hash, &room->node);
	atomic_fetch_add_explicit(&rooms->count, 1, memory_order_relaxed);
	rooms_charge(rooms, size_of(room) + PLACE);
}

static ptrdiff_t size_of_parts(struct room *room)
{
	ptrdiff_t bytes = 0;
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_relaxed);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_relaxed)) {
		bytes += size_of(part);
	}
	return bytes;
}

static void retire(struct rooms *rooms, struct room *room)
{
	ASSERT(cds_lfht_del(rooms->hash_table, &room->node) == 0);
	atomic_fetch_sub_explicit(&rooms->count, 1, memory_order_relaxed);
	rooms_charge(rooms, -(size_of(room) + PLACE + size_of_parts(room)));
	GRACE_BEGINS(&rooms_grace_period);
	urcu_memb_call_rcu(&room->rcu, rooms_free_room);
}

/* Returns the step of what is said from now on. */
static uint32_t begin_step(struct room *room)
{
	uint32_t said = atomic_load_explicit(&room->said, memory_order_acquire);
	uint32_t next;
	do {
		next = said + (0 - said) % ROOM_STEP;
	} while (!atomic_compare_exchange_weak_explicit(
		&room->said, &said, next, memory_order_acq_rel, memory_order_acquire));
	return next / ROOM_STEP;
}

/* Under the lock, and RCU. */
static int enter(struct rooms *rooms, struct slice name, uint32_t hash, uint8_t worker,
	struct user_entry *entry, struct room **ret_room, struct room_change *ret_change)
{
	struct room *room = look_up(rooms, name, hash);
	bool is_new = !room;
	int err = is_new ? make_room(rooms, name, hash, &room) : 0;
	if (err) {
		return err;
	}
	bool is_first = !has_user(room, entry);
	err = add_member(rooms, room, worker, entry);
	if (err) {
		if (is_new) {
			free(room);
		}
		return err;
	}
	atomic_fetch_add_explicit(&room->sessions, 1, memory_order_relaxed);
	atomic_fetch_add(&room->users, is_first);
	*ret_change = (struct room_change){
		.users = room_users(room),
		.since = begin_step(room),
		.is_of_a_user = is_first,
	};
	*ret_room = room;
	if (is_new) {
		publish(rooms, room);
	}
	return 0;
}

int room_enter(struct rooms *rooms, struct slice name, uint8_t worker, struct user_entry *entry,
	struct room **ret_room, struct room_change *ret_change)
{
	return rooms_may_grow(rooms) ? room_return(rooms, name, worker, entry, ret_room, ret_change)
				     : -ENOBUFS;
}

int room_return(struct rooms *rooms, struct slice name, uint8_t worker, struct user_entry *entry,
	struct room **ret_room, struct room_change *ret_change)
{
	uint32_t hash = rooms_hash(rooms, name);
	pthread_mutex_t *lock = rooms_lock_of(rooms, hash);
	pthread_mutex_lock(lock);
	rooms_read_begin();
	int err = enter(rooms, name, hash, worker, entry, ret_room, ret_change);
	rooms_read_end();
	pthread_mutex_unlock(lock);
	return err;
}

struct room_change room_leave(
	struct rooms *rooms, struct room *room, uint8_t worker, const struct user_entry *entry)
{
	pthread_mutex_t *lock = rooms_lock_of(rooms, room->hash);
	pthread_mutex_lock(lock);
	rooms_read_begin();
	remove_member(rooms, room, worker, entry);
	bool is_last = !has_user(room, entry);
	atomic_fetch_sub(&room->users, is_last);
	const struct room_change change = {.users = room_users(room), .is_of_a_user = is_last};
	if (atomic_fetch_sub_explicit(&room->sessions, 1, memory_order_relaxed) == 1) {
		retire(rooms, room);
	}
	rooms_read_end();
	pthread_mutex_unlock(lock);
	return change;
}

/* --- finding -----------------------------------------------------------------------------------
 */

struct room *rooms_find_begin(struct rooms *rooms, struct slice name, uint32_t hash)
{
	rooms_read_begin();
	return look_up(rooms, name, hash);
}

/* Whatever has that hash is a room: marks of walks have others, see rcu_walk.c. */
static int match_any(struct cds_lfht_node *node, const void *wanted)
{
	(void)node;
	(void)wanted;
	return 1;
}

struct room *rooms_find_by_hash_begin(struct rooms *rooms, uint32_t hash)
{
	struct cds_lfht_iter iter;
	rooms_read_begin();
	cds_lfht_lookup(rooms->hash_table, hash, match_any, NULL, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	OBSERVE(rooms);
	return node ? caa_container_of(node, struct room, node) : NULL;
}

void rooms_find_end(struct rooms *rooms)
{
	(void)rooms;
	rooms_read_end();
}

const struct room_part *rooms_part_of(
	struct rooms *rooms, struct slice name, uint32_t hash, uint8_t worker)
{
	const struct room_part *part = NULL;
	rooms_read_begin();
	struct room *room = look_up(rooms, name, hash);
	if (room) {
		part = atomic_load_explicit(room_part_link(room, worker), memory_order_acquire);
		/* One without members may go with its room. */
		if (part && atomic_load_explicit(&part->count, memory_order_relaxed) == 0) {
			part = NULL;
		}
	}
	rooms_read_end();
	return part;
}
