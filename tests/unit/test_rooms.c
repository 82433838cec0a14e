#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/fanout/rooms_list.h"
#include "split.h"

enum {
	THREADS = 4,
	ROOMS = 5,
	USERS = 40,
	SESSIONS = 64, /* of each thread */
	STEPS = 20000, /* of each thread */
	MANY = 3000,   /* more than any table begins with */
};

struct world {
	struct budget budget;
	struct user_table *users;
	struct rooms *rooms;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	user_table_thread_begin();
	assert_int_equal(user_table_create(0, 1, NULL, &world->users), 0);
	assert_int_equal(budget_init(&world->budget, 1), 0);
	assert_int_equal(rooms_create(0, &world->budget, NULL, &world->rooms), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	rooms_destroy(&world->rooms);
	assert_null(world->rooms);
	rooms_destroy(&world->rooms);
	assert_int_equal(budget_held(&world->budget, BUDGET_ROOMS), 0);
	budget_finish(&world->budget);
	user_table_destroy(&world->users);
	user_table_thread_end();
	free(world);
	return 0;
}

static struct user_entry *make(struct world *world, const char *name)
{
	const struct user_identity identity = {.name = name, .name_len = (uint8_t)strlen(name)};
	struct user_entry *entry;
	assert_int_equal(user_entry_create(world->users, &identity, 1, 1, &entry), 0);
	return entry;
}

static struct room *enter(struct world *world, const char *name, uint8_t worker,
	struct user_entry *entry, uint32_t users, bool is_of_a_user)
{
	struct room *room;
	struct room_change change;
	assert_int_equal(
		room_enter(world->rooms, slice_of(name), worker, entry, &room, &change), 0);
	assert_int_equal(change.users, users);
	assert_int_equal(change.is_of_a_user, is_of_a_user);
	return room;
}

static void leave(struct world *world, struct room *room, uint8_t worker, struct user_entry **entry,
	uint32_t users, bool is_of_a_user)
{
	struct room_change change = room_leave(world->rooms, room, worker, *entry);
	assert_int_equal(change.users, users);
	assert_int_equal(change.is_of_a_user, is_of_a_user);
	user_entry_discard(entry);
}

static const struct room_part *part_of(struct world *world, const struct room *room, uint8_t worker)
{
	return rooms_part_of(world->rooms, room_name(room), room_hash(room), worker);
}

static void test_a_room_exists_while_it_has_members(void **state)
{
	struct world *world = *state;
	struct user_entry *a = make(world, "a");
	struct user_entry *b = make(world, "b");
	struct user_entry *c = make(world, "c");
	struct room *one = enter(world, "one", 0, a, 1, true);
	assert_ptr_equal(enter(world, "one", 1, b, 2, true), one);
	struct room *two = enter(world, "two", 0, c, 1, true);
	assert_ptr_not_equal(one, two);
	assert_int_equal(rooms_count(world->rooms), 2);
	assert_int_equal(room_sessions(one), 2);
	assert_memory_equal(room_name(one).data, "one", 3);
	leave(world, one, 0, &a, 1, true);
	assert_int_equal(rooms_count(world->rooms), 2);
	leave(world, one, 1, &b, 0, true);
	leave(world, two, 0, &c, 0, true);
	assert_int_equal(rooms_count(world->rooms), 0);
}

/* The first session in to the last one out, wherever they are. */
static void test_counts_are_of_users(void **state)
{
	struct world *world = *state;
	struct user_entry *a1 = make(world, "a");
	struct user_entry *a2 = make(world, "a");
	struct user_entry *a3 = make(world, "a");
	struct user_entry *b = make(world, "b");
	struct room *room = enter(world, "r", 0, a1, 1, true);
	enter(world, "r", 1, a2, 1, false);
	enter(world, "r", 0, b, 2, true);
	enter(world, "r", 0, a3, 2, false);
	assert_int_equal(room_sessions(room), 4);
	leave(world, room, 0, &a1, 2, false);
	leave(world, room, 0, &a3, 2, false);
	leave(world, room, 1, &a2, 1, true);
	leave(world, room, 0, &b, 0, true);
}

static void test_workers_that_have_members(void **state)
{
	struct world *world = *state;
	struct user_entry *a = make(world, "a");
	struct user_entry *b = make(world, "b");
	struct room *room = enter(world, "r", 3, a, 1, true);
	uint64_t workers[4] = {0};
	enter(world, "r", 200, b, 2, true);
	room_mark_workers(room, workers);
	assert_int_equal(workers[0], 1 << 3);
	assert_int_equal(workers[3], 1 << (200 - 192));
	assert_int_equal(workers[1] | workers[2], 0);
	assert_int_equal(part_of(world, room, 3)->count, 1);
	assert_null(part_of(world, room, 4));
	leave(world, room, 3, &a, 1, true);
	memset(workers, 0, sizeof(workers));
	room_mark_workers(room, workers);
	assert_int_equal(workers[0], 0);
	assert_null(part_of(world, room, 3));
	leave(world, room, 200, &b, 0, true);
}

static void test_what_is_said_is_numbered(void **state)
{
	struct world *world = *state;
	struct user_entry *a = make(world, "a");
	struct user_entry *b = make(world, "b");
	struct room *room = enter(world, "r", 0, a, 1, true);
	struct room *same;
	struct room_change change;
	assert_int_equal(room_say(room), 0);
	assert_int_equal(room_say(room), 1);
	/* Who comes begins a step, unless nothing was said since another one came. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(room_enter(world->rooms, SLICE("r"), 0, b, &same, &change), 0);
		assert_int_equal(change.since, 1);
		room_leave(world->rooms, room, 0, b);
	}
	for (uint32_t i = 0; i <= ROOM_STEP; i++) {
		assert_int_equal(room_say(room), ROOM_STEP + i);
	}
	assert_int_equal(room_enter(world->rooms, SLICE("r"), 0, b, &same, &change), 0);
	assert_int_equal(change.since, 3);
	leave(world, room, 0, &a, 1, true);
	leave(world, room, 0, &b, 0, true);
}

/* Not more often than it may be, by whichever worker, whose clocks are not quite the same. */
static void test_a_number_is_told_now_and_then(void **state)
{
	struct world *world = *state;
	struct user_entry *a = make(world, "a");
	struct room *room = enter(world, "r", 0, a, 1, true);
	assert_true(room_claim_count(room));
	assert_false(room_claim_count(room));
	assert_true(room_tell_count(room, 100, 5));
	assert_true(room_claim_count(room));
	assert_false(room_tell_count(room, 99, 5));
	assert_false(room_tell_count(room, 104, 5));
	assert_false(room_claim_count(room));
	assert_true(room_tell_count(room, 105, 5));
	assert_true(room_claim_count(room));
	leave(world, room, 0, &a, 0, true);
}

/* A part holds exactly who is in, however it has grown and shrunk. */
static void test_parts_of_every_size(void **state)
{
	struct world *world = *state;
	struct user_entry **entries = calloc(MANY, sizeof(*entries));
	struct room *room = NULL;
	char name[16];
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		entries[i] = make(world, name);
		room = enter(world, "r", 0, entries[i], i + 1, true);
	}
	uint32_t random = 7;
	for (uint32_t left = MANY; left > 0; left--) {
		uint32_t i = split_random(&random) % left;
		if (left % 97 == 0) {
			const struct room_part *part = part_of(world, room, 0);
			uint32_t found = 0;
			for (uint32_t k = 0; k < room_part_places(part); k++) {
				found += part->places[k] != NULL;
			}
			assert_int_equal(found, left);
			assert_int_equal(part->count, left);
			assert_true(room_part_has_user(part, entries[i]));
			assert_true(room_part_places(part) <= 8 * left + 4);
		}
		leave(world, room, 0, &entries[i], left - 1, true);
		entries[i] = entries[left - 1];
	}
	free(entries);
}

static void test_the_table_grows(void **state)
{
	struct world *world = *state;
	struct user_entry *entry = make(world, "a");
	struct room **rooms = calloc(MANY, sizeof(*rooms));
	char name[16];
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		rooms[i] = enter(world, name, 0, entry, 1, true);
		if (i % 500 == 0) {
			rooms_housekeep(world->rooms);
		}
	}
	assert_int_equal(rooms_count(world->rooms), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_non_null(part_of(world, rooms[i], 0));
		room_leave(world->rooms, rooms[i], 0, entry);
	}
	assert_int_equal(rooms_count(world->rooms), 0);
	user_entry_discard(&entry);
	free(rooms);
}

