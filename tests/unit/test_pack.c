#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/pack.h"

static void test_numbers_in_network_order(void **state)
{
	static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
		0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0, 0, 0, 2, 'h', 'i', 'y', 'o'};
	struct pack pack = PACK_EMPTY;
	pack_u8(&pack, 0x01);
	pack_u16(&pack, 0x0203);
	pack_u32(&pack, 0x04050607);
	pack_u64(&pack, 0x08090a0b0c0d0e0f);
	pack_slice(&pack, SLICE("hi"));
	pack_bytes(&pack, "yo", 2);
	pack_bytes(&pack, NULL, 0);
	assert_int_equal(pack.len, sizeof(expected));
	assert_memory_equal(pack.bytes, expected, sizeof(expected));
	pack_finish(&pack);
	assert_null(pack.bytes);
}

/* One of everything. */
static void write_all(struct pack *pack)
{
	pack_u8(pack, 200);
	pack_u16(pack, 60000);
	pack_u32(pack, 4000000000);
	pack_u64(pack, UINT64_MAX - 1);
	pack_u8(pack, true);
	pack_u8(pack, 6);
	pack_bytes(pack, "abc", 3);
	pack_bytes(pack, "defg", 4);
	pack_slice(pack, SLICE("a text"));
	size_t part = pack_part_begin(pack);
	pack_u32(pack, 17);
	pack_part_end(pack, part);
}

static void expect_all(struct unpack *unpack)
{
	uint8_t copy[4];
	assert_int_equal(unpack_u8(unpack), 200);
	assert_int_equal(unpack_u16(unpack), 60000);
	assert_int_equal(unpack_u32(unpack), 4000000000);
	assert_true(unpack_u64(unpack) == UINT64_MAX - 1);
	assert_true(unpack_bool(unpack));
	assert_int_equal(unpack_below(unpack, 7), 6);
	assert_memory_equal(unpack_bytes(unpack, 3), "abc", 3);
	unpack_copy(unpack, copy, sizeof(copy));
	assert_memory_equal(copy, "defg", sizeof(copy));
	assert_true(slice_equals(unpack_slice(unpack), SLICE("a text")));
	struct unpack part = unpack_part(unpack);
	assert_int_equal(unpack_u32(&part), 17);
	assert_true(unpack_is_over(&part));
}

static void test_what_was_written_is_read(void **state)
{
	struct pack pack = PACK_EMPTY;
	write_all(&pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	expect_all(&unpack);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
}

/* Reads on, whatever there is, and leaves nothing. */
static void read_all(struct unpack *unpack)
{
	uint8_t copy[4];
	unpack_u8(unpack);
	unpack_u16(unpack);
	unpack_u32(unpack);
	unpack_u64(unpack);
	unpack_bool(unpack);
	unpack_below(unpack, 7);
	unpack_bytes(unpack, 3);
	unpack_copy(unpack, copy, sizeof(copy));
	unpack_slice(unpack);
	struct unpack part = unpack_part(unpack);
	unpack_u32(&part);
	assert_true(!unpack->failed || part.failed);
}

/* At every length but the whole it fails; the bytes lie in memory of their own, for sanitizers. */
static void test_what_is_cut_off_fails(void **state)
{
	struct pack pack = PACK_EMPTY;
	write_all(&pack);
	for (size_t len = 0; len < pack.len; len++) {
		uint8_t *bytes = malloc(len + 1);
		assert_non_null(bytes);
		memcpy(bytes + 1, pack.bytes, len);
		struct unpack unpack = unpack_of(bytes + 1, len);
		read_all(&unpack);
		assert_true(unpack.failed);
		assert_false(unpack_is_over(&unpack));
		free(bytes);
	}
	pack_finish(&pack);
}

static void test_a_failure_stays(void **state)
{
	static const uint8_t bytes[] = {9, 1, 1, 1, 1, 1, 1, 1, 1};
	uint8_t copy[] = {7, 7};
	struct unpack unpack = unpack_of(bytes, sizeof(bytes));
	assert_int_equal(unpack_below(&unpack, 9), 0);
	assert_true(unpack.failed);
	assert_int_equal(unpack_u8(&unpack), 0);
	assert_int_equal(unpack_u64(&unpack), 0);
	assert_null(unpack_bytes(&unpack, 0));
	assert_int_equal(unpack_slice(&unpack).len, 0);
	unpack_copy(&unpack, copy, sizeof(copy));
	assert_int_equal(copy[0] | copy[1], 0);
	assert_true(unpack_part(&unpack).failed);
	assert_false(unpack_is_over(&unpack));
}

static void test_a_bool_is_one_of_two(void **state)
{
	static const uint8_t bytes[] = {0, 1, 2};
	struct unpack unpack = unpack_of(bytes, sizeof(bytes));
	assert_false(unpack_bool(&unpack));
	assert_true(unpack_bool(&unpack));
	assert_false(unpack.failed);
	assert_false(unpack_bool(&unpack));
	assert_true(unpack.failed);
}

static void test_a_length_that_is_too_long(void **state)
{
	static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 'a'};
	struct unpack unpack = unpack_of(bytes, sizeof(bytes));
	assert_int_equal(unpack_slice(&unpack).len, 0);
	assert_true(unpack.failed);
	unpack = unpack_of(bytes, sizeof(bytes));
	assert_true(unpack_part(&unpack).failed);
	assert_true(unpack.failed);
}

