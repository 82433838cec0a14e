#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/directory.h"
#include "../../server/user/user_table.h"
#include "directory_model.h"
#include "split.h"

enum {
	SELF = DIRECTORY_SELF,
	MANY = 60000,
	BYTES_OF_ENTRY = 48, /* of another node, at most */
	BYTES_OF_FEW = 1 << 20,
	ROUNDS = 6,
	STEPS = 4000, /* of a round */
	KEYS = 60,
	DEVICES = 3,
	EPOCHS = 12,
	NODES = 4,
	PAGE_MAX = 8192,
	READERS = 3,
};

static const uint8_t digest_key[DIRECTORY_DIGEST_KEY_BYTES] = "not so secret...";

static struct directory *create(void)
{
	struct directory *directory;
	assert_int_equal(directory_create(digest_key, &directory), 0);
	return directory;
}

static int setup(void **state)
{
	user_table_thread_begin();
	*state = create();
	return 0;
}

static int teardown(void **state)
{
	struct directory *directory = *state;
	directory_destroy(&directory);
	assert_null(directory);
	directory_destroy(&directory);
	user_table_thread_end();
	return 0;
}

static uint16_t take_node(struct directory *directory)
{
	uint16_t node;
	assert_int_equal(directory_take_node(directory, &node), 0);
	return node;
}

/* Numbers that look random, each another one for another input. */
static uint64_t key_of(uint64_t number)
{
	uint64_t key = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
	return key ^ key >> 31;
}

