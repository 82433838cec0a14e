#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/user/duel.h"
#include "../../server/user/user_pack.h"

enum {
	DEVICES = 3,
	KICK = 3,
	LIMIT = 4, /* kicks of a user in a window */
	TICK = 1000,
};

/* The tables of two processes. */
struct tables {
	struct user_table *giver;
	struct user_table *taker;
};

static struct tables tables;

static int setup_with(uint32_t devices_max)
{
	user_table_thread_begin();
	assert_int_equal(user_table_create(16, DEVICES, NULL, &tables.giver), 0);
	assert_int_equal(user_table_create(16, devices_max, NULL, &tables.taker), 0);
	user_table_set_kick_limit(tables.giver, LIMIT);
	user_table_set_kick_limit(tables.taker, LIMIT);
	return 0;
}

static int setup(void **state)
{
	return setup_with(DEVICES);
}

static int setup_one(void **state)
{
	return setup_with(1);
}

static int teardown(void **state)
{
	assert_int_equal(user_table_count(tables.giver), 0);
	assert_int_equal(user_table_count(tables.taker), 0);
	user_table_destroy(&tables.giver);
	user_table_destroy(&tables.taker);
	user_table_thread_end();
	return 0;
}

static struct user_entry *make(
	struct user_table *table, const char *name, const char *device, uint64_t epoch)
{
	const struct user_identity identity = {
		.name = name,
		.device = device,
		.name_len = (uint8_t)strlen(name),
		.device_len = (uint8_t)strlen(device),
		.speaks_v1 = true,
	};
	struct user_entry *entry;
	assert_int_equal(user_entry_create(table, &identity, epoch, epoch, &entry), 0);
	return entry;
}

/* Whoever was replaced has heard of it. */
static struct user_login log_in(struct user_table *table, struct user_entry *entry)
{
	struct user_login login = user_table_login(table, entry, TICK, true);
	if (login.replaced) {
		struct mail *kick = user_entry_kick(login.replaced, KICK);
		struct user_entry *kicked = user_entry_of_kick(kick);
		user_entry_retire(table, &kicked);
	}
	return login;
}

static struct user_entry *come(
	struct user_table *table, const char *name, const char *device, uint64_t epoch)
{
	struct user_entry *entry = make(table, name, device, epoch);
	assert_int_equal(log_in(table, entry).result, USER_LOGIN_IN);
	return entry;
}

static void leave(struct user_table *table, struct user_entry *entry)
{
	assert_true(user_table_logout(table, &entry));
}

