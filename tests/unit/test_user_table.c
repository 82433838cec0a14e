#include <errno.h>
#include <pthread.h>
#include <sched.h>
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

#include "../../server/user/duel.h"
#include "../../server/user/user_table.h"
#include "split.h"

enum {
	THREADS = 4,
	NAMES = 8,
	STEPS = 20000, /* of each thread */
	SLOTS = 64,    /* sessions of each thread */
	DEVICES = 5,
	DEVICES_MAX = 3,
	KICK = 3,
	LIMIT = 20, /* kicks */
	ROUNDS = 2000,
	REPLACEMENTS = 200000, /* of each thread */
};

static struct user_entry *make_device(struct user_table *table, const char *name,
	const char *device, handle_t handle, uint64_t epoch)
{
	const struct user_identity identity = {
		.name = name,
		.device = device,
		.name_len = (uint8_t)strlen(name),
		.device_len = (uint8_t)strlen(device),
	};
	struct user_entry *entry;
	assert_int_equal(user_entry_create(table, &identity, handle, epoch, &entry), 0);
	return entry;
}

/* An entry whose connection was accepted at `epoch`. */
static struct user_entry *make_at(
	struct user_table *table, const char *name, handle_t handle, uint64_t epoch)
{
	return make_device(table, name, "", handle, epoch);
}

static struct user_entry *make(struct user_table *table, const char *name, handle_t handle)
{
	return make_at(table, name, handle, 1);
}

/* Returns the entry that it has replaced. */
static struct user_entry *log_in(struct user_table *table, struct user_entry *entry)
{
	struct user_login login = user_table_login(table, entry, 0, true);
	assert_int_equal(login.result, USER_LOGIN_IN);
	assert_false(login.is_duel);
	return login.replaced;
}

static handle_t find(struct user_table *table, const char *name)
{
	struct user_session found[USER_SESSIONS_MAX];
	return user_table_find(table, name, strlen(name), found) ? found[0].handle : 0;
}

static int setup(void **state)
{
	user_table_thread_begin();
	return user_table_create(0, 1, NULL, (struct user_table **)state);
}

static int setup_for_devices(void **state)
{
	user_table_thread_begin();
	return user_table_create(0, DEVICES_MAX, NULL, (struct user_table **)state);
}

static int teardown(void **state)
{
	struct user_table *table = *state;
	user_table_destroy(&table);
	assert_null(table);
	user_table_destroy(&table);
	user_table_thread_end();
	return 0;
}

static void test_login_and_logout(void **state)
{
	struct user_table *table = *state;
	struct user_entry *a = make(table, "a", 11);
	struct user_entry *b = make(table, "b", 22);
	struct user_entry *unused = make(table, "a", 33);
	size_t len;
	assert_int_equal(find(table, "a"), 0);
	assert_null(log_in(table, a));
	assert_null(log_in(table, b));
	assert_int_equal(find(table, "a"), 11);
	assert_int_equal(find(table, "b"), 22);
	assert_int_equal(find(table, "aa"), 0);
	assert_int_equal(user_table_count(table), 2);
	assert_memory_equal(user_entry_name(a, &len), "a", 1);
	assert_int_equal(len, 1);
	assert_int_equal(user_entry_handle(a), 11);
	assert_int_equal(user_entry_hash(a), user_entry_hash(unused));
	assert_int_not_equal(user_entry_hash(a), user_entry_hash(b));
	user_entry_discard(&unused);
	assert_null(unused);
	assert_true(user_table_logout(table, &a));
	assert_null(a);
	assert_int_equal(find(table, "a"), 0);
	assert_int_equal(user_table_count(table), 1);
	assert_true(user_table_logout(table, &b));
}

static void test_names_of_every_length_and_byte(void **state)
{
	struct user_table *table = *state;
	struct user_entry *entries[64];
	char name[64];
	memset(name, 0, sizeof(name)); /* no string: NULs are bytes like others */
	for (size_t len = 1; len <= 64; len++) {
		const struct user_identity identity = {.name = name, .name_len = (uint8_t)len};
		assert_int_equal(user_entry_create(table, &identity, len, 1, &entries[len - 1]), 0);
		assert_null(log_in(table, entries[len - 1]));
	}
	for (size_t len = 1; len <= 64; len++) {
		struct user_session found[USER_SESSIONS_MAX];
		assert_int_equal(user_table_find(table, name, len, found), 1);
		assert_int_equal(found[0].handle, len);
		found[0].handle = 0;
		const uint32_t hash = user_table_hash(table, name, len);
		assert_int_equal(user_table_find_hashed(table, name, len, hash, found), 1);
		assert_int_equal(found[0].handle, len);
	}
	for (size_t len = 1; len <= 64; len++) {
		assert_true(user_table_logout(table, &entries[len - 1]));
	}
}

