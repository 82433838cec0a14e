#include "rooms.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <urcu/rculfhash.h>

#include "../../proto/assert.h"
#include "../user/rcu_table.h"
#include "first_names.h"

/* For ThreadSanitizer: see rcu_table.h. */
static char grace_period;

enum {
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 24,
	LOCKS = 64,
	/* Bytes that a room is charged beside its own: the table grows for it, by a bucket or two.
	 * It stays that large when the room is gone. */
	PLACE = 2 * sizeof(struct cds_lfht_node),
};

/* Owner:  the gateway.
 * Shared: all registered threads. */
struct rooms {
	struct cds_lfht *hash_table;
	struct budget *budget;
	_Atomic size_t limit; /* bytes of BUDGET_ROOMS */
	_Atomic size_t count;
	size_t buckets; /* housekeeper's own: the size last asked for */
	unsigned char key[crypto_shorthash_KEYBYTES];
	pthread_mutex_t locks[LOCKS]; /* by hash: of who comes and goes */
	uint32_t made[LOCKS];         /* rooms so far, each under its lock */
};

/* Owner:  the table.
 * Shared: readers under RCU, and workers that have members.
 * Freed:  a grace period after its last member has left. */
struct room {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	struct room_part *_Atomic parts;
	_Atomic uint32_t sessions;
	_Atomic uint32_t users;
	_Atomic uint32_t told; /* sessions that are told who comes and goes */
	_Atomic uint32_t said; /* the next number of what is said */
	uint32_t hash;
	uint32_t serial; /* another one for each room of that hash */
	/* Which worker has told something last: its id, and the tick << 8. */
	_Atomic uint32_t teller;
	_Atomic uint16_t counted_tick; /* when the number of users was told: the low bits */
	/* Sessions that lag; each has much queued, so that they are never 65,536. */
	_Atomic uint16_t lagging;
	atomic_bool is_due; /* some worker will tell it */
	uint8_t name_len;
	char name[];
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

static int match(struct cds_lfht_node *node, const void *wanted)
{
	const struct key *key = wanted;
	OBSERVE(key->rooms);
	return slice_equals(room_name(caa_container_of(node, struct room, node)), key->name);
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

/* Under RCU. */
static struct room *look_up(struct rooms *rooms, struct slice name, uint32_t hash)
{
	const struct key key = {name, rooms};
	struct cds_lfht_iter iter;
	cds_lfht_lookup(rooms->hash_table, hash, match, &key, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct room, node) : NULL;
}

int rooms_create(size_t expected, struct budget *budget, struct rooms **ret_rooms)
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
	randombytes_buf(rooms->key, sizeof(rooms->key));
	for (int i = 0; i < LOCKS; i++) {
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
	for (int i = 0; i < LOCKS; i++) {
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
	GRACE_ENDS(&grace_period);
	free((uint8_t *)head - offsetof(struct room_part, places));
}

/* Where the pointer to a worker's part stands, or to the NULL behind all parts. */
static struct room_part *_Atomic *part_link(struct room *room, uint8_t worker)
{
	struct room_part *_Atomic *link = &room->parts;
	struct room_part *part;
	while ((part = atomic_load_explicit(link, memory_order_acquire)) &&
		part->worker != worker) {
		link = &part->next;
	}
	return link;
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
		GRACE_BEGINS(&grace_period);
		urcu_memb_call_rcu(room_part_rcu(old), free_part);
	}
	return 0;
}

static int add_member(
	struct rooms *rooms, struct room *room, uint8_t worker, struct user_entry *entry)
{
	struct room_part *_Atomic *link = part_link(room, worker);
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
	struct room_part *_Atomic *link = part_link(room, worker);
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

/* By other bits than those that find the bucket. */
static uint32_t lock_number(uint32_t hash)
{
	return hash >> 26 & (LOCKS - 1);
}

static pthread_mutex_t *lock_of(struct rooms *rooms, uint32_t hash)
{
	return &rooms->locks[lock_number(hash)];
}

static int make_room(struct rooms *rooms, struct slice name, uint32_t hash, struct room **ret_room)
{
	struct room *room = calloc(1, offsetof(struct room, name) + name.len);
	if (!room) {
		return -ENOMEM;
	}
	cds_lfht_node_init(&room->node);
	room->hash = hash;
	room->serial = ++rooms->made[lock_number(hash)];
	room->name_len = (uint8_t)name.len;
	memcpy(room->name, name.data, name.len);
	*ret_room = room;
	return 0;
}

static void free_room(struct rcu_head *head)
{
	GRACE_ENDS(&grace_period);
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
	GRACE_BEGINS(&grace_period);
	urcu_memb_call_rcu(&room->rcu, free_room);
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
	uint32_t hash = rooms_hash(rooms, name);
	pthread_mutex_t *lock = lock_of(rooms, hash);
	if (!rooms_may_grow(rooms)) {
		return -ENOBUFS;
	}
	pthread_mutex_lock(lock);
	read_begin();
	int err = enter(rooms, name, hash, worker, entry, ret_room, ret_change);
	read_end();
	pthread_mutex_unlock(lock);
	return err;
}

struct room_change room_leave(
	struct rooms *rooms, struct room *room, uint8_t worker, const struct user_entry *entry)
{
	pthread_mutex_t *lock = lock_of(rooms, room->hash);
	pthread_mutex_lock(lock);
	read_begin();
	remove_member(rooms, room, worker, entry);
	bool is_last = !has_user(room, entry);
	atomic_fetch_sub(&room->users, is_last);
	const struct room_change change = {.users = room_users(room), .is_of_a_user = is_last};
	if (atomic_fetch_sub_explicit(&room->sessions, 1, memory_order_relaxed) == 1) {
		retire(rooms, room);
	}
	read_end();
	pthread_mutex_unlock(lock);
	return change;
}

uint32_t room_set_told(struct room *room, bool is_told)
{
	atomic_fetch_add(&room->told, is_told ? 1 : UINT32_MAX);
	return atomic_load(&room->users);
}

/* --- speaking and handing out ------------------------------------------------------------------
 */

struct slice room_name(const struct room *room)
{
	return (struct slice){room->name, room->name_len};
}

uint32_t room_hash(const struct room *room)
{
	return room->hash;
}

uint32_t room_serial(const struct room *room)
{
	return room->serial;
}

uint32_t room_users(const struct room *room)
{
	return atomic_load_explicit(&room->users, memory_order_relaxed);
}

uint32_t room_sessions(const struct room *room)
{
	return atomic_load_explicit(&room->sessions, memory_order_relaxed);
}

uint32_t room_told(const struct room *room)
{
	return atomic_load(&room->told);
}

void room_note_lag(struct room *room, bool lags)
{
	atomic_fetch_add_explicit(&room->lagging, lags ? 1 : UINT16_MAX, memory_order_relaxed);
}

bool room_lags(const struct room *room)
{
	return atomic_load_explicit(&room->lagging, memory_order_relaxed) > 0;
}

bool room_most_lag(const struct room *room)
{
	return 2U * atomic_load_explicit(&room->lagging, memory_order_relaxed) >
	       room_sessions(room);
}

bool room_claim_count(struct room *room)
{
	return !atomic_exchange_explicit(&room->is_due, true, memory_order_acq_rel);
}

bool room_tell_count(struct room *room, uint32_t now_tick, uint32_t every_ticks)
{
	uint16_t last = atomic_load_explicit(&room->counted_tick, memory_order_relaxed);
	/* Signed: the worker that told it last may be a little ahead. After hours, by chance, it is
	 * told a moment later than it might be. */
	if (last != 0 && (int16_t)(now_tick - last) < (int16_t)every_ticks) {
		return false;
	}
	atomic_store_explicit(&room->counted_tick, (uint16_t)now_tick, memory_order_relaxed);
	/* Whoever finds it claimed still has changed the number before it is read now. */
	atomic_exchange_explicit(&room->is_due, false, memory_order_acq_rel);
	return true;
}

bool room_note_telling(struct room *room, uint8_t worker, uint32_t now_tick, uint32_t ticks)
{
	const uint32_t before = atomic_exchange_explicit(
		&room->teller, now_tick << 8 | worker, memory_order_relaxed);
	const uint32_t shifted_since = (now_tick << 8) - (before & ~UINT32_C(0xff));
	return before != 0 && (uint8_t)before != worker &&
	       (int32_t)shifted_since < (int32_t)(ticks << 8);
}

uint32_t room_say(struct room *room)
{
	return atomic_fetch_add_explicit(&room->said, 1, memory_order_acq_rel);
}

void room_mark_workers(struct room *room, uint64_t workers[4])
{
	read_begin();
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_acquire);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_acquire)) {
		if (atomic_load_explicit(&part->count, memory_order_acquire) > 0) {
			workers[part->worker / 64] |= UINT64_C(1) << part->worker % 64;
		}
	}
	read_end();
}