static uint32_t hash_of(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

/* --- entries -----------------------------------------------------------------------------------
 */

static void test_sessions_of_a_user(void **state)
{
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	struct directory_user users[4];
	const uint64_t key = key_of(1);
	assert_int_equal(directory_find_user(directory, key, users, 4), 0);
	assert_int_equal(directory_put_user(directory, other, key, 5, 100), DIRECTORY_ADDED);
	assert_int_equal(directory_put_user(directory, other, key, 5, 100), DIRECTORY_SAME);
	assert_int_equal(directory_put_user(directory, other, key, 5, 102), DIRECTORY_RAISED);
	assert_int_equal(directory_put_user(directory, other, key, 5, 101), DIRECTORY_LOWER);
	assert_int_equal(directory_find_user(directory, key, users, 4), 1);
	assert_int_equal(users[0].epoch, 102);
	assert_int_equal(users[0].device, 5);
	assert_int_equal(users[0].node, other);
	assert_int_equal(users[0].rank, 0);
	/* Another device, and another node's session of the same. */
	assert_int_equal(directory_put_user(directory, other, key, 6, 7), DIRECTORY_ADDED);
	assert_int_equal(directory_put_user(directory, SELF, key, 5, 103), DIRECTORY_ADDED);
	assert_int_equal(directory_find_user(directory, key, users, 4), 3);
	assert_int_equal(directory_find_user(directory, key, NULL, 0), 3);
	assert_int_equal(directory_find_user(directory, key ^ 1, users, 4), 0);
	assert_int_equal(directory_count(directory, other, DIRECTORY_USERS), 2);
	assert_int_equal(directory_count(directory, SELF, DIRECTORY_USERS), 1);
	assert_int_equal(directory_total(directory, DIRECTORY_USERS), 3);
	/* One goes at its epoch only. */
	assert_int_equal(directory_remove_user(directory, other, key, 5, 101), DIRECTORY_SAME);
	assert_int_equal(directory_remove_user(directory, other, key, 5, 103), DIRECTORY_SAME);
	assert_int_equal(directory_remove_user(directory, other, key, 5, 102), DIRECTORY_REMOVED);
	assert_int_equal(directory_remove_user(directory, other, key, 5, 102), DIRECTORY_SAME);
	assert_int_equal(directory_find_user(directory, key, users, 4), 2);
	assert_int_equal(directory_total(directory, DIRECTORY_USERS), 2);
}

static void test_rooms(void **state)
{
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	const uint16_t third = take_node(directory);
	struct directory_room rooms[4];
	const uint64_t key = key_of(2);
	assert_int_equal(directory_put_room(directory, other, key, 0, false), DIRECTORY_SAME);
	assert_int_equal(directory_put_room(directory, other, key, 3, false), DIRECTORY_ADDED);
	assert_int_equal(directory_put_room(directory, other, key, 3, false), DIRECTORY_SAME);
	assert_int_equal(directory_put_room(directory, other, key, 2, false), DIRECTORY_RAISED);
	assert_int_equal(directory_put_room(directory, other, key, 2, true), DIRECTORY_RAISED);
	assert_int_equal(directory_put_room(directory, third, key, 40, false), DIRECTORY_ADDED);
	assert_int_equal(directory_put_room(directory, SELF, key, 500, true), DIRECTORY_ADDED);
	assert_int_equal(directory_find_room(directory, key, rooms, 4), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(rooms[i].members, rooms[i].node == other   ? 2
						   : rooms[i].node == third ? 40
									    : 500);
		assert_int_equal(rooms[i].is_watched, rooms[i].node != third);
	}
	assert_int_equal(directory_room_users(directory, hash_of(key)), 42);
	assert_true(directory_room_is_watched(directory, hash_of(key)));
	assert_int_equal(directory_put_room(directory, other, key, 0, true), DIRECTORY_REMOVED);
	assert_int_equal(directory_room_users(directory, hash_of(key)), 40);
	assert_false(directory_room_is_watched(directory, hash_of(key)));
	assert_int_equal(directory_total(directory, DIRECTORY_ROOMS), 2);
	assert_int_equal(directory_total(directory, DIRECTORY_USERS), 0);
}

/* What workers ask is of other nodes' entries alone, and of the high half of the key. */
static void test_workers_ask_for_others(void **state)
{
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	const uint64_t key = key_of(3);
	directory_put_user(directory, SELF, key, 1, 1);
	directory_put_room(directory, SELF, key, 9, true);
	assert_false(directory_has_user(directory, hash_of(key)));
	assert_int_equal(directory_room_users(directory, hash_of(key)), 0);
	directory_put_user(directory, other, key ^ 1, 1, 1);
	assert_true(directory_has_user(directory, hash_of(key)));
	assert_false(directory_has_user(directory, hash_of(key) ^ 1));
	directory_put_room(directory, other, key, UINT32_MAX, false);
	directory_put_room(directory, other, key ^ 1, UINT32_MAX, false);
	assert_int_equal(directory_room_users(directory, hash_of(key)), UINT32_MAX);
	directory_remove_user(directory, other, key ^ 1, 1, 1);
	assert_false(directory_has_user(directory, hash_of(key)));
}

/* Keys of one place, over the end of a segment and round to its beginning. */
static void test_keys_that_meet(void **state)
{
	enum {
		TWINS = 100,
	};
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	const uint64_t ends[] = {0, UINT64_MAX << 32, UINT64_C(0x000fffff) << 32,
		UINT64_C(0x00100000) << 32, UINT64_C(0x7fffffff) << 32};
	struct directory_user found;
	for (size_t e = 0; e < sizeof(ends) / sizeof(*ends); e++) {
		for (uint64_t i = 0; i < TWINS; i++) {
			assert_int_equal(
				directory_put_user(directory, other, ends[e] | i, 1, i + 1),
				DIRECTORY_ADDED);
		}
	}
	for (size_t e = 0; e < sizeof(ends) / sizeof(*ends); e++) {
		for (uint64_t i = 0; i < TWINS; i++) {
			assert_int_equal(directory_find_user(directory, ends[e] | i, &found, 1), 1);
			assert_int_equal(found.epoch, i + 1);
		}
		for (uint64_t i = 0; i < TWINS; i += 2) {
			assert_int_equal(
				directory_remove_user(directory, other, ends[e] | i, 1, i + 1),
				DIRECTORY_REMOVED);
		}
		for (uint64_t i = 0; i < TWINS; i++) {
			assert_int_equal(
				directory_find_user(directory, ends[e] | i, &found, 1), i % 2);
		}
		assert_true(directory_has_user(directory, hash_of(ends[e])));
	}
}

/* --- memory ------------------------------------------------------------------------------------
 */

static void test_bytes_of_an_entry(void **state)
{
	struct directory *directory = *state;
	const size_t empty = directory_bytes(directory);
	const uint16_t other = take_node(directory);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(
			directory_put_user(directory, other, key_of(i), 0, i), DIRECTORY_ADDED);
		assert_true(directory_bytes(directory) - empty <
			    BYTES_OF_FEW + (size_t)BYTES_OF_ENTRY * (i + 1));
	}
	assert_true(directory_bytes(directory) - empty < (size_t)BYTES_OF_ENTRY * MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(directory_find_user(directory, key_of(i), NULL, 0), 1);
		assert_true(directory_has_user(directory, hash_of(key_of(i))));
	}
	/* What goes is given back on the way. */
	for (uint32_t i = MANY; i-- > 0;) {
		assert_int_equal(directory_remove_user(directory, other, key_of(i), 0, i),
			DIRECTORY_REMOVED);
		assert_true(directory_bytes(directory) - empty <
			    BYTES_OF_FEW + (size_t)BYTES_OF_ENTRY * (i + 1));
	}
	assert_int_equal(directory_root(directory, other, DIRECTORY_USERS), 0);
	directory_drop_node(directory, other);
	while (directory_step(directory, 1)) {
	}
	assert_int_equal(directory_bytes(directory), empty);
}

/* Sessions that come and go leave nothing behind that would make it grow. */
static void test_churn_does_not_grow(void **state)
{
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	uint32_t i;
	for (i = 0; i < MANY / 10; i++) {
		directory_put_user(directory, other, key_of(i), 0, 1);
	}
	const size_t before = directory_bytes(directory);
	for (; i < MANY; i++) {
		directory_put_user(directory, other, key_of(i), 0, 1);
		directory_remove_user(directory, other, key_of(i - MANY / 10), 0, 1);
	}
	assert_int_equal(directory_count(directory, other, DIRECTORY_USERS), MANY / 10);
	assert_true(directory_bytes(directory) < before + before / 4);
}