/* Makes the taker's entry of one of the giver's. */
static struct user_entry *carry(const struct user_entry *entry, handle_t handle)
{
	struct pack pack = PACK_EMPTY;
	struct user_entry *carried = NULL;
	user_pack(tables.giver, entry, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(user_unpack(tables.taker, &unpack, handle, &carried), 0);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
	return carried;
}

static struct user_entry *move(const struct user_entry *entry, handle_t handle)
{
	struct user_entry *carried = carry(entry, handle);
	struct user_login login = log_in(tables.taker, carried);
	assert_int_equal(login.result, USER_LOGIN_IN);
	assert_false(login.is_duel);
	return carried;
}

/* How a newcomer fares there, who does not stay. */
static struct user_login try_to_come(struct user_table *table, const char *name, uint64_t epoch)
{
	struct user_entry *entry = make(table, name, "", epoch);
	struct user_login login = user_table_login(table, entry, TICK, false);
	assert_int_not_equal(login.result, USER_LOGIN_IN);
	user_entry_discard(&entry);
	return login;
}

static void test_a_session_is_who_it_was(void **state)
{
	struct user_entry *entry = come(tables.giver, "alice", "phone", 77);
	struct user_entry *moved = move(entry, 4711);
	struct user_device devices[USER_SESSIONS_MAX];
	assert_int_equal(user_table_devices(tables.taker, "alice", 5, devices), 1);
	assert_int_equal(devices[0].handle, 4711);
	assert_int_equal(devices[0].epoch, 77);
	assert_int_equal(devices[0].len, 5);
	assert_memory_equal(devices[0].name, "phone", 5);
	assert_true(user_entry_speaks_v1(moved));
	/* One that was accepted before comes too late there, too. */
	struct user_entry *late = make(tables.taker, "alice", "phone", 76);
	assert_int_equal(log_in(tables.taker, late).result, USER_LOGIN_SUPERSEDED);
	user_entry_discard(&late);
	leave(tables.giver, entry);
	leave(tables.taker, moved);
}

static void test_all_devices_of_a_user(void **state)
{
	struct user_entry *phone = come(tables.giver, "alice", "phone", 1);
	struct user_entry *none = come(tables.giver, "alice", "", 2);
	struct user_entry *moved_phone = move(phone, 11);
	struct user_entry *moved_none = move(none, 12);
	struct user_device devices[USER_SESSIONS_MAX];
	assert_int_equal(user_table_devices(tables.taker, "alice", 5, devices), 2);
	assert_int_equal(devices[0].handle, 11);
	assert_int_equal(devices[1].handle, 12);
	assert_int_equal(user_table_count(tables.taker), 1);
	leave(tables.giver, phone);
	leave(tables.giver, none);
	leave(tables.taker, moved_none);
	leave(tables.taker, moved_phone);
}

/* Whose sessions kick each other over and over has to wait in the other process, too; and his
 * session that was in comes in whatever the brake says. */
static void test_a_duel_goes_on(void **state)
{
	struct user_entry *entry = come(tables.giver, "alice", "", 1);
	uint64_t epoch = 2;
	for (; epoch < 2 + LIMIT; epoch++) {
		entry = come(tables.giver, "alice", "", epoch);
	}
	struct user_login here = try_to_come(tables.giver, "alice", epoch);
	assert_int_equal(here.result, USER_LOGIN_BRAKED);
	struct user_entry *moved = move(entry, 1);
	struct user_login there = try_to_come(tables.taker, "alice", epoch);
	assert_int_equal(there.result, USER_LOGIN_BRAKED);
	assert_int_equal(there.wait_ticks, here.wait_ticks);
	leave(tables.giver, entry);
	leave(tables.taker, moved);
}

static void test_a_duel_of_several_devices_goes_on(void **state)
{
	struct user_entry *phone = come(tables.giver, "alice", "phone", 1);
	struct user_entry *entry = come(tables.giver, "alice", "", 2);
	uint64_t epoch = 3;
	for (; epoch < 3 + LIMIT; epoch++) {
		entry = come(tables.giver, "alice", "", epoch);
	}
	struct user_entry *moved_phone = move(phone, 1);
	struct user_entry *moved = move(entry, 2);
	struct user_login there = try_to_come(tables.taker, "alice", epoch);
	assert_int_equal(there.result, USER_LOGIN_BRAKED);
	leave(tables.giver, entry);
	leave(tables.giver, phone);
	leave(tables.taker, moved);
	leave(tables.taker, moved_phone);
}

/* One kick less than the brake wants is one less there too; and the next one is the last. */
static void test_kicks_are_counted_on(void **state)
{
	struct user_entry *entry = come(tables.giver, "alice", "", 1);
	uint64_t epoch = 2;
	for (; epoch < 1 + LIMIT; epoch++) {
		entry = come(tables.giver, "alice", "", epoch);
	}
	struct user_entry *moved = move(entry, 1);
	assert_int_equal(try_to_come(tables.taker, "alice", epoch).result, USER_LOGIN_OCCUPIED);
	struct user_entry *last = make(tables.taker, "alice", "", epoch);
	struct user_login login = log_in(tables.taker, last);
	assert_int_equal(login.result, USER_LOGIN_IN);
	assert_ptr_equal(login.replaced, moved);
	assert_true(login.is_duel);
	leave(tables.giver, entry);
	leave(tables.taker, last);
}

/* Fewer devices there: the oldest goes as a kick does, and that counts for no duel. */
static void test_a_surplus_is_replaced(void **state)
{
	struct user_entry *first = come(tables.giver, "alice", "phone", 1);
	struct user_entry *second = come(tables.giver, "alice", "desk", 2);
	struct user_entry *moved = move(first, 1);
	struct user_entry *carried = carry(second, 2);
	struct user_login login = log_in(tables.taker, carried);
	assert_int_equal(login.result, USER_LOGIN_IN);
	assert_ptr_equal(login.replaced, moved);
	assert_false(login.is_duel);
	uint64_t epoch = 3;
	struct user_entry *last = carried;
	for (; epoch < 3 + LIMIT - 1; epoch++) {
		last = come(tables.taker, "alice", "", epoch);
	}
	assert_int_equal(try_to_come(tables.taker, "alice", epoch).result, USER_LOGIN_OCCUPIED);
	leave(tables.giver, first);
	leave(tables.giver, second);
	leave(tables.taker, last);
}

static void test_what_makes_no_sense(void **state)
{
	struct user_entry *entry = come(tables.giver, "alice", "phone", 1);
	struct user_entry *carried = NULL;
	struct pack pack = PACK_EMPTY;
	user_pack(tables.giver, entry, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(user_unpack(tables.taker, &unpack, 1, &carried), -EINVAL);
	}
	pack.bytes[4] = '\n'; /* of the name */
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(user_unpack(tables.taker, &unpack, 1, &carried), -EINVAL);
	pack.bytes[4] = 'a';
	pack.bytes[4 + 5 + 4] = '\n'; /* of the device */
	unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(user_unpack(tables.taker, &unpack, 1, &carried), -EINVAL);
	assert_null(carried);
	pack_finish(&pack);
	leave(tables.giver, entry);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_session_is_who_it_was),
		TEST(test_all_devices_of_a_user),
		TEST(test_a_duel_goes_on),
		TEST(test_a_duel_of_several_devices_goes_on),
		TEST(test_kicks_are_counted_on),
		cmocka_unit_test_setup_teardown(test_a_surplus_is_replaced, setup_one, teardown),
		TEST(test_what_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