static void test_the_newest_has_the_name(void **state)
{
	struct user_table *table = *state;
	struct user_entry *first = make(table, "a", 1);
	struct user_entry *second = make(table, "a", 2);
	assert_null(log_in(table, first));
	assert_ptr_equal(log_in(table, second), first);
	assert_int_equal(find(table, "a"), 2);
	assert_int_equal(user_table_count(table), 1);
	struct mail *mail = user_entry_kick(first, KICK);
	assert_int_equal(mail->kind, KICK);
	assert_ptr_equal(user_entry_of_kick(mail), first);
	/* The end of the old one does not touch the new one; its entry belongs to the kick. */
	struct user_entry *mine = first;
	assert_false(user_table_logout(table, &mine));
	assert_null(mine);
	assert_int_equal(find(table, "a"), 2);
	assert_int_equal(user_table_count(table), 1);
	user_entry_retire(table, &first);
	assert_null(first);
	assert_true(user_table_logout(table, &second));
	assert_int_equal(user_table_count(table), 0);
}

/* Logins of one user, read in every order in which they can have been accepted. */
static void test_newest_is_who_was_accepted_last(void **state)
{
	struct user_table *table = *state;
	static const uint64_t orders[][3] = {
		{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct user_entry *in = NULL;
		uint64_t newest = 0;
		for (int k = 0; k < 3; k++) {
			uint64_t epoch = orders[i][k];
			struct user_entry *entry = make_at(table, "a", epoch, epoch);
			struct user_login login = user_table_login(table, entry, 0, true);
			if (epoch < newest) {
				assert_int_equal(login.result, USER_LOGIN_SUPERSEDED);
				assert_null(login.replaced);
				user_entry_discard(&entry);
			} else {
				assert_int_equal(login.result, USER_LOGIN_IN);
				assert_ptr_equal(login.replaced, in);
				if (in) {
					user_entry_retire(table, &in);
				}
				in = entry;
				newest = epoch;
			}
			assert_int_equal(find(table, "a"), newest);
			assert_int_equal(user_table_count(table), 1);
		}
		/* Whoever comes to a free name is the newest. */
		assert_true(user_table_logout(table, &in));
		struct user_entry *late = make_at(table, "a", 9, 1);
		assert_null(log_in(table, late));
		assert_true(user_table_logout(table, &late));
	}
}

/* One that may replace nobody, since its peer has hung up: with a free name it is in. */
static void test_one_that_may_not_replace(void **state)
{
	struct user_table *table = *state;
	struct user_entry *first = make_at(table, "a", 1, 1);
	struct user_entry *second = make_at(table, "a", 2, 2);
	struct user_entry *old = make_at(table, "a", 3, 0);
	struct user_login login = user_table_login(table, first, 0, false);
	assert_int_equal(login.result, USER_LOGIN_IN);
	login = user_table_login(table, second, 0, false);
	assert_int_equal(login.result, USER_LOGIN_OCCUPIED);
	assert_null(login.replaced);
	assert_int_equal(find(table, "a"), 1);
	/* Its age comes first. */
	assert_int_equal(user_table_login(table, old, 0, false).result, USER_LOGIN_SUPERSEDED);
	user_entry_discard(&old);
	/* Told off once, it may still try again. */
	assert_ptr_equal(log_in(table, second), first);
	user_entry_retire(table, &first);
	assert_true(user_table_logout(table, &second));
	assert_int_equal(user_table_count(table), 0);
}

/* The next login of "a", which replaces the one that is in. Returns what came of it. */
static struct user_login replace(
	struct user_table *table, struct user_entry **in, uint64_t epoch, uint32_t now_tick)
{
	struct user_entry *entry = make_at(table, "a", epoch, epoch);
	struct user_login login = user_table_login(table, entry, now_tick, true);
	if (login.result != USER_LOGIN_IN) {
		user_entry_discard(&entry);
		return login;
	}
	assert_ptr_equal(login.replaced, *in);
	if (*in) {
		user_entry_retire(table, in);
	}
	*in = entry;
	return login;
}

/* What duels are made of is in test_duel.c; here it is handed on from entry to entry. */
static void test_a_duel_is_braked(void **state)
{
	struct user_table *table = *state;
	struct user_entry *in = NULL;
	const uint32_t window = DUEL_WINDOW_MS / LOOP_TICK_MS;
	uint64_t epoch = 1;
	uint32_t now = 1000;
	user_table_set_kick_limit(table, LIMIT);
	replace(table, &in, epoch++, now);
	for (int i = 1; i <= LIMIT; i++) {
		struct user_login login = replace(table, &in, epoch++, now);
		assert_int_equal(login.result, USER_LOGIN_IN);
		assert_int_equal(login.is_duel, i == LIMIT);
	}
	/* Refused dials do not prolong it. */
	for (uint32_t tick = 0; tick < window; tick++) {
		struct user_login login = replace(table, &in, epoch++, now + tick);
		assert_int_equal(login.result, USER_LOGIN_BRAKED);
		assert_int_equal(login.wait_ticks, window - tick);
		assert_int_equal(find(table, "a"), LIMIT + 1);
	}
	/* One that is older than who is in has lost anyway. */
	struct user_entry *old = make_at(table, "a", 1, 1);
	assert_int_equal(user_table_login(table, old, now, true).result, USER_LOGIN_SUPERSEDED);
	user_entry_discard(&old);
	assert_int_equal(replace(table, &in, epoch++, now + window).result, USER_LOGIN_IN);
	/* Others are not held up by it; who goes takes it along. */
	struct user_entry *other = make(table, "b", 1);
	assert_null(log_in(table, other));
	assert_true(user_table_logout(table, &other));
	assert_true(user_table_logout(table, &in));
	assert_int_equal(replace(table, &in, epoch++, now).result, USER_LOGIN_IN);
	assert_true(user_table_logout(table, &in));
}

static void test_without_a_limit(void **state)
{
	struct user_table *table = *state;
	struct user_entry *in = NULL;
	for (uint64_t epoch = 1; epoch <= 70000; epoch++) {
		struct user_login login = replace(table, &in, epoch, 1000);
		assert_int_equal(login.result, USER_LOGIN_IN);
		assert_false(login.is_duel);
	}
	assert_true(user_table_logout(table, &in));
}

/* --- devices -----------------------------------------------------------------------------------
 */

/* Whether these are the sessions of "a", in this order; handles are single digits. */
static void assert_sessions(struct user_table *table, const char *handles)
{
	struct user_session found[USER_SESSIONS_MAX];
	assert_int_equal(user_table_find(table, "a", 1, found), strlen(handles));
	for (size_t i = 0; handles[i]; i++) {
		assert_int_equal(found[i].handle, handles[i] - '0');
	}
	assert_int_equal(user_table_count(table), handles[0] != '\0');
}

/* With the handle as the epoch. */
static struct user_entry *log_in_device(
	struct user_table *table, const char *device, handle_t handle, struct user_entry *expected)
{
	struct user_entry *entry = make_device(table, "a", device, handle, handle);
	assert_ptr_equal(log_in(table, entry), expected);
	return entry;
}

/* Who is by himself is known without a look into the table, but for the last one of several. */
static void test_who_is_alone(void **state)
{
	struct user_table *table = *state;
	struct user_entry *first = make_device(table, "a", "", 1, 1);
	assert_false(user_entry_is_alone(first));
	assert_null(log_in(table, first));
	assert_true(user_entry_is_alone(first));
	struct user_entry *successor = log_in_device(table, "", 2, first);
	assert_false(user_entry_is_alone(first));
	assert_true(user_entry_is_alone(successor));
	struct user_entry *other = log_in_device(table, "phone", 3, NULL);
	assert_false(user_entry_is_alone(successor));
	assert_false(user_entry_is_alone(other));
	assert_true(user_table_logout(table, &other));
	assert_sessions(table, "2");
	assert_false(user_entry_is_alone(successor));
	user_entry_retire(table, &first);
	assert_true(user_table_logout(table, &successor));
}

/* It is not made anew each time. */
static void test_the_hash_of_the_device_without_a_name(void **state)
{
	struct user_table *table = *state;
	struct user_entry *entry = make_device(table, "a", "", 1, 1);
	assert_int_equal(
		user_entry_device_hash(table, entry), user_table_device_hash(table, "", 0));
	/* Devices and users have one key. */
	assert_int_equal(user_entry_device_hash(table, entry), user_table_hash(table, "", 0));
	user_entry_discard(&entry);
}

static void test_each_device_has_a_session(void **state)
{
	struct user_table *table = *state;
	size_t len;
	struct user_entry *first = log_in_device(table, "", 1, NULL);
	struct user_entry *second = log_in_device(table, "phone", 2, NULL);
	struct user_entry *third = log_in_device(table, "desk", 3, NULL);
	assert_sessions(table, "123");
	assert_memory_equal(user_entry_device(second, &len), "phone", 5);
	assert_int_equal(len, 5);
	user_entry_device(first, &len);
	assert_int_equal(len, 0);
	assert_true(user_table_logout(table, &second));
	assert_sessions(table, "13");
	second = log_in_device(table, "phone", 4, NULL);
	assert_sessions(table, "134");
	assert_true(user_table_logout(table, &first));
	assert_true(user_table_logout(table, &second));
	assert_true(user_table_logout(table, &third));
	assert_sessions(table, "");
}

static void test_the_newest_of_a_device_wins(void **state)
{
	struct user_table *table = *state;
	struct user_entry *alone = log_in_device(table, "phone", 2, NULL);
	struct user_entry *phone = log_in_device(table, "phone", 3, alone);
	struct user_entry *desk = log_in_device(table, "desk", 4, NULL);
	struct user_entry *next = log_in_device(table, "phone", 5, phone);
	assert_sessions(table, "45");
	assert_false(user_table_has(table, phone));
	assert_true(user_table_has(table, next));
	/* One that was accepted before, and may not even replace. */
	struct user_entry *late = make_device(table, "a", "phone", 1, 1);
	assert_int_equal(user_table_login(table, late, 0, true).result, USER_LOGIN_SUPERSEDED);
	user_entry_discard(&late);
	struct user_entry *gone = make_device(table, "a", "desk", 6, 6);
	assert_int_equal(user_table_login(table, gone, 0, false).result, USER_LOGIN_OCCUPIED);
	user_entry_discard(&gone);
	/* What was replaced ends without touching the others. */
	struct user_entry *mine = phone;
	assert_false(user_table_logout(table, &mine));
	mine = alone;
	assert_false(user_table_logout(table, &mine));
	assert_sessions(table, "45");
	user_entry_retire(table, &phone);
	user_entry_retire(table, &alone);
	assert_true(user_table_logout(table, &next));
	assert_true(user_table_logout(table, &desk));
}

static void test_beyond_the_number_the_oldest_goes(void **state)
{
	struct user_table *table = *state;
	struct user_entry *two = log_in_device(table, "b", 2, NULL);
	struct user_entry *four = log_in_device(table, "d", 4, NULL);
	struct user_entry *three = log_in_device(table, "c", 3, NULL);
	/* Of four the first one: who is the oldest himself stays out. */
	struct user_entry *one = make_device(table, "a", "a", 1, 1);
	assert_int_equal(user_table_login(table, one, 0, true).result, USER_LOGIN_SUPERSEDED);
	user_entry_discard(&one);
	struct user_entry *five = log_in_device(table, "e", 5, two);
	struct user_entry *six = log_in_device(table, "f", 6, three);
	assert_sessions(table, "456");
	user_entry_retire(table, &two);
	user_entry_retire(table, &three);
	assert_true(user_table_logout(table, &four));
	assert_true(user_table_logout(table, &five));
	assert_true(user_table_logout(table, &six));
}

static void test_sessions_leave_in_any_order(void **state)
{
	static const int orders[][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const char *const devices[] = {"x", "y", "z"};
	struct user_table *table = *state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct user_entry *entries[3];
		for (handle_t k = 0; k < 3; k++) {
			entries[k] = log_in_device(table, devices[k], k + 1, NULL);
		}
		for (int k = 0; k < 3; k++) {
			/* In between one comes back, to what is left of a group. */
			struct user_entry **entry = &entries[orders[i][k]];
			assert_true(user_table_logout(table, entry));
			*entry = log_in_device(table, devices[orders[i][k]], 9, NULL);
			assert_true(user_table_logout(table, entry));
		}
		assert_sessions(table, "");
	}
}

/* Replacements count whatever their devices; who comes to a free device has to wait as well. */
static void test_devices_share_the_brake(void **state)
{
	struct user_table *table = *state;
	struct user_entry *phone = log_in_device(table, "phone", 1, NULL);
	struct user_entry *desk = log_in_device(table, "desk", 2, NULL);
	uint64_t epoch = 3;
	user_table_set_kick_limit(table, LIMIT);
	for (int i = 0; i < LIMIT; i++) {
		struct user_entry **place = i % 2 ? &phone : &desk;
		struct user_entry *entry =
			make_device(table, "a", i % 2 ? "phone" : "desk", 1, epoch++);
		struct user_login login = user_table_login(table, entry, 1000, true);
		assert_int_equal(login.result, USER_LOGIN_IN);
		assert_int_equal(login.is_duel, i == LIMIT - 1);
		assert_ptr_equal(login.replaced, *place);
		user_entry_retire(table, place);
		*place = entry;
	}
	struct user_entry *third = make_device(table, "a", "tv", 1, epoch++);
	assert_int_equal(user_table_login(table, third, 1000, true).result, USER_LOGIN_BRAKED);
	user_entry_discard(&third);
	/* What is left of the group still knows. */
	assert_true(user_table_logout(table, &desk));
	third = make_device(table, "a", "desk", 1, epoch++);
	assert_int_equal(user_table_login(table, third, 1000, true).result, USER_LOGIN_BRAKED);
	user_entry_discard(&third);
	assert_true(user_table_logout(table, &phone));
}

/* --- races -------------------------------------------------------------------------------------
 */

/* One login of each thread, all of one user, at once. */
struct racer {
	pthread_t thread;
	struct user_table *table;
	struct mailbox *kicks;
	pthread_barrier_t *start;
	uint64_t epochs[ROUNDS];
	struct user_entry *entries[ROUNDS];
	enum user_login_result results[ROUNDS];
};

static void *run_racer(void *context)
{
	struct racer *racer = context;
	user_table_thread_begin();
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(racer->start);
		struct user_login login =
			user_table_login(racer->table, racer->entries[round], 0, true);
		racer->results[round] = login.result;
		if (login.replaced) {
			/* At once: others may still look at it, and find what is no standing. */
			mailbox_post(racer->kicks, user_entry_kick(login.replaced, KICK));
		}
	}
	user_table_thread_end();
	return NULL;
}