static void test_without_memory_all_stays_as_it_was(void **state)
{
	struct directory *directory = *state;
	const uint16_t other = take_node(directory);
	uint16_t node;
	uint32_t put = 0;
	int result;
	directory_set_limit(directory, directory_bytes(directory) + 300000);
	while ((result = directory_put_user(directory, other, key_of(put), 1, 5)) >= 0) {
		put++;
	}
	assert_int_equal(result, -ENOMEM);
	assert_true(put > 1000);
	const uint64_t root = directory_root(directory, other, DIRECTORY_USERS);
	uint32_t refused = 0;
	for (uint32_t i = put; i < 2 * put; i++) {
		result = directory_put_user(directory, other, key_of(i), 1, 5);
		refused += result == -ENOMEM;
		/* Where there is a free slot, there is one more. */
		if (result == DIRECTORY_ADDED) {
			assert_int_equal(directory_remove_user(directory, other, key_of(i), 1, 5),
				DIRECTORY_REMOVED);
		}
		assert_int_equal(directory_find_user(directory, key_of(i), NULL, 0), 0);
		assert_false(directory_has_user(directory, hash_of(key_of(i))));
	}
	assert_true(refused > 0);
	assert_int_equal(directory_root(directory, other, DIRECTORY_USERS), root);
	assert_int_equal(directory_count(directory, other, DIRECTORY_USERS), put);
	for (uint32_t i = 0; i < put; i++) {
		/* What needs no memory goes on. */
		assert_int_equal(
			directory_put_user(directory, other, key_of(i), 1, 6), DIRECTORY_RAISED);
		assert_int_equal(directory_find_user(directory, key_of(i), NULL, 0), 1);
	}
	directory_set_limit(directory, 0);
	assert_int_equal(directory_take_node(directory, &node), -ENOMEM);
	directory_set_limit(directory, SIZE_MAX);
	for (uint32_t i = put; i < 2 * put; i++) {
		assert_int_equal(
			directory_put_user(directory, other, key_of(i), 1, 5), DIRECTORY_ADDED);
	}
}

/* --- nodes -------------------------------------------------------------------------------------
 */

static void test_numbers_of_nodes(void **state)
{
	struct directory *directory = *state;
	uint16_t node;
	for (uint32_t i = 1; i < DIRECTORY_NODES_MAX; i++) {
		assert_int_equal(take_node(directory), i);
	}
	assert_int_equal(directory_take_node(directory, &node), -ENOSPC);
	directory_drop_node(directory, 9);
	assert_int_equal(directory_take_node(directory, &node), -ENOSPC);
	while (directory_step(directory, 1000)) {
	}
	assert_int_equal(take_node(directory), 9);
	assert_false(directory_step(directory, 1000));
}

/* Gone at once for who asks on the writer's thread, and a node that comes back meanwhile is
 * another one. */
static void test_a_node_is_dropped_in_steps(void **state)
{
	struct directory *directory = *state;
	const uint16_t dead = take_node(directory);
	const uint16_t alive = take_node(directory);
	for (uint32_t i = 0; i < 20000; i++) {
		directory_put_user(directory, i % 4 ? dead : alive, key_of(i), 0, i);
		directory_put_room(directory, i % 4 ? dead : alive, key_of(i), 1, true);
	}
	const uint64_t root = directory_root(directory, alive, DIRECTORY_USERS);
	const size_t before = directory_bytes(directory);
	directory_drop_node(directory, dead);
	assert_int_equal(directory_total(directory, DIRECTORY_USERS), 5000);
	assert_int_equal(directory_total(directory, DIRECTORY_ROOMS), 5000);
	assert_int_equal(directory_find_user(directory, key_of(1), NULL, 0), 0);
	assert_int_equal(directory_find_room(directory, key_of(1), NULL, 0), 0);
	const uint16_t again = take_node(directory);
	assert_true(again != dead);
	uint32_t steps = 0;
	for (uint32_t i = 0; i < 20000 || directory_step(directory, 100); i++) {
		if (i < 20000 && i % 4) {
			assert_int_equal(directory_put_user(directory, again, key_of(i), 0, i + 1),
				DIRECTORY_ADDED);
			steps += directory_step(directory, 7);
		}
	}
	assert_true(steps > 1000);
	for (uint32_t i = 0; i < 20000; i++) {
		struct directory_user user;
		assert_int_equal(directory_find_user(directory, key_of(i), &user, 1), 1);
		assert_int_equal(user.node, i % 4 ? again : alive);
		assert_int_equal(directory_room_users(directory, hash_of(key_of(i))), i % 4 == 0);
	}
	assert_int_equal(directory_root(directory, alive, DIRECTORY_USERS), root);
	assert_int_equal(directory_count(directory, again, DIRECTORY_USERS), 15000);
	assert_true(directory_bytes(directory) < before);
	/* Several at once, of which one is dropped while the sweep is under way. */
	directory_drop_node(directory, again);
	assert_true(directory_step(directory, 10000));
	directory_drop_node(directory, alive);
	while (directory_step(directory, 10000)) {
	}
	assert_int_equal(directory_total(directory, DIRECTORY_USERS), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_false(directory_has_user(directory, hash_of(key_of(i))));
	}
}

