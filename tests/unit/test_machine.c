#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/machine.h"

static void test_soft_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max / 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(machine_raise_files(), limit.rlim_max);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
	assert_int_equal(machine_raise_files(), limit.rlim_max);
}

static void test_used_files_are_counted(void **state)
{
	uint64_t before = machine_used_files();
	int fds[10];
	assert_true(before >= 3 && before < 1000);
	for (int i = 0; i < 10; i++) {
		fds[i] = open("/dev/null", O_RDONLY);
	}
	assert_int_equal(machine_used_files(), before + 10);
	for (int i = 0; i < 10; i++) {
		close(fds[i]);
	}
	assert_int_equal(machine_used_files(), before);
}

static void test_memory(void **state)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	assert_in_range(machine_quarter_of_memory(), 1 << 20, all / 4);
}

static void test_cpus_are_those_of_the_mask(void **state)
{
	cpu_set_t all;
	cpu_set_t one;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(machine_cpus(), CPU_COUNT(&all));
	int first = 0;
	while (!CPU_ISSET(first, &all)) {
		first++;
	}
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(machine_cpus(), 1);
	sched_setaffinity(0, sizeof(all), &all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_soft_limit_is_raised_to_the_hard_one),
		cmocka_unit_test(test_used_files_are_counted),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cpus_are_those_of_the_mask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
