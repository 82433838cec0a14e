#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/tls/tls_slab.h"
#include "split.h"
#include "undumped.h"

enum {
	SLOT = 152,
	SLOTS_A_CHUNK = 430, /* at least so many of them fit one */
	MANY = 2000,
};

static struct tls_slab slab;

static int begin(void **state)
{
	tls_slab_init(&slab, SLOT);
	return 0;
}

static int end(void **state)
{
	tls_slab_finish(&slab);
	return slab.chunk_count != 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == 0) {
		len--;
	}
	return len == 0;
}

static uint8_t *take(void)
{
	uint8_t *slot = tls_slab_take(&slab);
	assert_non_null(slot);
	assert_int_equal((uintptr_t)slot % 8, 0);
	assert_true(is_zero(slot, SLOT));
	return slot;
}

static void give(uint8_t **slot)
{
	void *given = *slot;
	tls_slab_give(&slab, &given);
	assert_null(given);
	*slot = NULL;
}

static void test_a_slot(void **state)
{
	uint8_t *slot = take();
	assert_int_equal(slab.chunk_count, 1);
	assert_true(is_undumped(slot));
	assert_false(is_undumped(&slab));
	uint8_t *before = slot;
	memset(slot, 0xaa, SLOT);
	give(&slot);
	/* But for a link to the next free slot, of which there is none. */
	assert_true(is_zero(before, SLOT));
	slot = take();
	assert_ptr_equal(slot, before);
	give(&slot);
	void *nothing = NULL;
	tls_slab_give(&slab, &nothing);
}

/* No more than their size, but for the head of a chunk and what is left at its end. */
static void test_many(void **state)
{
	static uint8_t *slots[MANY];
	for (int i = 0; i < MANY; i++) {
		slots[i] = take();
		memset(slots[i], i, SLOT);
	}
	assert_int_equal(slab.chunk_count, (MANY + SLOTS_A_CHUNK - 1) / SLOTS_A_CHUNK);
	for (int i = 0; i < MANY; i++) {
		for (int at = 0; at < SLOT; at++) {
			assert_int_equal(slots[i][at], (uint8_t)i);
		}
	}
	for (int i = 0; i < MANY; i++) {
		give(&slots[i]);
	}
	/* One is kept, so that a line that comes and goes maps nothing. */
	assert_int_equal(slab.chunk_count, 1);
}

/* All of what was given back is wiped; then each leads to the one before it. */
static void test_nothing_is_left(void **state)
{
	uint8_t *slots[3];
	uint8_t *places[3];
	for (int i = 0; i < 3; i++) {
		slots[i] = places[i] = take();
		memset(slots[i], 0xee, SLOT);
	}
	const uint8_t *before = NULL;
	for (int i = 0; i < 3; i++) {
		give(&slots[i]);
		assert_memory_equal(places[i], &before, sizeof(before));
		assert_true(is_zero(places[i] + sizeof(before), SLOT - sizeof(before)));
		before = places[i];
	}
}

/* Against a model: who has a slot has it alone, and no chunk is lost. */
static void test_any_order(void **state)
{
	static uint8_t *slots[MANY];
	uint32_t seed = 16;
	for (int i = 0; i < 200000; i++) {
		const uint32_t at = split_random(&seed) % MANY;
		/* Waves: many at first, few then. */
		const bool wants = split_random(&seed) % 100 < ((i / 20000) % 2 ? 5u : 95u);
		if (slots[at]) {
			assert_int_equal(slots[at][0], (uint8_t)(at | 1));
			assert_int_equal(slots[at][SLOT - 1], (uint8_t)(at | 1));
		}
		if (wants && !slots[at]) {
			slots[at] = take();
			memset(slots[at], (int)(at | 1), SLOT);
		} else if (!wants && slots[at]) {
			give(&slots[at]);
		}
	}
	for (int i = 0; i < MANY; i++) {
		if (slots[i]) {
			give(&slots[i]);
		}
	}
	assert_int_equal(slab.chunk_count, 1);
}

/* A chunk that is full, is half empty, and is full again stays in the list once. */
static void test_on_the_edge(void **state)
{
	static uint8_t *slots[SLOTS_A_CHUNK];
	for (int i = 0; i < SLOTS_A_CHUNK; i++) {
		slots[i] = take();
	}
	assert_int_equal(slab.chunk_count, 1);
	for (int i = 0; i < 3; i++) {
		give(&slots[0]);
		slots[0] = take();
		assert_int_equal(slab.chunk_count, 1);
	}
	uint8_t *more = take();
	assert_int_equal(slab.chunk_count, 2);
	give(&more);
	assert_int_equal(slab.chunk_count, 2);
	for (int i = 0; i < SLOTS_A_CHUNK; i++) {
		give(&slots[i]);
	}
	assert_int_equal(slab.chunk_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_slot, begin, end),
		cmocka_unit_test_setup_teardown(test_many, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_is_left, begin, end),
		cmocka_unit_test_setup_teardown(test_any_order, begin, end),
		cmocka_unit_test_setup_teardown(test_on_the_edge, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