/* --- digests -----------------------------------------------------------------------------------
 */

static void test_digests_tell_what_differs(void **state)
{
	struct directory *directory = *state;
	const uint16_t a = take_node(directory);
	const uint16_t b = take_node(directory);
	const uint64_t key = UINT64_C(0xab) << 56 | 5;
	directory_put_user(directory, a, key, 1, 100);
	directory_put_user(directory, b, key, 1, 100);
	const uint64_t *of_a = directory_digests(directory, a, DIRECTORY_USERS);
	const uint64_t *of_b = directory_digests(directory, b, DIRECTORY_USERS);
	for (uint32_t i = 0; i < DIRECTORY_SHARDS; i++) {
		assert_int_equal(of_a[i] != 0, i == 0xab);
		assert_int_equal(of_a[i], of_b[i]);
	}
	assert_int_equal(directory_root(directory, a, DIRECTORY_USERS), of_a[0xab]);
	directory_put_user(directory, b, key, 1, 101);
	assert_int_not_equal(of_a[0xab], of_b[0xab]);
	directory_remove_user(directory, b, key, 1, 101);
	directory_put_user(directory, b, key, 2, 100);
	assert_int_not_equal(of_a[0xab], of_b[0xab]);
	directory_remove_user(directory, b, key, 2, 100);
	directory_put_user(directory, b, key ^ 1, 1, 100);
	assert_int_not_equal(of_a[0xab], of_b[0xab]);
	directory_put_room(directory, a, key, 100, false);
	directory_put_room(directory, b, key, 100, true);
	assert_int_not_equal(directory_root(directory, a, DIRECTORY_ROOMS),
		directory_root(directory, b, DIRECTORY_ROOMS));
	directory_put_room(directory, b, key, 100, false);
	assert_int_equal(directory_root(directory, a, DIRECTORY_ROOMS),
		directory_root(directory, b, DIRECTORY_ROOMS));
	/* Another key, other digests. */
	static const uint8_t other_key[DIRECTORY_DIGEST_KEY_BYTES] = "quite so secret";
	struct directory *other;
	assert_int_equal(directory_create(other_key, &other), 0);
	directory_put_user(other, SELF, key, 1, 100);
	assert_int_not_equal(directory_root(other, SELF, DIRECTORY_USERS), of_a[0xab]);
	directory_destroy(&other);
}

/* --- pages -------------------------------------------------------------------------------------
 */

struct page {
	struct directory_range range;
	struct directory_entry entries[PAGE_MAX];
	uint32_t count;
};

static void take(void *context, const struct directory_entry *entry)
{
	struct page *page = context;
	assert_true(page->count < PAGE_MAX);
	page->entries[page->count++] = *entry;
}

static void read_page(const struct directory *directory, enum directory_kind kind, uint64_t first,
	uint32_t most, struct page *page)
{
	page->count = 0;
	page->range = directory_page(directory, kind, first, most, take, page);
	assert_true(page->range.first <= first && first <= page->range.last);
	assert_int_equal(
		directory_shard_of(page->range.first), directory_shard_of(page->range.last));
	for (uint32_t i = 0; i < page->count; i++) {
		assert_true(page->entries[i].key >= page->range.first &&
			    page->entries[i].key <= page->range.last);
	}
}

/* What a call of directory_replace has told. */
struct told {
	uint32_t times[DIRECTORY_REMOVED + 1];
	const struct directory *directory;
};

static void note(void *context, uint16_t node, enum directory_kind kind,
	enum directory_change change, const struct directory_entry *entry)
{
	struct told *told = context;
	told->times[change]++;
	/* It has been made by then. */
	if (kind == DIRECTORY_USERS) {
		struct directory_user users[16];
		bool is_there = false;
		uint32_t count = directory_find_user(told->directory, entry->key, users, 16);
		for (uint32_t i = 0; i < count; i++) {
			is_there |= users[i].node == node && users[i].device == entry->device;
		}
		assert_int_equal(is_there, change != DIRECTORY_REMOVED);
	}
}

/* All that `from` has of its own goes to `to`, which knows it as `node`. */
static struct told send_shard(const struct directory *from, struct directory *to, uint16_t node,
	enum directory_kind kind, uint8_t shard, uint32_t most)
{
	static struct page page;
	const struct directory_range range = directory_range_of(shard);
	struct told told = {.directory = to};
	uint64_t first = range.first;
	do {
		read_page(from, kind, first, most, &page);
		assert_int_equal(directory_replace(to, node, kind, page.range, page.entries,
					 page.count, note, &told),
			0);
		first = page.range.last + 1;
	} while (page.range.last != range.last);
	return told;
}

