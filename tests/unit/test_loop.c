#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/clock.h"
#include "../../server/base/loop.h"

static void test_empty_and_half_built(void **state)
{
	struct loop loop = LOOP_EMPTY;
	loop_finish(&loop);
	loop_finish(&loop);
	assert_int_equal(loop.epoll_fd, -1);
	assert_int_equal(loop_init(&loop, 1), 0);
	assert_true(loop.now_tick > 0); /* the clock runs before the first wait */
	assert_true(loop.now_ms / LOOP_TICK_MS + 1 == loop.now_tick);
	loop_finish(&loop);
	assert_null(loop.events);
}

static void test_data_comes_back_and_no_more_than_the_capacity(void **state)
{
	struct loop loop;
	int fds[5];
	assert_int_equal(loop_init(&loop, 2), 0);
	for (int i = 0; i < 5; i++) {
		fds[i] = eventfd(1, EFD_NONBLOCK);
		assert_int_equal(loop_watch(&loop, fds[i], EPOLLIN | EPOLLET,
					 UINT64_C(0xfedcba9876543210) + (uint64_t)i),
			0);
	}
	assert_int_equal(loop_watch(&loop, fds[0], EPOLLIN, 0), -EEXIST);
	unsigned seen = 0;
	for (int i = 0; i < 3; i++) {
		int count = loop_wait(&loop, 0);
		assert_int_equal(count, i < 2 ? 2 : 1);
		for (int k = 0; k < count; k++) {
			assert_int_equal(loop.events[k].events, EPOLLIN);
			seen |= 1u << (loop.events[k].data.u64 - UINT64_C(0xfedcba9876543210));
		}
	}
	assert_int_equal(seen, 0x1f);
	assert_int_equal(loop_wait(&loop, 0), 0); /* edges, each once */
	for (int i = 0; i < 5; i++) {
		close(fds[i]);
	}
	assert_int_equal(loop_watch(&loop, fds[0], EPOLLIN, 0), -EBADF);
	loop_finish(&loop);
}

static void ignore(int number)
{
}

static void test_a_signal_is_no_event(void **state)
{
	struct loop loop;
	struct sigaction action = {.sa_handler = ignore};
	struct itimerval often = {.it_value.tv_usec = 1000, .it_interval.tv_usec = 1000};
	struct itimerval never = {.it_value.tv_usec = 0};
	assert_int_equal(loop_init(&loop, 4), 0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(loop_wait(&loop, -1), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	loop_finish(&loop);
}

static void test_a_wait_may_be_told_to_be_shorter(void **state)
{
	struct loop loop;
	assert_int_equal(loop_init(&loop, 1), 0);
	/* Would last for ever, or as long as the test may. */
	loop_wait_at_most(&loop, 2000);
	loop_wait_at_most(&loop, 500);
	loop_wait_at_most(&loop, 0);
	loop_wait_at_most(&loop, 1000);
	uint64_t before = loop.now_us;
	assert_int_equal(loop_wait(&loop, -1), 0);
	assert_true(loop.now_us >= before + 500);
	loop_wait_at_most(&loop, 3600 * 1000000u);
	assert_int_equal(loop_wait(&loop, 1), 0);
	/* Said for one wait only. */
	assert_int_equal(loop.wait_us, 0);
	loop_finish(&loop);
}

static void test_the_clock(void **state)
{
	struct loop loop;
	assert_int_equal(loop_init(&loop, 1), 0);
	uint64_t before = loop.now_ms;
	uint32_t tick = loop.now_tick;
	int wait_ms = loop_ms_to_next_tick(&loop);
	assert_in_range(wait_ms, 1, LOOP_TICK_MS);
	assert_int_equal(loop_wait(&loop, wait_ms), 0);
	assert_true(loop.now_ms >= before + (uint64_t)wait_ms - 1);
	assert_true(loop.now_tick > tick);
	for (uint64_t ms = 1000; ms < 1000 + 2 * LOOP_TICK_MS; ms++) {
		loop.now_ms = ms;
		uint64_t there = ms + (uint64_t)loop_ms_to_next_tick(&loop);
		assert_int_equal(there % LOOP_TICK_MS, 0);
		assert_int_equal(there / LOOP_TICK_MS, ms / LOOP_TICK_MS + 1);
	}
	assert_int_equal(loop_ticks(0), 0);
	assert_int_equal(loop_ticks(1), 1);
	assert_int_equal(loop_ticks(LOOP_TICK_MS), 1);
	assert_int_equal(loop_ticks(LOOP_TICK_MS + 1), 2);
	assert_int_equal(loop_ticks(UINT64_C(86400) * 1000), 86400 * 1000 / LOOP_TICK_MS);
	loop_finish(&loop);
}

/* What is said between two looks has one time: that of the first of it. */
static void test_the_walls_clock_is_read_once_a_look(void **state)
{
	struct loop loop;
	assert_int_equal(loop_init(&loop, 1), 0);
	loop_script(&loop, 1000000);
	const uint64_t before_ms = clock_wall_ms();
	const uint64_t wall_ms = loop_wall_ms(&loop);
	assert_true(wall_ms >= before_ms && wall_ms <= clock_wall_ms());
	while (clock_wall_ms() <= wall_ms) {
	}
	assert_true(loop_wall_ms(&loop) == wall_ms);
	loop_script(&loop, 1000001);
	assert_true(loop_wall_ms(&loop) > wall_ms);
	loop_finish(&loop);
}

static void test_the_sooner_of_two_waits(void **state)
{
	(void)state;
	assert_int_equal(loop_sooner(3, 7), 3);
	assert_int_equal(loop_sooner(7, 3), 3);
	assert_int_equal(loop_sooner(-1, 7), 7);
	assert_int_equal(loop_sooner(0, -1), 0);
	assert_int_equal(loop_sooner(-1, -1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_and_half_built),
		cmocka_unit_test(test_data_comes_back_and_no_more_than_the_capacity),
		cmocka_unit_test(test_a_signal_is_no_event),
		cmocka_unit_test(test_a_wait_may_be_told_to_be_shorter),
		cmocka_unit_test(test_the_clock),
		cmocka_unit_test(test_the_walls_clock_is_read_once_a_look),
		cmocka_unit_test(test_the_sooner_of_two_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