static size_t held(const struct world *world)
{
	return budget_held(&world->budget, BUDGET_ROOMS);
}

/* Every byte that rooms hold is in the budget, and beyond the limit nobody comes in. */
static void test_what_rooms_hold_is_limited(void **state)
{
	enum {
		COUNT = 100,
	};
	struct world *world = *state;
	struct user_entry *entries[COUNT];
	struct room *room = NULL;
	struct room_change change;
	char name[16];
	assert_int_equal(held(world), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		entries[i] = make(world, name);
		room = enter(world, "r", (uint8_t)(i % 2), entries[i], i + 1, true);
	}
	/* A place for each, and some that are free. */
	assert_in_range(held(world), 8 * COUNT, 24 * COUNT + 200);
	rooms_set_limit(world->rooms, held(world));
	assert_false(rooms_may_grow(world->rooms));
	struct user_entry *late = make(world, "late");
	struct room *none = NULL;
	assert_int_equal(room_enter(world->rooms, SLICE("r"), 0, late, &none, &change), -ENOBUFS);
	assert_int_equal(room_enter(world->rooms, SLICE("new"), 0, late, &none, &change), -ENOBUFS);
	assert_null(none);
	assert_int_equal(room_sessions(room), COUNT);
	for (uint32_t i = 1; i < COUNT; i++) {
		leave(world, room, (uint8_t)(i % 2), &entries[i], COUNT - i, true);
	}
	assert_in_range(held(world), 1, 300);
	enter(world, "r", 0, late, 2, true);
	/* All that the node holds counts too. */
	world->budget.limit = 10;
	assert_int_equal(room_enter(world->rooms, SLICE("x"), 0, late, &none, &change), -ENOBUFS);
	leave(world, room, 0, &late, 1, true);
	leave(world, room, 0, &entries[0], 0, true);
	assert_int_equal(held(world), 0);
}