static void send_all(
	const struct directory *from, struct directory *to, uint16_t node, uint32_t most)
{
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		for (int shard = 0; shard < DIRECTORY_SHARDS; shard++) {
			send_shard(from, to, node, (enum directory_kind)kind, (uint8_t)shard, most);
		}
	}
}

static void assert_same_digests(const struct directory *a, uint16_t node_in_a,
	const struct directory *b, uint16_t node_in_b)
{
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		assert_int_equal(directory_root(a, node_in_a, (enum directory_kind)kind),
			directory_root(b, node_in_b, (enum directory_kind)kind));
		assert_int_equal(directory_count(a, node_in_a, (enum directory_kind)kind),
			directory_count(b, node_in_b, (enum directory_kind)kind));
		assert_memory_equal(directory_digests(a, node_in_a, (enum directory_kind)kind),
			directory_digests(b, node_in_b, (enum directory_kind)kind),
			DIRECTORY_SHARDS * sizeof(uint64_t));
	}
}

/* Pages of all sizes cover all keys, and hold each of the own entries once. */
static void test_pages_cover_all(void **state)
{
	struct directory *directory = *state;
	struct directory *copy = create();
	const uint16_t other = take_node(directory);
	const uint16_t source = take_node(copy);
	for (uint32_t i = 0; i < 10000; i++) {
		directory_put_user(directory, SELF, key_of(i), i % 3, i + 1);
		directory_put_user(directory, other, key_of(i), i % 3, i + 2);
		directory_put_room(directory, SELF, key_of(i * 7), 1 + i, i % 2);
	}
	for (uint32_t most = 1; most < 4096; most *= 8) {
		static struct page page;
		uint32_t count = 0;
		uint64_t first = 0;
		do {
			read_page(directory, DIRECTORY_USERS, first, most, &page);
			assert_true(page.count <= most ||
				    hash_of(page.range.first) == hash_of(page.range.last));
			count += page.count;
			first = page.range.last + 1;
		} while (first != 0);
		assert_int_equal(count, 10000);
		send_all(directory, copy, source, most);
		assert_same_digests(directory, SELF, copy, source);
	}
	/* A shard of a few entries is one page. */
	static struct page whole;
	read_page(directory, DIRECTORY_USERS, 0, PAGE_MAX, &whole);
	assert_int_equal(whole.range.last, directory_range_of(0).last);
	directory_destroy(&copy);
}

static void test_a_shard_replaces_what_is_held(void **state)
{
	struct directory *directory = *state;
	const uint16_t node = take_node(directory);
	const uint16_t other = take_node(directory);
	const uint64_t base = UINT64_C(7) << 56;
	for (uint64_t i = 0; i < 10; i++) {
		directory_put_user(directory, node, base + i, 1, 50);
		directory_put_user(directory, other, base + i, 1, 50);
	}
	directory_put_user(directory, node, base - 1, 1, 50);
	const struct directory_entry entries[] = {
		{.key = base + 1, .value = 50, .device = 1},  /* as it is */
		{.key = base + 2, .value = 60, .device = 1},  /* higher */
		{.key = base + 3, .value = 40, .device = 1},  /* lower: its owner knows */
		{.key = base + 4, .value = 50, .device = 2},  /* another device for the known one */
		{.key = base + 99, .value = 50, .device = 1}, /* new */
		{.key = base + 200, .value = 1, .device = 1}, /* not of the range */
		{.key = base - 1, .value = 99, .device = 1},  /* likewise */
		{.key = base + 99, .value = 51, .device = 1}, /* once more */
	};
	const struct directory_range range = {base + 1, base + 100};
	struct told told = {.directory = directory};
	assert_int_equal(
		directory_replace(directory, node, DIRECTORY_USERS, range, entries, 8, note, &told),
		0);
	assert_int_equal(told.times[DIRECTORY_SAME], 0);
	assert_int_equal(told.times[DIRECTORY_LOWER], 0);
	assert_int_equal(told.times[DIRECTORY_ADDED], 2);
	assert_int_equal(told.times[DIRECTORY_RAISED], 2);
	assert_int_equal(told.times[DIRECTORY_LOWERED], 1);
	assert_int_equal(told.times[DIRECTORY_REMOVED], 6);
	/* In front of the range and of other nodes all is as it was. */
	assert_int_equal(directory_count(directory, node, DIRECTORY_USERS), 7);
	assert_int_equal(directory_count(directory, other, DIRECTORY_USERS), 10);
	assert_int_equal(directory_put_user(directory, node, base + 3, 1, 40), DIRECTORY_SAME);
	assert_int_equal(directory_put_user(directory, node, base + 99, 1, 51), DIRECTORY_SAME);
	assert_int_equal(directory_put_user(directory, node, base - 1, 1, 50), DIRECTORY_SAME);
	/* The next one finds no marks of this one. */
	assert_int_equal(
		directory_replace(directory, node, DIRECTORY_USERS, range, NULL, 0, NULL, NULL), 0);
	assert_int_equal(directory_count(directory, node, DIRECTORY_USERS), 2);
}

