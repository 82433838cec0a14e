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

#include "../../server/user/user_table.h"
#include "split.h"

enum {
	THREADS = 4,
	NAMES = 8,
	STEPS = 20000, /* of each thread */
	SLOTS = 64,    /* sessions of each thread */
	KICK = 3,
};

static struct user_entry *make(struct user_table *table, const char *name, handle_t handle)
{
	struct user_entry *entry;
	assert_int_equal(user_entry_create(table, name, strlen(name), handle, &entry), 0);
	return entry;
}

static handle_t find(struct user_table *table, const char *name)
{
	handle_t handle = 0;
	int err = user_table_find(table, name, strlen(name), &handle);
	assert_true(err == 0 || err == -ENOENT);
	return err ? 0 : handle;
}

static int setup(void **state)
{
	user_table_thread_begin();
	return user_table_create(0, (struct user_table **)state);
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
	assert_null(user_table_login(table, a));
	assert_null(user_table_login(table, b));
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
		assert_int_equal(user_entry_create(table, name, len, len, &entries[len - 1]), 0);
		assert_null(user_table_login(table, entries[len - 1]));
	}
	for (size_t len = 1; len <= 64; len++) {
		handle_t handle;
		assert_int_equal(user_table_find(table, name, len, &handle), 0);
		assert_int_equal(handle, len);
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
	assert_null(user_table_login(table, first));
	assert_ptr_equal(user_table_login(table, second), first);
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
		assert_null(user_table_login(table, entries[i]));
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
};

struct torture {
	struct user_table *table;
	struct mailbox *mailboxes[THREADS];
	_Atomic uint64_t logins;
	_Atomic uint64_t replaced;
	_Atomic uint64_t kicks;
	_Atomic uint64_t logouts; /* that took the name away */
	_Atomic uint32_t done;    /* threads that log nobody in any more */
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

static void log_in(struct hand *hand, struct slot *slot)
{
	struct torture *torture = hand->torture;
	char name[8];
	handle_t handle = handle_make(hand->id, (uint32_t)(slot - hand->slots), slot->generation);
	slot->name = (int)(split_random(&hand->random) % NAMES);
	snprintf(name, sizeof(name), "name%d", slot->name);
	if (user_entry_create(torture->table, name, strlen(name), handle, &slot->entry) < 0) {
		abort();
	}
	struct user_entry *replaced = user_table_login(torture->table, slot->entry);
	torture->logins++;
	if (replaced) {
		torture->replaced++;
		mailbox_post(torture->mailboxes[handle_worker(user_entry_handle(replaced))],
			user_entry_kick(replaced, KICK));
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
			log_in(hand, slot);
		} else if (split_random(&hand->random) % 4 == 0) {
			end_slot(hand, slot);
		} else {
			char name[8];
			handle_t handle;
			snprintf(name, sizeof(name), "name%d", slot->name);
			/* What is found is whole: a worker and a slot that there are. */
			if (user_table_find(torture->table, name, strlen(name), &handle) == 0 &&
				(handle_worker(handle) >= THREADS ||
					handle_index(handle) >= SLOTS)) {
				abort();
			}
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

static void test_torture(void **state)
{
	struct torture torture = {.table = *state};
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
	int live[NAMES] = {0};
	uint64_t total = 0;
	for (int i = 0; i < THREADS; i++) {
		for (int k = 0; k < SLOTS; k++) {
			struct slot *slot = &hands[i].slots[k];
			if (slot->entry) {
				char name[8];
				snprintf(name, sizeof(name), "name%d", slot->name);
				assert_int_equal(
					find(torture.table, name), user_entry_handle(slot->entry));
				live[slot->name]++;
				total++;
			}
		}
	}
	for (int name = 0; name < NAMES; name++) {
		assert_in_range(live[name], 0, 1);
	}
	assert_int_equal(user_table_count(torture.table), total);
	assert_int_equal(torture.kicks, torture.replaced);
	assert_int_equal(torture.logins, torture.replaced + torture.logouts + total);
	assert_true(torture.replaced > STEPS / 10);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_login_and_logout),
		CASE(test_names_of_every_length_and_byte),
		CASE(test_the_newest_has_the_name),
		CASE(test_housekeeping_keeps_everybody),
		CASE(test_torture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