struct room *rooms_find_begin(struct rooms *rooms, struct slice name, uint32_t hash)
{
	read_begin();
	return look_up(rooms, name, hash);
}

void rooms_find_end(struct rooms *rooms)
{
	(void)rooms;
	read_end();
}

const struct room_part *rooms_part_of(
	struct rooms *rooms, struct slice name, uint32_t hash, uint8_t worker)
{
	const struct room_part *part = NULL;
	read_begin();
	struct room *room = look_up(rooms, name, hash);
	if (room) {
		part = atomic_load_explicit(part_link(room, worker), memory_order_acquire);
		/* One without members may go with its room. */
		if (part && atomic_load_explicit(&part->count, memory_order_relaxed) == 0) {
			part = NULL;
		}
	}
	read_end();
	return part;
}

/* --- lists -------------------------------------------------------------------------------------
 */

static void list_part(struct first_names *first, const struct room_part *part)
{
	for (uint32_t i = 0; i < room_part_places(part); i++) {
		struct slice name;
		if (part->places[i]) {
			name.data = user_entry_name(part->places[i], &name.len);
			first_names_add(first, name);
		}
	}
}

bool room_list(struct rooms *rooms, struct room *room, struct slice after, uint32_t most,
	void (*take)(void *context, struct slice user), void *context)
{
	struct first_names first;
	first_names_begin(&first, after, most);
	pthread_mutex_t *lock = lock_of(rooms, room->hash);
	pthread_mutex_lock(lock);
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_relaxed);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_relaxed)) {
		list_part(&first, part);
	}
	for (uint32_t i = 0; i < first_names_count(&first); i++) {
		take(context, first.names[i]);
	}
	pthread_mutex_unlock(lock);
	return first_names_are_all(&first);
}