static void test_parts_in_parts(void **state)
{
	struct pack pack = PACK_EMPTY;
	size_t outer = pack_part_begin(&pack);
	size_t inner = pack_part_begin(&pack);
	pack_u8(&pack, 1);
	pack_part_end(&pack, inner);
	inner = pack_part_begin(&pack);
	pack_part_end(&pack, inner);
	pack_part_end(&pack, outer);
	pack_u8(&pack, 2);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	struct unpack first = unpack_part(&unpack);
	struct unpack second = unpack_part(&first);
	assert_int_equal(unpack_u8(&second), 1);
	assert_int_equal(unpack_u8(&second), 0); /* not of what follows */
	assert_true(second.failed);
	second = unpack_part(&first);
	assert_true(unpack_is_over(&second));
	assert_true(unpack_is_over(&first));
	assert_int_equal(unpack_u8(&unpack), 2);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
}

static void test_a_count_that_is_known_at_the_end(void **state)
{
	struct pack pack = PACK_EMPTY;
	pack_u8(&pack, 1);
	size_t at = pack.len;
	pack_u32(&pack, 0);
	pack_u8(&pack, 2);
	pack_u32_at(&pack, at, 0x01020304);
	assert_memory_equal(pack.bytes, "\1\1\2\3\4\2", 6);
	pack_finish(&pack);
}

static void test_it_grows(void **state)
{
	struct pack pack = PACK_EMPTY;
	for (uint32_t i = 0; i < 100000; i++) {
		pack_u32(&pack, i);
	}
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	for (uint32_t i = 0; i < 100000; i++) {
		assert_int_equal(unpack_u32(&unpack), i);
	}
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
}

/* What is cut is wiped, as the memory stays. */
static void test_what_is_cut_is_wiped(void **state)
{
	static const uint8_t zeros[8];
	struct pack pack = PACK_EMPTY;
	pack_bytes(&pack, "keep", 4);
	pack_bytes(&pack, "password", 8);
	pack_cut(&pack, 4);
	assert_int_equal(pack.len, 4);
	assert_memory_equal(pack.bytes, "keep", 4);
	assert_memory_equal(pack.bytes + 4, zeros, 8);
	pack_u8(&pack, 1);
	assert_int_equal(pack.len, 5);
	pack_finish(&pack);
}

static void test_without_memory_nothing_more_is_written(void **state)
{
	struct pack pack = PACK_EMPTY;
	pack_u8(&pack, 1);
	assert_null(pack_room(&pack, SIZE_MAX / 2 + 2));
	assert_true(pack.failed);
	size_t part = pack_part_begin(&pack);
	pack_u64(&pack, 1);
	pack_part_end(&pack, part);
	pack_u32_at(&pack, 100, 1);
	assert_int_equal(pack.len, 1);
	pack_finish(&pack);
	assert_false(pack.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_in_network_order),
		cmocka_unit_test(test_what_was_written_is_read),
		cmocka_unit_test(test_what_is_cut_off_fails),
		cmocka_unit_test(test_a_failure_stays),
		cmocka_unit_test(test_a_bool_is_one_of_two),
		cmocka_unit_test(test_a_length_that_is_too_long),
		cmocka_unit_test(test_parts_in_parts),
		cmocka_unit_test(test_a_count_that_is_known_at_the_end),
		cmocka_unit_test(test_it_grows),
		cmocka_unit_test(test_what_is_cut_is_wiped),
		cmocka_unit_test(test_without_memory_nothing_more_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