/* Whatever the order of events: in the end the one that was accepted last is in, and all others
 * were replaced or have lost. Each round leaves its winner to the next one. */
static void test_the_last_accepted_wins_every_race(void **state)
{
	struct user_table *table = *state;
	struct racer *racers = calloc(THREADS, sizeof(*racers));
	struct mailbox *kicks;
	struct mail *mail;
	pthread_barrier_t start;
	uint64_t newest[ROUNDS];
	uint32_t random = 4711;
	int lost = 0;
	assert_int_equal(mailbox_create(&kicks), 0);
	pthread_barrier_init(&start, NULL, THREADS);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t first = split_random(&random) % THREADS;
		for (uint32_t i = 0; i < THREADS; i++) {
			uint64_t epoch = (uint64_t)round * THREADS + (first + i) % THREADS + 1;
			racers[i].epochs[round] = epoch;
			racers[i].entries[round] = make_at(table, "a", epoch, epoch);
		}
		newest[round] = (uint64_t)(round + 1) * THREADS;
	}
	for (int i = 0; i < THREADS; i++) {
		racers[i].table = table;
		racers[i].kicks = kicks;
		racers[i].start = &start;
		assert_int_equal(pthread_create(&racers[i].thread, NULL, run_racer, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
	}
	pthread_barrier_destroy(&start);
	int replaced_count = 0;
	struct user_entry *in = NULL;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < THREADS; i++) {
			struct racer *racer = &racers[i];
			bool has_lost = racer->results[round] == USER_LOGIN_SUPERSEDED;
			assert_true(has_lost || racer->results[round] == USER_LOGIN_IN);
			/* The last one of each round cannot lose to anybody. */
			assert_false(has_lost && racer->epochs[round] == newest[round]);
			lost += has_lost;
			if (racer->epochs[round] == newest[ROUNDS - 1]) {
				in = racer->entries[round];
			}
		}
	}
	while (mailbox_take(kicks, &mail) == MAILBOX_MAIL) {
		struct user_entry *replaced = user_entry_of_kick(mail);
		user_entry_retire(table, &replaced);
		replaced_count++;
	}
	mailbox_destroy(&kicks);
	assert_int_equal(find(table, "a"), newest[ROUNDS - 1]);
	assert_int_equal(user_table_count(table), 1);
	assert_int_equal(lost + replaced_count + 1, THREADS * ROUNDS);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < THREADS; i++) {
			if (racers[i].results[round] == USER_LOGIN_SUPERSEDED) {
				user_entry_discard(&racers[i].entries[round]);
			}
		}
	}
	assert_true(user_table_logout(table, &in));
	free(racers);
}