/* --- walks -------------------------------------------------------------------------------------
 */

/* The table is in the order of reversed hashes, of which ours have 32 bits and liburcu's 64: this
 * one stands just behind all rooms of that hash, and is no room's. */
static unsigned long behind(uint32_t hash)
{
	return ~(unsigned long)UINT32_MAX | hash;
}

static int is_mark(struct cds_lfht_node *node, const void *mark)
{
	return node == mark;
}

/* Finds where a walk goes on, by a room without a name that is put there for a moment: what the
 * walk has seen last may be gone. Under RCU. Errors: -ENOMEM. */
static int seek(struct rooms *rooms, const struct rooms_walk *walk, struct cds_lfht_iter *ret_iter)
{
	if (walk->position == 0) {
		cds_lfht_first(rooms->hash_table, ret_iter);
		return 0;
	}
	struct room *mark = calloc(1, sizeof(*mark));
	if (!mark) {
		return -ENOMEM;
	}
	cds_lfht_node_init(&mark->node);
	unsigned long place = behind((uint32_t)(walk->position - 1));
	PUBLISH(rooms);
	cds_lfht_add(rooms->hash_table, place, &mark->node);
	cds_lfht_lookup(rooms->hash_table, place, is_mark, &mark->node, ret_iter);
	cds_lfht_next(rooms->hash_table, ret_iter);
	ASSERT(cds_lfht_del(rooms->hash_table, &mark->node) == 0);
	GRACE_BEGINS(&grace_period);
	urcu_memb_call_rcu(&mark->rcu, free_room);
	return 0;
}

/* Those of one hash, which have no order that stays. */
struct run {
	uint64_t position; /* in front of them */
	uint32_t hash;
	uint32_t count; /* of them, those that were passed */
};

static void pass(struct run *run, const struct room *room)
{
	if (run->count > 0 && run->hash != room->hash) {
		run->position = (uint64_t)run->hash + 1;
		run->count = 0;
	}
	run->hash = room->hash;
	run->count++;
}

/* Whether the walk has come by it already: the first ones of the first hash. */
static bool was_passed(const struct rooms_walk *walk, const struct run *run)
{
	return run->position == walk->position && run->count <= walk->skip;
}

/* Hands out those from `iter` on. Returns whether there are more. */
static bool walk_on(struct rooms *rooms, struct rooms_walk *walk, struct cds_lfht_iter *iter,
	uint32_t most, bool (*take)(void *context, struct room *room), void *context)
{
	struct run run = {.position = walk->position};
	struct cds_lfht_node *node;
	for (; (node = cds_lfht_iter_get_node(iter)); cds_lfht_next(rooms->hash_table, iter)) {
		OBSERVE(rooms);
		struct room *room = caa_container_of(node, struct room, node);
		if (room->name_len == 0) {
			continue; /* another walk's mark */
		}
		pass(&run, room);
		if (was_passed(walk, &run)) {
			continue;
		}
		if (most == 0 || !take(context, room)) {
			*walk = (struct rooms_walk){run.position, run.count - 1};
			return true;
		}
		most--;
	}
	return false;
}

int rooms_walk(struct rooms *rooms, struct rooms_walk *walk, uint32_t most,
	bool (*take)(void *context, struct room *room), void *context)
{
	struct cds_lfht_iter iter;
	read_begin();
	int err = seek(rooms, walk, &iter);
	int more = err ? err : walk_on(rooms, walk, &iter, most, take, context);
	read_end();
	return more;
}
