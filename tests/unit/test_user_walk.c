#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/user/user_walk.h"
#include "split.h"

enum {
	USERS = 3000, /* more than any table begins with */
	DEVICES_MAX = 3,
	THREADS = 3,
	KICK = 3,
	WALKS = 40, /* beside the threads */
};

static const uint8_t hash_key[USER_TABLE_KEY_BYTES] = "sixteen bytes...";

/* Owner: the test. */
struct world {
	struct user_table *table;
	struct user_entry *entries[USERS][DEVICES_MAX];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	user_table_thread_begin();
	assert_int_equal(user_table_create(0, DEVICES_MAX, hash_key, &world->table), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	for (uint32_t i = 0; i < USERS; i++) {
		for (uint32_t k = 0; k < DEVICES_MAX; k++) {
			if (world->entries[i][k]) {
				user_table_logout(world->table, &world->entries[i][k]);
			}
		}
	}
	user_table_destroy(&world->table);
	user_table_thread_end();
	free(world);
	return 0;
}

/* User u0000 and so on; his devices are d0 to d2. */
static struct user_entry *make(
	struct user_table *table, uint32_t user, uint32_t device, handle_t handle, uint64_t epoch)
{
	char name[16];
	char device_name[16];
	struct user_entry *entry;
	const struct user_identity identity = {
		.name = name,
		.device = device_name,
		.name_len = (uint8_t)snprintf(name, sizeof(name), "u%04u", user),
		.device_len = (uint8_t)snprintf(device_name, sizeof(device_name), "d%u", device),
		.speaks_v1 = user % 2 == 0,
	};
	assert_int_equal(user_entry_create(table, &identity, handle, epoch, &entry), 0);
	return entry;
}

static void log_in(struct world *world, uint32_t user, uint32_t device)
{
	struct user_entry *entry = make(world->table, user, device, user * 10 + device, user + 7);
	assert_int_equal(user_table_login(world->table, entry, 0, false).result, USER_LOGIN_IN);
	world->entries[user][device] = entry;
}

static void log_out(struct world *world, uint32_t user, uint32_t device)
{
	assert_true(user_table_logout(world->table, &world->entries[user][device]));
}

/* --- hashes ------------------------------------------------------------------------------------
 */

/* The same on all nodes, whatever they are made of. */
static void test_hashes_of_a_key_in_common(void **state)
{
	struct world *world = *state;
	struct user_table *twin;
	struct user_table *stranger;
	struct user_entry *entry = make(world->table, 1, 2, 3, 4);
	assert_int_equal(user_table_create(0, 1, hash_key, &twin), 0);
	assert_int_equal(user_table_create(0, 1, NULL, &stranger), 0);
	const uint64_t hash = user_table_hash64(world->table, "u0001", 5);
	assert_int_equal(hash, UINT64_C(0x8d0bc2cfde4fe96e));
	assert_int_equal(user_table_hash64(twin, "u0001", 5), hash);
	assert_int_not_equal(user_table_hash64(stranger, "u0001", 5), hash);
	assert_int_equal(user_table_hash(twin, "u0001", 5), hash >> 32);
	assert_int_equal(user_entry_hash(entry), hash >> 32);
	assert_int_equal(
		user_entry_device_hash(world->table, entry), user_table_device_hash(twin, "d2", 2));
	assert_int_equal(
		user_table_device_hash(twin, "d2", 2), user_table_hash64(twin, "d2", 2) >> 32);
	user_entry_discard(&entry);
	user_table_destroy(&twin);
	user_table_destroy(&stranger);
}

/* --- walks -------------------------------------------------------------------------------------
 */

/* What a walk has met: how often each device of each user. */
struct met {
	struct user_table *table;
	uint8_t times[USERS][DEVICES_MAX];
	uint32_t sessions;
};

static void meet(void *context, const struct user_seen *session)
{
	struct met *met = context;
	assert_int_equal(session->name_len, 5);
	assert_int_equal(session->device_len, 2);
	char number[5] = "";
	memcpy(number, session->names + 1, 4);
	const uint32_t user = (uint32_t)strtoul(number, NULL, 10);
	const uint32_t device = (uint32_t)(session->names[6] - '0');
	assert_true(user < USERS && device < DEVICES_MAX);
	assert_int_equal(session->key, user_table_hash64(met->table, session->names, 5));
	assert_int_equal(
		session->device, user_table_device_hash(met->table, session->names + 5, 2));
	assert_int_equal(session->speaks_v1, user % 2 == 0);
	met->times[user][device]++;
	met->sessions++;
}

static void walk(struct world *world, uint32_t page, struct met *met)
{
	struct rcu_walk walk = {0};
	int more = 1;
	memset(met, 0, sizeof(*met));
	met->table = world->table;
	while (more) {
		const uint32_t before = met->sessions;
		more = user_walk_on(world->table, &walk, page, meet, met);
		assert_true(more == 0 || more == 1);
		assert_true(met->sessions - before <= page * DEVICES_MAX);
		assert_true(more == 0 || met->sessions - before >= page);
	}
}

static void test_every_session_is_met_once(void **state)
{
	struct world *world = *state;
	static struct met met;
	walk(world, 1, &met);
	assert_int_equal(met.sessions, 0);
	for (uint32_t i = 0; i < USERS; i++) {
		for (uint32_t k = 0; k <= i % DEVICES_MAX; k++) {
			log_in(world, i, k);
		}
	}
	/* A group of one, and of none. */
	log_out(world, 1, 0);
	log_out(world, 4, 0);
	log_out(world, 4, 1);
	for (uint32_t page = 1; page <= 2 * USERS; page = page * 3 + 1) {
		walk(world, page, &met);
		for (uint32_t i = 0; i < USERS; i++) {
			for (uint32_t k = 0; k < DEVICES_MAX; k++) {
				assert_int_equal(met.times[i][k], world->entries[i][k] ? 1 : 0);
			}
		}
		user_table_housekeep(world->table);
	}
}

static void test_one_is_found_by_its_hashes(void **state)
{
	struct world *world = *state;
	struct user_seen seen;
	for (uint32_t i = 0; i < 40; i++) {
		for (uint32_t k = 0; k <= i % DEVICES_MAX; k++) {
			log_in(world, i, k);
		}
	}
	const uint64_t key = user_table_hash64(world->table, "u0005", 5);
	const uint32_t device = user_table_device_hash(world->table, "d1", 2);
	assert_true(user_walk_find(world->table, key, device, 12, &seen));
	assert_int_equal(seen.handle, 51);
	assert_int_equal(seen.epoch, 12);
	assert_int_equal(seen.key, key);
	assert_int_equal(seen.device, device);
	assert_memory_equal(seen.names, "u0005d1", 7);
	assert_false(user_walk_find(world->table, key, device, 13, &seen));
	assert_false(user_walk_find(world->table, key, device + 1, 12, &seen));
	assert_false(user_walk_find(world->table, key + 1, device, 12, &seen));
	log_out(world, 5, 1);
	assert_false(user_walk_find(world->table, key, device, 12, &seen));
	log_out(world, 5, 2);
	log_out(world, 5, 0);
	assert_false(user_walk_find(world->table, key, device, 12, &seen));
}

/* --- threads -----------------------------------------------------------------------------------
 */

/* One who replaces the sessions of his users, and comes and goes with others. */
struct hand {
	pthread_t thread;
	uint32_t id;
	struct user_table *table;
	struct mailbox *kicks;
	atomic_bool *is_over;
};

static struct user_entry *replace(struct hand *hand, uint32_t user, uint32_t device, uint64_t epoch)
{
	struct user_entry *entry = make(hand->table, user, device, hand->id, epoch);
	struct user_login login = user_table_login(hand->table, entry, 0, true);
	if (login.result != USER_LOGIN_IN) {
		abort();
	}
	if (login.replaced) {
		mailbox_post(hand->kicks, user_entry_kick(login.replaced, KICK));
	}
	return entry;
}

/* User `id` is there all the while, with one session after the other, alone or with others; user
 * `id + THREADS` comes and goes. */
static void *run_hand(void *context)
{
	struct hand *hand = context;
	struct user_entry *staying;
	uint64_t epoch = USERS + 7; /* above those that are there */
	user_table_thread_begin();
	do {
		staying = replace(hand, hand->id, 0, epoch++);
		struct user_entry *beside =
			epoch % 8 == 0 ? replace(hand, hand->id, 1, epoch++) : NULL;
		struct user_entry *passing = replace(hand, hand->id + THREADS, 0, epoch++);
		if (!user_table_logout(hand->table, &passing) ||
			(beside && !user_table_logout(hand->table, &beside))) {
			abort();
		}
	} while (!atomic_load(hand->is_over));
	if (!user_table_logout(hand->table, &staying)) {
		abort();
	}
	user_table_thread_end();
	return NULL;
}

static void retire_kicked(struct world *world, struct mailbox *kicks)
{
	struct mail *mail;
	while (mailbox_take(kicks, &mail) == MAILBOX_MAIL) {
		struct user_entry *replaced = user_entry_of_kick(mail);
		user_entry_retire(world->table, &replaced);
	}
}

/* Whoever is there all the while is met, and is found, however often he is replaced. */
static void test_a_walk_beside_replacements(void **state)
{
	struct world *world = *state;
	static struct met met;
	struct hand hands[THREADS];
	struct mailbox *kicks;
	atomic_bool is_over = false;
	assert_int_equal(mailbox_create(&kicks), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		log_in(world, i, 0);
		world->entries[i][0] = NULL; /* its kick's */
	}
	for (uint32_t i = 2 * THREADS; i < 500; i++) {
		log_in(world, i, 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){
			.id = i, .table = world->table, .kicks = kicks, .is_over = &is_over};
		assert_int_equal(pthread_create(&hands[i].thread, NULL, run_hand, &hands[i]), 0);
	}
	for (uint32_t round = 0; round < WALKS; round++) {
		walk(world, 1 + round * 7, &met);
		for (uint32_t i = 0; i < 500; i++) {
			assert_true(i >= THREADS && i < 2 * THREADS ? met.times[i][0] <= 2
								    : met.times[i][0] == 1);
		}
		retire_kicked(world, kicks);
	}
	atomic_store(&is_over, true);
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(hands[i].thread, NULL);
	}
	retire_kicked(world, kicks);
	mailbox_destroy(&kicks);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_hashes_of_a_key_in_common),
		CASE(test_every_session_is_met_once),
		CASE(test_one_is_found_by_its_hashes),
		CASE(test_a_walk_beside_replacements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