/* Replaces as fast as it can. Whatever it finds was accepted when it was. */
static void *run_replacer(void *context)
{
	struct racer *racer = context;
	user_table_thread_begin();
	pthread_barrier_wait(racer->start);
	const struct user_identity identity = {.name = "a", .name_len = 1};
	for (int i = 0; i < REPLACEMENTS; i++) {
		struct user_entry *entry;
		if (user_entry_create(racer->table, &identity, 1, 1, &entry) < 0) {
			abort();
		}
		struct user_login login = user_table_login(racer->table, entry, 1000, true);
		if (login.result != USER_LOGIN_IN) {
			racer->results[0] = login.result;
			user_entry_discard(&entry);
		} else if (login.replaced) {
			mailbox_post(racer->kicks, user_entry_kick(login.replaced, KICK));
		}
	}
	user_table_thread_end();
	return NULL;
}

/* Where number and history were, a kick is soon: what it is made of must not be taken for them. */
static void test_what_was_replaced_judges_nobody(void **state)
{
	struct user_table *table = *state;
	struct racer *racers = calloc(THREADS, sizeof(*racers));
	struct mailbox *kicks;
	struct mail *mail;
	pthread_barrier_t start;
	int replaced_count = 0;
	assert_int_equal(mailbox_create(&kicks), 0);
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){.table = table, .kicks = kicks, .start = &start};
		assert_int_equal(
			pthread_create(&racers[i].thread, NULL, run_replacer, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		assert_int_equal(racers[i].results[0], USER_LOGIN_IN);
	}
	pthread_barrier_destroy(&start);
	while (mailbox_take(kicks, &mail) == MAILBOX_MAIL) {
		struct user_entry *replaced = user_entry_of_kick(mail);
		user_entry_retire(table, &replaced);
		replaced_count++;
	}
	mailbox_destroy(&kicks);
	assert_int_equal(replaced_count, THREADS * REPLACEMENTS - 1);
	struct user_entry *last = make_at(table, "a", 2, 2);
	struct user_entry *in = log_in(table, last);
	user_entry_retire(table, &in);
	assert_true(user_table_logout(table, &last));
	free(racers);
}

