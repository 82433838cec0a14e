#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/cluster/doubles.h"
#include "split.h"

enum {
	OTHER = 1,
	THIRD = 2,
	PHONE = 11,
	DESK = 22,
	WATCH = 33,
	ROUNDS = 20000,
	MOST = 12, /* entries of a round */
};

static struct directory_user at(uint16_t node, uint32_t device, uint64_t epoch)
{
	return (struct directory_user){
		.epoch = epoch, .rank = (uint16_t)(100 + node), .device = device, .node = node};
}

static void test_one_alone_stays(void **state)
{
	const struct directory_user users[] = {at(DIRECTORY_SELF, PHONE, 5)};
	uint32_t places[DOUBLES_MOST];
	(void)state;
	assert_false(doubles_must_go(users, 1, 1, &users[0]));
	assert_int_equal(doubles_find_own(users, 1, 1, places), 0);
	assert_int_equal(doubles_find_own(users, 0, 1, places), 0);
}

static void test_of_a_device_the_highest_epoch_stays(void **state)
{
	const struct directory_user users[] = {
		at(OTHER, PHONE, 7),
		at(DIRECTORY_SELF, PHONE, 5),
		at(THIRD, PHONE, 6),
		at(DIRECTORY_SELF, DESK, 1),
	};
	uint32_t places[DOUBLES_MOST];
	(void)state;
	assert_int_equal(doubles_find_own(users, 4, 16, places), 1);
	assert_int_equal(places[0], 1);
	assert_true(doubles_must_go(users, 4, 16, &users[2]));
	assert_false(doubles_must_go(users, 4, 16, &users[0]));
}

static void test_of_equal_epochs_that_of_the_higher_rank_stays(void **state)
{
	struct directory_user users[] = {at(DIRECTORY_SELF, PHONE, 5), at(OTHER, PHONE, 5)};
	uint32_t places[DOUBLES_MOST];
	(void)state;
	assert_int_equal(doubles_find_own(users, 2, 1, places), 1);
	users[0].rank = UINT16_MAX;
	assert_int_equal(doubles_find_own(users, 2, 1, places), 0);
	assert_true(doubles_must_go(users, 2, 1, &users[1]));
	/* Of other devices, the higher one then. */
	users[1].device = DESK;
	users[1].rank = UINT16_MAX;
	assert_int_equal(doubles_find_own(users, 2, 1, places), 1);
	assert_false(doubles_must_go(users, 2, 1, &users[1]));
}

/* A session that is replaced itself takes nobody's place. */
static void test_beyond_the_number_the_oldest_goes(void **state)
{
	const struct directory_user users[] = {
		at(DIRECTORY_SELF, PHONE, 5),
		at(OTHER, DESK, 6),
		at(THIRD, DESK, 7),
		at(OTHER, WATCH, 8),
	};
	uint32_t places[DOUBLES_MOST];
	(void)state;
	assert_int_equal(doubles_find_own(users, 4, 3, places), 0);
	assert_int_equal(doubles_find_own(users, 4, 2, places), 1);
	assert_int_equal(places[0], 0);
	assert_false(doubles_must_go(users, 4, 2, &users[2]));
	assert_true(doubles_must_go(users, 4, 1, &users[2]));
	assert_false(doubles_must_go(users, 4, 1, &users[3]));
}

static void test_claims_are_why_a_newcomer_goes(void **state)
{
	const struct directory_user users[] = {
		at(DIRECTORY_SELF, PHONE, 5),
		at(OTHER, PHONE, 4),
		at(DIRECTORY_SELF, DESK, 9),
		at(DIRECTORY_SELF, WATCH, 2),
		at(DIRECTORY_SELF, DESK, 8),
	};
	uint32_t places[DOUBLES_MOST];
	(void)state;
	/* Its own device's, and those that it is beyond the number for; not a lower one, nor one
	 * that goes itself. */
	assert_int_equal(doubles_find_claims(users, 5, 16, &users[1], places), 2);
	assert_int_equal(places[0], 0);
	assert_int_equal(places[1], 2);
	/* Who may stay hears nothing. */
	assert_int_equal(doubles_find_claims(users + 1, 4, 16, &users[1], places), 0);
	assert_int_equal(doubles_find_claims(users + 1, 4, 1, &users[1], places), 1);
	assert_int_equal(places[0], 1);
}

/* --- in any order ------------------------------------------------------------------------------
 */

static void fill(struct directory_user users[MOST], uint32_t count, uint32_t *seed)
{
	for (uint32_t i = 0; i < count; i++) {
		bool is_known;
		do {
			users[i] = at((uint16_t)(split_random(seed) % 4), split_random(seed) % 5,
				split_random(seed) % 6);
			is_known = false;
			for (uint32_t k = 0; k < i; k++) {
				is_known |= users[k].node == users[i].node &&
					    users[k].device == users[i].device;
			}
		} while (is_known);
	}
}

static void swap_some(struct directory_user users[MOST], uint32_t count, uint32_t *seed)
{
	for (uint32_t i = 0; i + 1 < count; i++) {
		uint32_t k = i + split_random(seed) % (count - i);
		const struct directory_user one = users[i];
		users[i] = users[k];
		users[k] = one;
	}
}

/* How many stay, whichever node judges them. */
static uint32_t count_staying(
	const struct directory_user *users, uint32_t count, uint32_t devices_max, uint64_t *ret_sum)
{
	uint32_t staying = 0;
	*ret_sum = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (!doubles_must_go(users, count, devices_max, &users[i])) {
			staying++;
			*ret_sum += users[i].epoch << 32 | users[i].device << 8 | users[i].node;
		}
	}
	return staying;
}

static uint32_t count_devices(const struct directory_user *users, uint32_t count)
{
	uint32_t devices = 0;
	for (uint32_t i = 0; i < count; i++) {
		devices |= UINT32_C(1) << users[i].device;
	}
	return (uint32_t)__builtin_popcount(devices);
}

/* Without those that went nobody else goes, and the order in which they are known is nothing to
 * it. */
static void test_all_come_to_the_same_verdict(void **state)
{
	struct directory_user users[MOST];
	uint32_t seed = 15;
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t count = split_random(&seed) % (MOST + 1);
		const uint32_t devices_max = 1 + split_random(&seed) % 4;
		uint64_t sum;
		uint64_t sum_again;
		fill(users, count, &seed);
		const uint32_t devices = count_devices(users, count);
		const uint32_t staying = count_staying(users, count, devices_max, &sum);
		assert_int_equal(staying, devices < devices_max ? devices : devices_max);
		swap_some(users, count, &seed);
		assert_int_equal(count_staying(users, count, devices_max, &sum_again), staying);
		assert_int_equal(sum_again, sum);
		/* One that must go goes. */
		for (uint32_t i = 0; i < count; i++) {
			if (doubles_must_go(users, count, devices_max, &users[i])) {
				users[i] = users[--count];
				break;
			}
		}
		assert_int_equal(count_staying(users, count, devices_max, &sum_again), staying);
		assert_int_equal(sum_again, sum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_alone_stays),
		cmocka_unit_test(test_of_a_device_the_highest_epoch_stays),
		cmocka_unit_test(test_of_equal_epochs_that_of_the_higher_rank_stays),
		cmocka_unit_test(test_beyond_the_number_the_oldest_goes),
		cmocka_unit_test(test_claims_are_why_a_newcomer_goes),
		cmocka_unit_test(test_all_come_to_the_same_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
