#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/tls/tls_spares.h"

enum {
	BLOCK = 1024,
	BLOCKS = 2100,
};

static uint8_t memory[BLOCKS][BLOCK];
static struct tls_spares spares;

static int setup(void **state)
{
	spares = (struct tls_spares){.counts = {0}};
	return 0;
}

static size_t count_all(void)
{
	size_t count = 0;
	while (tls_spares_take_any(&spares)) {
		count++;
	}
	return count;
}

static void test_the_last_comes_first(void **state)
{
	assert_null(tls_spares_take(&spares, 100));
	assert_true(tls_spares_put(&spares, memory[0], 112));
	assert_true(tls_spares_put(&spares, memory[1], 112));
	assert_ptr_equal(tls_spares_take(&spares, 100), memory[1]);
	assert_ptr_equal(tls_spares_take(&spares, 112), memory[0]);
	assert_null(tls_spares_take(&spares, 100));
}

/* Whatever size a block has, and whatever is asked for: it never has less than that. */
static void test_a_block_has_what_is_asked_for(void **state)
{
	for (size_t has = 0; has <= BLOCK; has++) {
		for (size_t asked = 1; asked <= BLOCK; asked++) {
			if (!tls_spares_put(&spares, memory[0], has)) {
				break;
			}
			const void *block = tls_spares_take(&spares, asked);
			assert_true(!block || has >= asked);
			assert_int_equal(count_all(), block ? 0 : 1);
		}
	}
}

/* jemalloc's sizes, which are those that come: each is taken again for its own size, and for all
 * down to the one below. */
static void test_the_sizes_of_jemalloc(void **state)
{
	static const size_t sizes[] = {
		16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512};
	size_t below = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t asked = below + 1; asked <= sizes[i]; asked++) {
			assert_true(tls_spares_put(&spares, memory[i], sizes[i]));
			assert_ptr_equal(tls_spares_take(&spares, asked), memory[i]);
		}
		below = sizes[i];
	}
	assert_false(tls_spares_put(&spares, memory[0], 8));
	assert_false(tls_spares_put(&spares, memory[0], 640));
	assert_null(tls_spares_take(&spares, 513));
	assert_null(tls_spares_take(&spares, SIZE_MAX));
}

static void test_there_is_an_end_to_them(void **state)
{
	size_t kept = 0;
	for (size_t i = 0; i < BLOCKS; i++) {
		kept += tls_spares_put(&spares, memory[i], 16 * (1 + i % 32));
	}
	assert_int_equal(kept, TLS_SPARES_CLASSES * TLS_SPARES_MOST);
	assert_int_equal(count_all(), kept);
}

/* A bug that writes to a block which is not its own any more shall find no pointer there. */
static void test_what_lies_here_is_not_written_to(void **state)
{
	memset(memory[0], 0xee, BLOCK);
	memset(memory[1], 0xee, BLOCK);
	assert_true(tls_spares_put(&spares, memory[0], 64));
	assert_true(tls_spares_put(&spares, memory[1], 64));
	assert_memory_equal(memory[0], memory[1], BLOCK);
	assert_int_equal(memory[0][0], 0xee);
	assert_int_equal(count_all(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_last_comes_first, setup),
		cmocka_unit_test_setup(test_a_block_has_what_is_asked_for, setup),
		cmocka_unit_test_setup(test_the_sizes_of_jemalloc, setup),
		cmocka_unit_test_setup(test_there_is_an_end_to_them, setup),
		cmocka_unit_test_setup(test_what_lies_here_is_not_written_to, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