/* Comes and goes, and looks at the count, which no order of events makes less than nothing. */
static void *run_visitor(void *context)
{
	struct racer *racer = context;
	user_table_thread_begin();
	pthread_barrier_wait(racer->start);
	const struct user_identity identity = {.name = "a", .name_len = 1};
	for (int i = 0; i < REPLACEMENTS; i++) {
		struct user_entry *entry;
		if (user_entry_create(racer->table, &identity, 1, 1, &entry) < 0) {
			abort();
		}
		struct user_login login = user_table_login(racer->table, entry, 1000, true);
		if (login.replaced) {
			mailbox_post(racer->kicks, user_entry_kick(login.replaced, KICK));
		}
		racer->epochs[0] += user_table_logout(racer->table, &entry);
		racer->epochs[1] += user_table_count(racer->table) > THREADS;
	}
	user_table_thread_end();
	return NULL;
}

static void test_the_count_is_never_less_than_nothing(void **state)
{
	struct user_table *table = *state;
	struct racer *racers = calloc(THREADS, sizeof(*racers));
	struct mailbox *kicks;
	struct mail *mail;
	pthread_barrier_t start;
	uint64_t ended = 0;
	assert_int_equal(mailbox_create(&kicks), 0);
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){.table = table, .kicks = kicks, .start = &start};
		assert_int_equal(
			pthread_create(&racers[i].thread, NULL, run_visitor, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		ended += racers[i].epochs[0];
		assert_int_equal(racers[i].epochs[1], 0);
	}
	pthread_barrier_destroy(&start);
	while (mailbox_take(kicks, &mail) == MAILBOX_MAIL) {
		struct user_entry *replaced = user_entry_of_kick(mail);
		user_entry_retire(table, &replaced);
		ended++;
	}
	mailbox_destroy(&kicks);
	assert_int_equal(ended, THREADS * REPLACEMENTS);
	assert_int_equal(user_table_count(table), 0);
	free(racers);
}