/* --- lists -------------------------------------------------------------------------------------
 */

struct page {
	char names[300][16];
	uint32_t count;
};

static void take(void *context, struct slice user)
{
	struct page *page = context;
	memcpy(page->names[page->count], user.data, user.len);
	page->names[page->count++][user.len] = '\0';
}

static bool list(struct world *world, struct room *room, const char *after, uint32_t most,
	struct page *ret_page)
{
	memset(ret_page, 0, sizeof(*ret_page));
	return room_list(world->rooms, room, slice_of(after), most, take, ret_page);
}

/* Each user once, in the order of bytes, page by page, whichever worker he is with. */
static void test_lists_are_paged(void **state)
{
	enum {
		COUNT = 700,
	};
	struct world *world = *state;
	struct user_entry *entries[COUNT + 1];
	struct room *room = NULL;
	struct page page;
	char name[16];
	for (uint32_t i = 0; i < COUNT; i++) {
		/* 377 and 700 have no common factor: each number once. */
		snprintf(name, sizeof(name), "u%03u", i * 377 % COUNT);
		entries[i] = make(world, name);
		room = enter(world, "r", (uint8_t)(i % 3), entries[i], i + 1, true);
	}
	entries[COUNT] = make(world, "u005");
	enter(world, "r", 2, entries[COUNT], COUNT, false);
	uint32_t next = 0;
	bool is_last = false;
	char after[16] = "";
	while (!is_last) {
		is_last = list(world, room, after, 256, &page);
		assert_int_equal(page.count, COUNT - next < 256 ? COUNT - next : 256);
		for (uint32_t i = 0; i < page.count; i++) {
			snprintf(name, sizeof(name), "u%03u", next++);
			assert_string_equal(page.names[i], name);
		}
		strcpy(after, page.names[page.count - 1]);
	}
	assert_int_equal(next, COUNT);
	/* A full page may be the last one. */
	assert_true(list(world, room, "u443", 256, &page));
	assert_int_equal(page.count, 256);
	assert_false(list(world, room, "u442", 256, &page));
	assert_true(list(world, room, "u699", 256, &page));
	assert_int_equal(page.count, 0);
	/* One that is the beginning of another comes first. */
	assert_false(list(world, room, "", 1, &page));
	assert_string_equal(page.names[0], "u000");
	for (uint32_t i = 0; i <= COUNT; i++) {
		room_leave(world->rooms, room, i < COUNT ? (uint8_t)(i % 3) : 2, entries[i]);
		user_entry_discard(&entries[i]);
	}
}

