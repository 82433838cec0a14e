#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/handover/messages.h"

static const struct handover_hello written = {
	.version = HANDOVER_VERSION,
	.binary = {"0.7.0", 5},
	.files = 18010,
	.lines = 18000,
	.memory = 1ull << 33,
	.skip_us = 123456,
};

static void test_a_hello(void **state)
{
	struct handover_hello hello;
	struct pack pack = PACK_EMPTY;
	handover_hello_pack(&written, &pack);
	pack_u8(&pack, 7); /* of what follows it */
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(handover_hello_unpack(&unpack, &hello), 0);
	assert_int_equal(hello.version, HANDOVER_VERSION);
	assert_true(slice_equals(hello.binary, written.binary));
	assert_int_equal(hello.files, written.files);
	assert_int_equal(hello.lines, written.lines);
	assert_int_equal(hello.memory, written.memory);
	assert_int_equal(hello.skip_us, written.skip_us);
	assert_int_equal(unpack_u8(&unpack), 7);
	for (size_t len = 0; len < pack.len - 1; len++) {
		unpack = unpack_of(pack.bytes, len);
		assert_int_equal(handover_hello_unpack(&unpack, &hello), -EINVAL);
	}
	pack_finish(&pack);
}

/* Whose hello may be longer, shorter, or anything behind its first two fields. */
static void test_a_hello_of_another_version(void **state)
{
	struct handover_hello hello;
	struct pack pack = PACK_EMPTY;
	pack_u32(&pack, HANDOVER_VERSION + 1);
	pack_slice(&pack, SLICE("9.0"));
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(handover_hello_unpack(&unpack, &hello), 0);
	assert_int_equal(hello.version, HANDOVER_VERSION + 1);
	assert_true(slice_equals(hello.binary, SLICE("9.0")));
	assert_int_equal(hello.lines, 0);
	pack_finish(&pack);
}

static void test_a_text_is_cut_and_read(void **state)
{
	char longer[2 * HANDOVER_TEXT_MAX];
	char text[HANDOVER_TEXT_MAX];
	struct pack pack = PACK_EMPTY;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	handover_text_pack(longer, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(handover_text_unpack(&unpack, text), 0);
	assert_int_equal(strlen(text), HANDOVER_TEXT_MAX - 1);
	pack_finish(&pack);
}

static void expect_no_text(struct slice bytes)
{
	char text[HANDOVER_TEXT_MAX] = "";
	struct pack pack = PACK_EMPTY;
	pack_slice(&pack, bytes);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(handover_text_unpack(&unpack, text), -EINVAL);
	assert_true(strlen(text) > 0);
	pack_finish(&pack);
}

static void test_what_is_no_text(void **state)
{
	static const char longer[HANDOVER_TEXT_MAX] = {1};
	char text[HANDOVER_TEXT_MAX];
	struct unpack nothing = unpack_of("", 0);
	expect_no_text(SLICE("a\0b"));
	expect_no_text((struct slice){longer, sizeof(longer)});
	assert_int_equal(handover_text_unpack(&nothing, text), -EINVAL);
}

static void test_each_message_has_a_name(void **state)
{
	for (int i = HANDOVER_HELLO; i < HANDOVER_MESSAGES; i++) {
		const char *name = handover_message_name((enum handover_message)i);
		assert_string_not_equal(name, "nothing");
		for (int j = HANDOVER_HELLO; j < i; j++) {
			assert_string_not_equal(
				name, handover_message_name((enum handover_message)j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hello),
		cmocka_unit_test(test_a_hello_of_another_version),
		cmocka_unit_test(test_a_text_is_cut_and_read),
		cmocka_unit_test(test_what_is_no_text),
		cmocka_unit_test(test_each_message_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