static void test_housekeeping_keeps_everybody(void **state)
{
	struct user_table *table = *state;
	enum {
		MANY = 20000
	};
	struct user_entry **entries = calloc(MANY, sizeof(struct user_entry *));
	char name[16];
	for (handle_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user-%llu", (unsigned long long)i);
		entries[i] = make(table, name, i + 1);
		assert_null(log_in(table, entries[i]));
		if (i % 1000 == 0) {
			user_table_housekeep(table);
		}
	}
	assert_int_equal(user_table_count(table), MANY);
	for (handle_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "user-%llu", (unsigned long long)i);
		assert_int_equal(find(table, name), i + 1);
		assert_true(user_table_logout(table, &entries[i]));
	}
	user_table_housekeep(table);
	free(entries);
}

/* --- torture -----------------------------------------------------------------------------------
 */

/* What one thread has logged in; as a worker has connections. */
struct slot {
	struct user_entry *entry; /* NULL: free, unless a kick is awaited */
	uint32_t generation;
	int name;
	int device;
};

struct torture {
	struct user_table *table;
	int devices;
	struct mailbox *mailboxes[THREADS];
	_Atomic uint64_t logins;
	_Atomic uint64_t replaced;
	_Atomic uint64_t kicks;
	_Atomic uint64_t superseded;
	_Atomic uint64_t braked;
	_Atomic uint64_t logouts; /* that took the name away */
	_Atomic uint64_t epoch;
	_Atomic uint32_t tick;
	_Atomic uint32_t done; /* threads that log nobody in any more */
};