static void test_what_no_owner_can_mean(void **state)
{
	struct directory *directory = *state;
	const uint16_t node = take_node(directory);
	const uint64_t key = UINT64_C(7) << 56;
	const struct directory_entry rooms[] = {
		{.key = key, .value = 0},
		{.key = key + 1, .value = UINT64_C(1) << 32},
		{.key = key + 2, .value = 5, .device = 8},
	};
	const struct directory_range bad[] = {{key + 1, key}, {0, UINT64_MAX}, {key - 1, key}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(directory_replace(directory, node, DIRECTORY_ROOMS, bad[i], rooms,
					 3, NULL, NULL),
			-EINVAL);
	}
	assert_int_equal(directory_replace(directory, node, DIRECTORY_ROOMS, directory_range_of(7),
				 rooms, 3, NULL, NULL),
		0);
	assert_int_equal(directory_count(directory, node, DIRECTORY_ROOMS), 1);
	assert_int_equal(directory_put_room(directory, node, key + 2, 5, false), DIRECTORY_SAME);
}

static void test_a_shard_without_memory(void **state)
{
	enum {
		COUNT = 3000,
	};
	struct directory *directory = *state;
	const uint16_t node = take_node(directory);
	const struct directory_range range = directory_range_of(0);
	struct directory_entry *entries = calloc(COUNT, sizeof(*entries));
	for (uint32_t i = 0; i < COUNT; i++) {
		entries[i] =
			(struct directory_entry){.key = key_of(i) >> 8, .value = 1, .device = 1};
	}
	directory_put_user(directory, node, 5, 1, 1);
	directory_set_limit(directory, directory_bytes(directory) + 50000);
	assert_int_equal(directory_replace(directory, node, DIRECTORY_USERS, range, entries, COUNT,
				 NULL, NULL),
		-ENOMEM);
	const uint64_t count = directory_count(directory, node, DIRECTORY_USERS);
	assert_true(count > 100 && count < COUNT);
	assert_int_equal(directory_find_user(directory, 5, NULL, 0), 1);
	/* Later it is made good, and no mark of then keeps what has to go. */
	directory_set_limit(directory, SIZE_MAX);
	struct told told = {.directory = directory};
	assert_int_equal(directory_replace(directory, node, DIRECTORY_USERS, range, entries + 1,
				 COUNT - 1, note, &told),
		0);
	assert_int_equal(directory_count(directory, node, DIRECTORY_USERS), COUNT - 1);
	assert_int_equal(told.times[DIRECTORY_REMOVED], 2);
	free(entries);
}

/* --- against a model ---------------------------------------------------------------------------
 */

static void assert_as_model(
	const struct directory *directory, struct model *model, const uint64_t keys[KEYS])
{
	struct directory_user users[NODES * DEVICES];
	struct directory_room rooms[NODES];
	uint64_t total[DIRECTORY_KINDS] = {0};
	for (uint32_t i = 0; i < KEYS; i++) {
		uint64_t members = 0;
		bool is_elsewhere = false;
		uint32_t count = directory_find_user(directory, keys[i], users, NODES * DEVICES);
		assert_true(count <= NODES * DEVICES);
		total[DIRECTORY_USERS] += count;
		for (uint32_t k = 0; k < count; k++) {
			const struct model_entry *entry = model_find(
				model, users[k].node, DIRECTORY_USERS, keys[i], users[k].device);
			assert_non_null(entry);
			assert_int_equal(entry->entry.value, users[k].epoch);
			is_elsewhere |= users[k].node != SELF;
		}
		count = directory_find_room(directory, keys[i], rooms, NODES);
		assert_true(count <= NODES);
		total[DIRECTORY_ROOMS] += count;
		for (uint32_t k = 0; k < count; k++) {
			const struct model_entry *entry =
				model_find(model, rooms[k].node, DIRECTORY_ROOMS, keys[i], 0);
			assert_non_null(entry);
			assert_int_equal(entry->entry.value, rooms[k].members);
			assert_int_equal(entry->entry.is_watched, rooms[k].is_watched);
			members += rooms[k].node != SELF ? rooms[k].members : 0;
		}
		/* Some keys differ in the low half only. */
		assert_true(!is_elsewhere || directory_has_user(directory, hash_of(keys[i])));
		assert_true(directory_room_users(directory, hash_of(keys[i])) >= members);
	}
	assert_int_equal(total[DIRECTORY_USERS] + total[DIRECTORY_ROOMS], model->count);
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		assert_int_equal(
			directory_total(directory, (enum directory_kind)kind), total[kind]);
	}
}

static void make_keys(uint64_t keys[KEYS], uint32_t *seed)
{
	for (uint32_t i = 0; i < KEYS; i++) {
		/* Runs of neighbours and twins among them. */
		keys[i] = i % 3 ? keys[i - 1] + (split_random(seed) % 2 ? 1 : UINT64_C(1) << 32)
				: key_of(split_random(seed));
	}
}