/* --- walks -------------------------------------------------------------------------------------
 */

/* What a walk has met: how often each of the rooms r0, r1 and so on. */
struct met {
	uint8_t times[MANY];
	uint32_t left; /* rooms that the page has place for */
};

static bool meet(void *context, struct room *room)
{
	struct met *met = context;
	struct slice name = room_name(room);
	if (met->left == 0) {
		return false;
	}
	met->left--;
	met->times[strtoul(name.data + 1, NULL, 10)]++;
	return true;
}

static void enter_numbered(
	struct world *world, uint32_t i, struct user_entry *entry, struct room **ret_room)
{
	char name[16];
	struct room_change change;
	snprintf(name, sizeof(name), "r%04u.", i);
	assert_int_equal(room_enter(world->rooms, slice_of(name), 0, entry, ret_room, &change), 0);
}

/* Page by page, with rooms that come and go in between and a table that grows: who stays is met
 * once. */
static void test_a_walk_meets_who_stays_once(void **state)
{
	struct world *world = *state;
	static struct room *rooms[MANY];
	struct user_entry *entry = make(world, "a");
	for (uint32_t i = 0; i < MANY / 2; i++) {
		enter_numbered(world, i, entry, &rooms[i]);
	}
	for (uint32_t page = 1; page < MANY; page = page * 3 + 1) {
		struct rcu_walk walk = {0};
		struct met met = {.left = page};
		uint32_t seed = page;
		int more = 1;
		while (more) {
			met.left = page;
			/* The one limit, or the other, ends a page. */
			more = rooms_walk(world->rooms, &walk, split_random(&seed) % (2 * page) + 1,
				meet, &met);
			assert_true(more >= 0);
			uint32_t i = MANY / 4 + split_random(&seed) % (MANY - MANY / 4);
			if (rooms[i]) {
				room_leave(world->rooms, rooms[i], 0, entry);
				rooms[i] = NULL;
			} else {
				enter_numbered(world, i, entry, &rooms[i]);
			}
			rooms_housekeep(world->rooms);
		}
		for (uint32_t i = 0; i < MANY; i++) {
			assert_true(i < MANY / 4 ? met.times[i] == 1 : met.times[i] <= 1);
		}
	}
	for (uint32_t i = 0; i < MANY; i++) {
		if (rooms[i]) {
			room_leave(world->rooms, rooms[i], 0, entry);
		}
	}
	struct rcu_walk walk = {.position = 12345, .skip = 7};
	struct met met = {.left = 1};
	assert_int_equal(rooms_walk(world->rooms, &walk, 100, meet, &met), 0);
	user_entry_discard(&entry);
}

struct hashed {
	uint32_t hash;
	uint32_t number;
};

static int compare_hashes(const void *a, const void *b)
{
	const struct hashed *left = a;
	const struct hashed *right = b;
	return (left->hash > right->hash) - (left->hash < right->hash);
}