struct hand {
	pthread_t thread;
	uint8_t id;
	struct torture *torture;
	struct slot slots[SLOTS];
	uint32_t random;
};

static void end_slot(struct hand *hand, struct slot *slot)
{
	/* As a connection does: whether it was replaced meanwhile shows only now. */
	if (user_table_logout(hand->torture->table, &slot->entry)) {
		hand->torture->logouts++;
	}
	slot->generation++;
}

static void take_kicks(struct hand *hand)
{
	struct torture *torture = hand->torture;
	struct mail *mail;
	while (mailbox_take(torture->mailboxes[hand->id], &mail) == MAILBOX_MAIL) {
		struct user_entry *entry = user_entry_of_kick(mail);
		handle_t handle = user_entry_handle(entry);
		struct slot *slot = &hand->slots[handle_index(handle)];
		if (mail->kind != KICK || handle_worker(handle) != hand->id) {
			abort();
		}
		bool is_live = slot->generation == handle_generation(handle) && slot->entry;
		if (is_live && slot->entry != entry) {
			abort();
		}
		if (is_live) {
			end_slot(hand, slot);
		}
		torture->kicks++;
		user_entry_retire(torture->table, &entry);
	}
}

/* Accepted just now, or a while before others that have been read already. */
static void log_in_at(struct hand *hand, struct slot *slot)
{
	struct torture *torture = hand->torture;
	char name[8];
	char device[2];
	handle_t handle = handle_make(hand->id, (uint32_t)(slot - hand->slots), slot->generation);
	slot->name = (int)(split_random(&hand->random) % NAMES);
	slot->device = (int)(split_random(&hand->random) % (uint32_t)torture->devices);
	snprintf(name, sizeof(name), "name%d", slot->name);
	snprintf(device, sizeof(device), "%d", slot->device);
	uint64_t epoch = ++torture->epoch - split_random(&hand->random) % 3;
	const struct user_identity identity = {
		.name = name, .device = device, .name_len = 5, .device_len = 1};
	if (user_entry_create(torture->table, &identity, handle, epoch, &slot->entry) < 0) {
		abort();
	}
	struct user_login login =
		user_table_login(torture->table, slot->entry, torture->tick++ / 16, true);
	if (login.result != USER_LOGIN_IN) {
		torture->superseded += login.result == USER_LOGIN_SUPERSEDED;
		torture->braked += login.result == USER_LOGIN_BRAKED;
		user_entry_discard(&slot->entry);
		return;
	}
	torture->logins++;
	if (login.replaced) {
		torture->replaced++;
		mailbox_post(torture->mailboxes[handle_worker(user_entry_handle(login.replaced))],
			user_entry_kick(login.replaced, KICK));
	}
}

/* What is found is whole: as many as there may be, each a worker and a slot that there are. */
static void look_at(struct torture *torture, int number)
{
	struct user_session found[USER_SESSIONS_MAX];
	char name[8];
	snprintf(name, sizeof(name), "name%d", number);
	uint32_t count = user_table_find(torture->table, name, strlen(name), found);
	bool is_whole = count <= DEVICES_MAX;
	for (uint32_t i = 0; i < count; i++) {
		is_whole &= handle_worker(found[i].handle) < THREADS &&
			    handle_index(found[i].handle) < SLOTS;
	}
	if (!is_whole) {
		abort();
	}
}

static void *run_hand(void *context)
{
	struct hand *hand = context;
	struct torture *torture = hand->torture;
	user_table_thread_begin();
	for (int step = 0; step < STEPS; step++) {
		struct slot *slot = &hand->slots[split_random(&hand->random) % SLOTS];
		if (!slot->entry) {
			log_in_at(hand, slot);
		} else if (split_random(&hand->random) % 4 == 0) {
			end_slot(hand, slot);
		} else {
			look_at(torture, slot->name);
		}
		if (split_random(&hand->random) % 8 == 0) {
			take_kicks(hand);
		}
	}
	torture->done++;
	while (torture->done < THREADS || torture->kicks < torture->replaced) {
		take_kicks(hand);
		sched_yield();
	}
	user_table_thread_end();
	return NULL;
}

