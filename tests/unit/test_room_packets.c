#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/room_packets.h"
#include "payloads.h"

static void join_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 9, 1, 3, 'o', 'n', 'e'};
	const struct join_packet join = {.id = 9, .flags = JOIN_TELL_MEMBERS, .room = SLICE("one")};
	uint8_t bytes[sizeof wire];
	struct join_packet read;

	assert_int_equal(join_packet_len(&join), sizeof wire);
	assert_ptr_equal(join_packet_write(bytes, &join), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(join_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, 9);
	assert_int_equal(read.flags, JOIN_TELL_MEMBERS);
	assert_slice(read.room, "one");
}

static void leave_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 9, 3, 'o', 'n', 'e'};
	const struct leave_packet leave = {.id = 9, .room = SLICE("one")};
	uint8_t bytes[sizeof wire];
	struct leave_packet read;

	assert_int_equal(leave_packet_len(&leave), sizeof wire);
	assert_ptr_equal(leave_packet_write(bytes, &leave), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(leave_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, 9);
	assert_slice(read.room, "one");
}

static void members_both_ways(void **state)
{
	static const uint8_t wire[] = {3, 'o', 'n', 'e', 0, 0, 1, 0, MEMBERS_CAME, 2, 'a', 'l'};
	const struct members_packet members = {
		.room = SLICE("one"), .count = 256, .change = MEMBERS_CAME, .user = SLICE("al")};
	uint8_t bytes[sizeof wire];
	struct members_packet read;

	assert_int_equal(members_packet_len(&members), sizeof wire);
	assert_ptr_equal(members_packet_write(bytes, &members), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(members_packet_decode(wire, sizeof wire, &read), 0);
	assert_slice(read.room, "one");
	assert_int_equal(read.count, 256);
	assert_int_equal(read.change, MEMBERS_CAME);
	assert_slice(read.user, "al");
}

static void list_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 9, 3, 'o', 'n', 'e', 2, 'a', 'l'};
	const struct list_packet list = {.id = 9, .room = SLICE("one"), .after = SLICE("al")};
	uint8_t bytes[sizeof wire];
	struct list_packet read;

	assert_int_equal(list_packet_len(&list), sizeof wire);
	assert_ptr_equal(list_packet_write(bytes, &list), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(list_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, 9);
	assert_slice(read.room, "one");
	assert_slice(read.after, "al");
}

static void page_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 9, 0, 1, 0, 2, 1, 'a', 2, 'b', 'c'};
	const struct page_packet page = {.id = 9, .is_last = true, .count = 2};
	uint8_t bytes[sizeof wire];
	struct page_packet read;
	struct slice users[PAGE_USERS_MAX];

	uint8_t *at = page_packet_write_head(bytes, &page);
	assert_ptr_equal(at, bytes + PAGE_PACKET_HEAD_LEN);
	at = fields_put_str(fields_put_str(at, SLICE("a")), SLICE("bc"));
	assert_ptr_equal(at, bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(page_packet_decode(wire, sizeof wire, &read, users), 0);
	assert_int_equal(read.id, 9);
	assert_int_equal(read.result, 0);
	assert_true(read.is_last);
	assert_int_equal(read.count, 2);
	assert_slice(users[0], "a");
	assert_slice(users[1], "bc");
	for (size_t len = 0; len < sizeof wire; len++) {
		uint8_t *piece = split_copy(wire, len);
		assert_int_equal(page_packet_decode(piece, len, &read, users), -EBADMSG);
		free(piece);
	}
}

/* No more than there is a place for, however many bytes follow. */
static void a_page_has_so_many_users(void **state)
{
	uint8_t wire[PAGE_PACKET_HEAD_LEN + PAGE_USERS_MAX + 1] = {0, 0, 0, 9, 0, 1};
	struct page_packet read;
	struct slice users[PAGE_USERS_MAX];

	store_be16(wire + 6, PAGE_USERS_MAX);
	assert_int_equal(page_packet_decode(wire, sizeof wire, &read, users), 0);
	store_be16(wire + 6, PAGE_USERS_MAX + 1);
	assert_int_equal(page_packet_decode(wire, sizeof wire, &read, users), -EBADMSG);
}

static void what_is_too_short_is_refused(void **state)
{
	static const uint8_t zeros[32] = {0};
	{
		struct join_packet read;
		ASSERT_REFUSES_BEGINNINGS(join_packet_decode, zeros, 6);
	}
	{
		struct leave_packet read;
		ASSERT_REFUSES_BEGINNINGS(leave_packet_decode, zeros, 5);
	}
	{
		struct members_packet read;
		ASSERT_REFUSES_BEGINNINGS(members_packet_decode, zeros, 7);
	}
	{
		struct list_packet read;
		ASSERT_REFUSES_BEGINNINGS(list_packet_decode, zeros, 6);
	}
}

/* What the gateway sends may grow; what a client sends may not. */
static void what_trails(void **state)
{
	static const uint8_t zeros[32] = {0};
	struct join_packet join;
	struct leave_packet leave;
	struct list_packet list;
	struct members_packet members;
	struct page_packet page;
	struct slice users[PAGE_USERS_MAX];

	assert_int_equal(join_packet_decode(zeros, 7, &join), -EBADMSG);
	assert_int_equal(leave_packet_decode(zeros, 6, &leave), -EBADMSG);
	assert_int_equal(list_packet_decode(zeros, 7, &list), -EBADMSG);
	assert_int_equal(members_packet_decode(zeros, sizeof zeros, &members), 0);
	assert_int_equal(page_packet_decode(zeros, sizeof zeros, &page, users), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(join_both_ways),
		cmocka_unit_test(leave_both_ways),
		cmocka_unit_test(members_both_ways),
		cmocka_unit_test(list_both_ways),
		cmocka_unit_test(page_both_ways),
		cmocka_unit_test(a_page_has_so_many_users),
		cmocka_unit_test(what_is_too_short_is_refused),
		cmocka_unit_test(what_trails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