/* Two names of one hash; of so many there are some. */
static void find_twins(struct rooms *rooms, char ret_names[2][16])
{
	const uint32_t most = 1 << 19;
	struct hashed *all = calloc(most, sizeof(*all));
	uint32_t at = 1;
	for (uint32_t i = 0; i < most; i++) {
		snprintf(ret_names[0], 16, "r%u", i);
		all[i] = (struct hashed){rooms_hash(rooms, slice_of(ret_names[0])), i};
	}
	qsort(all, most, sizeof(*all), compare_hashes);
	while (at < most && all[at].hash != all[at - 1].hash) {
		at++;
	}
	assert_true(at < most);
	snprintf(ret_names[0], 16, "r%u", all[at - 1].number);
	snprintf(ret_names[1], 16, "r%u", all[at].number);
	free(all);
}

static bool count_two(void *context, struct room *room)
{
	uint32_t *left = context;
	(void)room;
	return (*left)-- > 0;
}

/* A page may end between two rooms of one hash. */
static void test_a_walk_meets_twins(void **state)
{
	struct world *world = *state;
	char names[2][16];
	struct user_entry *entry = make(world, "a");
	struct room *rooms[2];
	struct rcu_walk walk = {0};
	find_twins(world->rooms, names);
	for (int i = 0; i < 2; i++) {
		struct room_change change;
		assert_int_equal(
			room_enter(world->rooms, slice_of(names[i]), 0, entry, &rooms[i], &change),
			0);
	}
	assert_int_equal(room_hash(rooms[0]), room_hash(rooms[1]));
	uint32_t left = 1;
	assert_int_equal(rooms_walk(world->rooms, &walk, 100, count_two, &left), 1);
	assert_int_equal(walk.skip, 1);
	left = 2;
	assert_int_equal(rooms_walk(world->rooms, &walk, 100, count_two, &left), 0);
	assert_int_equal(left, 1);
	for (int i = 0; i < 2; i++) {
		room_leave(world->rooms, rooms[i], 0, entry);
	}
	user_entry_discard(&entry);
}

/* --- threads -----------------------------------------------------------------------------------
 */

struct session {
	struct user_entry *entry;
	struct room *room; /* NULL: in none */
};

struct hand {
	struct rcu_walk walk;
	pthread_t thread;
	uint8_t id;
	struct world *world;
	uint32_t random;
	struct session sessions[SESSIONS];
};

static void come(struct hand *hand, struct session *session)
{
	struct world *world = hand->world;
	char name[16];
	char room[16];
	struct room_change change;
	snprintf(name, sizeof(name), "u%u", split_random(&hand->random) % USERS);
	snprintf(room, sizeof(room), "r%u", split_random(&hand->random) % ROOMS);
	const struct user_identity identity = {.name = name, .name_len = (uint8_t)strlen(name)};
	if (user_entry_create(world->users, &identity, 1, 1, &session->entry) < 0 ||
		room_enter(world->rooms, slice_of(room), hand->id, session->entry, &session->room,
			&change) < 0 ||
		change.users == 0 || change.users > USERS) {
		abort();
	}
}

static void count_up(void *context, struct slice user)
{
	uint32_t *count = context;
	*count += user.len > 0 && user.data[0] == 'u';
}

static void *run_hand(void *context)
{
	struct hand *hand = context;
	struct world *world = hand->world;
	user_table_thread_begin();
	for (int step = 0; step < STEPS; step++) {
		struct session *session = &hand->sessions[split_random(&hand->random) % SESSIONS];
		uint64_t workers[4] = {0};
		uint32_t count = 0;
		if (!session->room) {
			come(hand, session);
			continue;
		}
		switch (split_random(&hand->random) % 5) {
		case 0:
			room_leave(world->rooms, session->room, hand->id, session->entry);
			user_entry_discard(&session->entry);
			session->room = NULL;
			break;
		case 1:
			room_list(world->rooms, session->room, SLICE(""), 256, count_up, &count);
			if (count == 0 || count > USERS) {
				abort();
			}
			break;
		case 2: {
			uint32_t left = 3;
			if (rooms_walk(world->rooms, &hand->walk, 2, count_two, &left) == 0) {
				hand->walk = (struct rcu_walk){0};
			}
			break;
		}
		case 3:
			room_mark_workers(session->room, workers);
			if (!(workers[0] >> hand->id & 1)) {
				abort();
			}
			break;
		default:
			room_say(session->room);
			if (!rooms_part_of(world->rooms, room_name(session->room),
				    room_hash(session->room), hand->id)) {
				abort();
			}
		}
	}
	for (int i = 0; i < SESSIONS; i++) {
		struct session *session = &hand->sessions[i];
		if (session->room) {
			room_leave(world->rooms, session->room, hand->id, session->entry);
			user_entry_discard(&session->entry);
		}
	}
	user_table_thread_end();
	return NULL;
}