static bool is_found(struct user_table *table, int number, const struct user_entry *entry)
{
	struct user_session found[USER_SESSIONS_MAX];
	char name[8];
	snprintf(name, sizeof(name), "name%d", number);
	uint32_t count = user_table_find(table, name, strlen(name), found);
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].handle == user_entry_handle(entry)) {
			return true;
		}
	}
	return false;
}

/* Users of one device each, or of several. */
static void torture_with(struct user_table *table, int devices, int devices_max)
{
	struct torture torture = {.table = table, .devices = devices, .epoch = 1000};
	user_table_set_kick_limit(torture.table, LIMIT);
	struct hand *hands = calloc(THREADS, sizeof(*hands));
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(mailbox_create(&torture.mailboxes[i]), 0);
		hands[i].id = (uint8_t)i;
		hands[i].torture = &torture;
		hands[i].random = 77u + (uint32_t)i;
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&hands[i].thread, NULL, run_hand, &hands[i]), 0);
	}
	for (int i = 0; i < 200; i++) {
		user_table_housekeep(torture.table);
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(hands[i].thread, NULL);
	}
	/* Who is still there is the one that the table names, and nobody else. */
	int live[NAMES][DEVICES] = {0};
	uint64_t total = 0;
	uint64_t users = 0;
	for (int i = 0; i < THREADS; i++) {
		for (int k = 0; k < SLOTS; k++) {
			struct slot *slot = &hands[i].slots[k];
			if (slot->entry) {
				assert_true(is_found(table, slot->name, slot->entry));
				assert_true(user_table_has(table, slot->entry));
				live[slot->name][slot->device]++;
				total++;
			}
		}
	}
	for (int name = 0; name < NAMES; name++) {
		int count = 0;
		for (int device = 0; device < devices; device++) {
			assert_in_range(live[name][device], 0, 1);
			count += live[name][device];
		}
		assert_in_range(count, 0, devices_max);
		users += count > 0;
	}
	assert_int_equal(user_table_count(torture.table), users);
	assert_int_equal(torture.kicks, torture.replaced);
	assert_int_equal(torture.logins, torture.replaced + torture.logouts + total);
	assert_true(torture.replaced > STEPS / 10);
	assert_true(torture.superseded > 0);
	assert_true(torture.braked > 0);
	assert_true(torture.logouts > STEPS / 100);
	for (int i = 0; i < THREADS; i++) {
		for (int k = 0; k < SLOTS; k++) {
			if (hands[i].slots[k].entry) {
				assert_true(
					user_table_logout(torture.table, &hands[i].slots[k].entry));
			}
		}
		mailbox_destroy(&torture.mailboxes[i]);
	}
	assert_int_equal(user_table_count(torture.table), 0);
	free(hands);
}

static void test_torture(void **state)
{
	torture_with(*state, 1, 1);
}

static void test_torture_of_devices(void **state)
{
	torture_with(*state, DEVICES, DEVICES_MAX);
}

#define CASE(name)         cmocka_unit_test_setup_teardown(name, setup, teardown)
#define DEVICES_CASE(name) cmocka_unit_test_setup_teardown(name, setup_for_devices, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_login_and_logout),
		CASE(test_names_of_every_length_and_byte),
		CASE(test_the_newest_has_the_name),
		CASE(test_newest_is_who_was_accepted_last),
		CASE(test_one_that_may_not_replace),
		CASE(test_a_duel_is_braked),
		CASE(test_without_a_limit),
		CASE(test_the_last_accepted_wins_every_race),
		CASE(test_what_was_replaced_judges_nobody),
		CASE(test_the_count_is_never_less_than_nothing),
		CASE(test_housekeeping_keeps_everybody),
		CASE(test_torture),
		DEVICES_CASE(test_who_is_alone),
		DEVICES_CASE(test_the_hash_of_the_device_without_a_name),
		DEVICES_CASE(test_each_device_has_a_session),
		DEVICES_CASE(test_the_newest_of_a_device_wins),
		DEVICES_CASE(test_beyond_the_number_the_oldest_goes),
		DEVICES_CASE(test_sessions_leave_in_any_order),
		DEVICES_CASE(test_devices_share_the_brake),
		DEVICES_CASE(test_torture_of_devices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