/* One random step of the directory and of the model, which say the same. */
static void step_both(struct directory *directory, struct model *model, uint16_t nodes[NODES],
	const uint64_t keys[KEYS], uint32_t *seed)
{
	const uint32_t n = split_random(seed) % NODES;
	const uint16_t node = nodes[n];
	const uint64_t key = keys[split_random(seed) % KEYS];
	const uint32_t device = split_random(seed) % DEVICES;
	const uint64_t epoch = 1 + split_random(seed) % EPOCHS;
	const uint32_t members = split_random(seed) % 4;
	const bool is_watched = split_random(seed) % 2;
	switch (split_random(seed) % 8) {
	case 0:
	case 1:
	case 2:
		assert_int_equal(directory_put_user(directory, node, key, device, epoch),
			model_put_user(model, node, key, device, epoch));
		break;
	case 3:
	case 4:
		assert_int_equal(directory_remove_user(directory, node, key, device, epoch),
			model_remove_user(model, node, key, device, epoch));
		break;
	case 5:
	case 6:
		assert_int_equal(directory_put_room(directory, node, key, members, is_watched),
			model_put_room(model, node, key, members, is_watched));
		break;
	default:
		if (split_random(seed) % 64 == 0 && node != SELF) {
			directory_drop_node(directory, node);
			model_drop_node(model, node);
			nodes[n] = take_node(directory);
		}
		directory_step(directory, split_random(seed) % 600);
	}
}

static void test_against_a_model(void **state)
{
	static struct model model;
	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct directory *directory = create();
		uint16_t nodes[NODES] = {SELF};
		uint64_t keys[KEYS];
		uint32_t seed = 1000 + round;
		memset(&model, 0, sizeof(model));
		for (uint32_t i = 1; i < NODES; i++) {
			nodes[i] = take_node(directory);
		}
		make_keys(keys, &seed);
		for (uint32_t i = 0; i < STEPS; i++) {
			step_both(directory, &model, nodes, keys, &seed);
			if (i % 64 == 0 || i + 1 == STEPS) {
				assert_as_model(directory, &model, keys);
			}
		}
		for (uint32_t i = 0; i < NODES; i++) {
			assert_int_equal(directory_count(directory, nodes[i], DIRECTORY_USERS),
				model_count(&model, nodes[i], DIRECTORY_USERS));
		}
		directory_destroy(&directory);
	}
}

/* --- all come to the same ----------------------------------------------------------------------
 */

/* What an owner says of one of its entries. */
struct delta {
	bool is_gone;
	bool is_room;
	bool is_watched;
	uint32_t device;
	uint32_t members;
	uint64_t key;
	uint64_t value;
};

static void obey(struct directory *directory, uint16_t node, const struct delta *delta)
{
	if (delta->is_room) {
		directory_put_room(directory, node, delta->key, delta->members, delta->is_watched);
	} else if (delta->is_gone) {
		directory_remove_user(directory, node, delta->key, delta->device, delta->value);
	} else {
		directory_put_user(directory, node, delta->key, delta->device, delta->value);
	}
}

static struct delta make_delta(const uint64_t keys[KEYS], uint64_t *epoch, uint32_t *seed)
{
	return (struct delta){
		.is_gone = split_random(seed) % 3 == 0,
		.is_room = split_random(seed) % 4 == 0,
		.is_watched = split_random(seed) % 2,
		.device = split_random(seed) % DEVICES,
		.members = split_random(seed) % 5,
		.key = keys[split_random(seed) % KEYS],
		.value = split_random(seed) % 8 == 0 ? ++*epoch : *epoch,
	};
}

/* Sessions only come and go, each once: in whatever order that is heard, however often, the same is
 * known in the end as long as nothing is lost. */
static void test_any_order_ends_in_the_same(void **state)
{
	enum {
		OBSERVERS = 5,
	};
	struct directory *observers[OBSERVERS];
	uint16_t numbers[OBSERVERS];
	uint32_t seed = 77;
	struct directory *owner = *state;
	for (uint32_t i = 0; i < OBSERVERS; i++) {
		observers[i] = create();
		numbers[i] = take_node(observers[i]);
	}
	for (uint32_t k = 0; k < STEPS; k++) {
		const uint64_t key = key_of(split_random(&seed) % KEYS);
		/* Two logins of a device, of which the first one's end may be heard last. */
		const uint64_t epoch = 2 * (uint64_t)k + 1;
		directory_put_user(owner, SELF, key, 1, epoch);
		directory_put_user(owner, SELF, key, 1, epoch + 1);
		directory_remove_user(owner, SELF, key, 1, epoch);
		for (uint32_t i = 0; i < OBSERVERS; i++) {
			const uint32_t order = split_random(&seed) % 3;
			for (uint32_t step = 0; step < 3 + order; step++) {
				const uint32_t what = (step + order) % 3;
				if (what == 2) {
					directory_remove_user(
						observers[i], numbers[i], key, 1, epoch);
				} else {
					directory_put_user(
						observers[i], numbers[i], key, 1, epoch + what);
				}
			}
		}
	}
	for (uint32_t i = 0; i < OBSERVERS; i++) {
		assert_same_digests(owner, SELF, observers[i], numbers[i]);
		directory_destroy(&observers[i]);
	}
}

