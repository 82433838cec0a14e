#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../server/session/identity/rights_pack.h"

/* What two processes keep. */
struct tables {
	struct rights_table *giver;
	struct rights_table *taker;
};

static struct tables tables;

static int set_up(void **state)
{
	int err = rights_table_create(&tables.giver);
	return err ? err : rights_table_create(&tables.taker);
}

static int tear_down(void **state)
{
	assert_int_equal(rights_table_count(tables.giver), 0);
	assert_int_equal(rights_table_count(tables.taker), 0);
	rights_table_destroy(&tables.giver);
	rights_table_destroy(&tables.taker);
	return 0;
}

static struct rights *read_text(const char *text)
{
	struct rights *rights = NULL;
	json_t *json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_int_equal(rights_read(tables.giver, json, &rights), 0);
	json_decref(json);
	return rights;
}

static bool may_say(const struct rights *rights, const char *written)
{
	const struct audience audience = audience_of(slice_of(written));
	return rights_may_say(rights, &audience);
}

/* Brings a set to the taker. */
static struct rights *move(const struct rights *rights)
{
	static struct rights *const nobodys = (struct rights *)&tables;
	struct pack pack = PACK_EMPTY;
	struct rights *moved = nobodys;
	rights_pack(rights, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(rights_unpack(tables.taker, &unpack, &moved), 0);
	assert_true(unpack_is_over(&unpack));
	assert_ptr_not_equal(moved, nobodys);
	pack_finish(&pack);
	return moved;
}

static void test_a_set_allows_the_same(void **state)
{
	struct rights *rights = read_text(
		"{\"say\": [\"#team-*\", \"@bob\", \"@bob\"], \"join\": [\"lobby\", \"team-*\"],"
		" \"request\": true}");
	struct rights *moved = move(rights);
	assert_true(may_say(moved, "@bob"));
	assert_false(may_say(moved, "@alice"));
	assert_true(may_say(moved, "#team-a"));
	assert_false(may_say(moved, "#lobby"));
	assert_false(may_say(moved, ""));
	assert_true(rights_may_join(moved, SLICE("lobby")));
	assert_true(rights_may_join(moved, SLICE("team-b")));
	assert_false(rights_may_join(moved, SLICE("bob")));
	assert_true(rights_may_request(moved));
	assert_false(rights_may_broadcast(moved));
	rights_unref(&rights);
	rights_unref(&moved);
}

static void test_the_flags_are_told_apart(void **state)
{
	struct rights *rights = read_text("{\"all\": true}");
	struct rights *moved = move(rights);
	assert_true(rights_may_broadcast(moved));
	assert_false(rights_may_request(moved));
	rights_unref(&rights);
	rights_unref(&moved);
}

static void test_equal_sets_are_one_again(void **state)
{
	struct rights *rights = read_text("{\"say\": [\"@*\"]}");
	struct rights *one = move(rights);
	struct rights *other = move(rights);
	assert_ptr_equal(one, other);
	assert_int_equal(rights_table_count(tables.taker), 1);
	rights_unref(&rights);
	rights_unref(&one);
	assert_true(may_say(other, "@bob"));
	rights_unref(&other);
}

static void test_those_of_no_table(void **state)
{
	assert_null(move(NULL));
	assert_ptr_equal(move(rights_default()), rights_default());
}

/* The largest sets there can be, each part of which matters. */
static void test_as_many_as_there_may_be(void **state)
{
	char text[2048] = "{\"join\": [";
	for (int i = 0; i < RIGHTS_PATTERNS_MAX; i++) {
		char pattern[64];
		snprintf(pattern, sizeof(pattern), "%s\"r%02d-a-room-of-some-length\"",
			i ? ", " : "", i);
		strcat(text, pattern);
	}
	strcat(text, "]}");
	struct rights *rights = read_text(text);
	struct rights *moved = move(rights);
	for (int i = 0; i < RIGHTS_PATTERNS_MAX; i++) {
		char room[64];
		snprintf(room, sizeof(room), "r%02d-a-room-of-some-length", i);
		assert_true(rights_may_join(moved, slice_of(room)));
	}
	rights_unref(&rights);
	rights_unref(&moved);
}

static void expect_refused(const struct pack *pack, size_t len)
{
	struct unpack unpack = unpack_of(pack->bytes, len);
	struct rights *rights = NULL;
	assert_int_equal(rights_unpack(tables.taker, &unpack, &rights), -EINVAL);
	assert_null(rights);
}

static void test_what_is_no_set(void **state)
{
	struct rights *rights = read_text("{\"say\": [\"@bob\"], \"join\": [\"lobby\"]}");
	struct pack pack = PACK_EMPTY;
	rights_pack(rights, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		expect_refused(&pack, len);
	}
	/* Kind, flags, counts, then a length and the audience, which has to begin with a mark. */
	assert_memory_equal(pack.bytes + 5, "\4@bob", 5);
	pack.bytes[6] = 'x';
	expect_refused(&pack, pack.len);
	pack.bytes[6] = '@';
	pack.bytes[3] = RIGHTS_PATTERNS_MAX + 1;
	expect_refused(&pack, pack.len);
	pack.bytes[3] = 1;
	pack.bytes[0] = 3;
	expect_refused(&pack, pack.len);
	pack_finish(&pack);
	rights_unref(&rights);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_set_allows_the_same),
		TEST(test_the_flags_are_told_apart),
		TEST(test_equal_sets_are_one_again),
		TEST(test_those_of_no_table),
		TEST(test_as_many_as_there_may_be),
		TEST(test_what_is_no_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