static void test_torture(void **state)
{
	struct hand *hands = calloc(THREADS, sizeof(*hands));
	for (int i = 0; i < THREADS; i++) {
		hands[i].id = (uint8_t)i;
		hands[i].world = *state;
		hands[i].random = 77u + (uint32_t)i;
		assert_int_equal(pthread_create(&hands[i].thread, NULL, run_hand, &hands[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(hands[i].thread, NULL);
	}
	assert_int_equal(rooms_count(hands[0].world->rooms), 0);
	free(hands);
}

static void *come_and_go(void *context)
{
	struct world *world = context;
	const struct user_identity identity = {.name = "u", .name_len = 1};
	struct user_entry *entry;
	struct room *room;
	struct room_change change;
	user_table_thread_begin();
	if (user_entry_create(world->users, &identity, 1, 1, &entry) < 0) {
		abort();
	}
	for (int i = 0; i < STEPS; i++) {
		if (room_enter(world->rooms, slice_of("r"), 0, entry, &room, &change) < 0) {
			abort();
		}
		room_leave(world->rooms, room, 0, entry);
	}
	user_entry_discard(&entry);
	user_table_thread_end();
	return NULL;
}

/* A room may be found that another thread has just put there, or is taking away. */
static void test_a_room_that_comes_and_goes_is_found(void **state)
{
	struct world *world = *state;
	const uint32_t hash = rooms_hash(world->rooms, slice_of("r"));
	uint32_t found = 0;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, world), 0);
	for (int i = 0; i < STEPS || (found == 0 && i < 1000 * STEPS); i++) {
		struct room *room = rooms_find_by_hash_begin(world->rooms, hash);
		if (room) {
			assert_true(slice_equals(room_name(room), slice_of("r")));
			found++;
		}
		rooms_find_end(world->rooms);
	}
	pthread_join(thread, NULL);
	assert_int_equal(rooms_count(world->rooms), 0);
}

/* Nodes of a cluster have a key in common. */
static void test_hashes_of_a_key_in_common(void **state)
{
	static const uint8_t key[ROOMS_KEY_BYTES] = "sixteen bytes...";
	struct world *world = *state;
	const struct slice name = slice_of("u0001");
	struct rooms *rooms;
	assert_int_equal(rooms_create(0, &world->budget, key, &rooms), 0);
	assert_int_equal(rooms_hash64(rooms, name), UINT64_C(0x8d0bc2cfde4fe96e));
	assert_int_equal(rooms_hash(rooms, name), 0x8d0bc2cf);
	assert_int_not_equal(rooms_hash64(world->rooms, name), UINT64_C(0x8d0bc2cfde4fe96e));
	rooms_destroy(&rooms);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_room_exists_while_it_has_members),
		CASE(test_counts_are_of_users),
		CASE(test_workers_that_have_members),
		CASE(test_what_is_said_is_numbered),
		CASE(test_a_number_is_told_now_and_then),
		CASE(test_parts_of_every_size),
		CASE(test_the_table_grows),
		CASE(test_what_rooms_hold_is_limited),
		CASE(test_lists_are_paged),
		CASE(test_a_walk_meets_who_stays_once),
		CASE(test_a_walk_meets_twins),
		CASE(test_hashes_of_a_key_in_common),
		CASE(test_a_room_that_comes_and_goes_is_found),
		CASE(test_torture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