/* What was lost, came twice or in the wrong order is made good by those shards whose digests
 * differ. */
static void test_shards_make_good_what_was_lost(void **state)
{
	struct directory *owner = *state;
	struct directory *observer = create();
	uint64_t keys[KEYS];
	uint64_t epoch = 1;
	uint32_t seed = 4711;
	uint32_t asked = 0;
	const uint16_t node = take_node(observer);
	make_keys(keys, &seed);
	for (uint32_t round = 0; round < 200; round++) {
		struct delta late = {0};
		for (uint32_t i = 0; i < 50; i++) {
			const struct delta delta = make_delta(keys, &epoch, &seed);
			obey(owner, SELF, &delta);
			switch (split_random(&seed) % 8) {
			case 0: /* lost */
				break;
			case 1:
				obey(observer, node, &delta);
				obey(observer, node, &delta);
				break;
			case 2:
				obey(observer, node, &late);
				late = delta;
				break;
			default:
				obey(observer, node, &delta);
			}
		}
		for (int k = 0; k < DIRECTORY_KINDS; k++) {
			const enum directory_kind kind = (enum directory_kind)k;
			const uint64_t *theirs = directory_digests(owner, SELF, kind);
			const uint64_t *ours = directory_digests(observer, node, kind);
			for (uint32_t shard = 0; shard < DIRECTORY_SHARDS; shard++) {
				if (theirs[shard] != ours[shard]) {
					send_shard(owner, observer, node, kind, (uint8_t)shard, 8);
					asked++;
				}
			}
		}
		assert_same_digests(owner, SELF, observer, node);
	}
	assert_true(asked > 200);
	directory_destroy(&observer);
}

/* --- threads -----------------------------------------------------------------------------------
 */

struct reader {
	pthread_t thread;
	const struct directory *directory;
	atomic_bool *is_over;
	uint64_t looks;
};

/* Users and rooms 0 to 99 are there all the while. */
static void *run_reader(void *context)
{
	struct reader *reader = context;
	user_table_thread_begin();
	do {
		for (uint32_t i = 0; i < 100; i++) {
			const uint32_t hash = hash_of(key_of(i));
			if (!directory_has_user(reader->directory, hash) ||
				directory_room_users(reader->directory, hash) < 2 ||
				!directory_room_is_watched(reader->directory, hash)) {
				abort();
			}
			(void)directory_has_user(
				reader->directory, hash_of(key_of(100 + reader->looks % 5000)));
			(void)directory_bytes(reader->directory);
			reader->looks++;
		}
	} while (!atomic_load(reader->is_over));
	user_table_thread_end();
	return NULL;
}

/* Grows, shrinks, changes and drops. */
static void change_all(struct directory *directory, uint16_t staying, uint32_t round)
{
	enum {
		COUNT = 5000,
	};
	const uint16_t passing = take_node(directory);
	for (uint32_t i = 100; i < COUNT; i++) {
		directory_put_user(directory, passing, key_of(i), 0, round + 1);
		directory_put_room(directory, passing, key_of(i), i, i % 2);
		directory_put_user(directory, staying, key_of(i % 100), 1, i + COUNT * round);
		directory_put_room(directory, staying, key_of(i % 100), 2 + i % 7, true);
		directory_put_user(directory, SELF, key_of(i), 1, i);
	}
	for (uint32_t i = 100; i < COUNT; i += 2) {
		directory_remove_user(directory, passing, key_of(i), 0, round + 1);
		directory_remove_user(directory, SELF, key_of(i), 1, i);
	}
	directory_drop_node(directory, passing);
	while (directory_step(directory, 1000)) {
	}
}

static void test_readers_beside_growth(void **state)
{
	struct directory *directory = *state;
	const uint16_t staying = take_node(directory);
	struct reader readers[READERS];
	atomic_bool is_over = false;
	for (uint32_t i = 0; i < 100; i++) {
		directory_put_user(directory, staying, key_of(i), 0, 1);
		directory_put_room(directory, staying, key_of(i), 2, true);
	}
	for (uint32_t i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.directory = directory, .is_over = &is_over};
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		change_all(directory, staying, round);
	}
	atomic_store(&is_over, true);
	for (uint32_t i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_true(readers[i].looks > 0);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sessions_of_a_user),
		CASE(test_rooms),
		CASE(test_workers_ask_for_others),
		CASE(test_keys_that_meet),
		CASE(test_bytes_of_an_entry),
		CASE(test_churn_does_not_grow),
		CASE(test_without_memory_all_stays_as_it_was),
		CASE(test_numbers_of_nodes),
		CASE(test_a_node_is_dropped_in_steps),
		CASE(test_digests_tell_what_differs),
		CASE(test_pages_cover_all),
		CASE(test_a_shard_replaces_what_is_held),
		CASE(test_what_no_owner_can_mean),
		CASE(test_a_shard_without_memory),
		CASE(test_against_a_model),
		CASE(test_any_order_ends_in_the_same),
		CASE(test_shards_make_good_what_was_lost),
		CASE(test_readers_beside_growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
