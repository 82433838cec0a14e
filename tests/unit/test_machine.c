#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/machine.h"
#include "fake_machine.h"

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

/* Where there is none left to look with. */
static void test_all_files_are_used(void **state)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	uint64_t used = machine_used_files();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(used, 3);
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

static int setup(void **state)
{
	fake_begin();
	return 0;
}

static int teardown(void **state)
{
	fake_end();
	return 0;
}

static void test_numbers_of_a_file(void **state)
{
	uint64_t number = 7;
	assert_int_equal(machine_number(fake_root, "/proc/x", 0, &number), -ENOENT);
	fake_file("/proc/x", "1\t22 18446744073709551615\nmax\n");
	assert_int_equal(machine_number(fake_root, "/proc/x", 3, &number), -EINVAL);
	assert_int_equal(machine_number(fake_root, "/proc/x", 4, &number), -EINVAL);
	assert_int_equal(number, 7);
	assert_int_equal(machine_number(fake_root, "/proc/x", 0, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(machine_number(fake_root, "/proc/x", 1, &number), 0);
	assert_int_equal(number, 22);
	assert_int_equal(machine_number(fake_root, "/proc/x", 2, &number), 0);
	assert_true(number == UINT64_MAX);
	char path[MACHINE_PATH_MAX + 1] = "";
	memset(path, '/', sizeof(path) - 1);
	assert_int_equal(machine_number(fake_root, path, 0, &number), -ENAMETOOLONG);
}

static void test_memory_that_the_machine_tells(void **state)
{
	assert_int_equal(machine_memory(fake_root), 0);
	fake_file("/proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
	assert_int_equal(machine_memory(fake_root), 16384 * 1024);
	fake_file("/proc/meminfo", "nonsense\n");
	assert_int_equal(machine_memory(fake_root), 0);
	assert_in_range(machine_memory(""), 1 << 20, UINT64_MAX);
}

static void test_own_control_group(void **state)
{
	char group[MACHINE_PATH_MAX];
	machine_group(fake_root, group);
	assert_string_equal(group, "/");
	fake_file("/proc/self/cgroup", "5:memory:/one\n0::/a/b.service\n");
	machine_group(fake_root, group);
	assert_string_equal(group, "/a/b.service");
}

static void test_limits_of_control_groups(void **state)
{
	struct machine_group_limit limit;
	machine_group_limit(fake_root, "pids", &limit);
	assert_true(limit.limit == UINT64_MAX);
	fake_file("/proc/self/cgroup", "0::/a/b\n");
	fake_file("/sys/fs/cgroup/a/b/pids.max", "max\n");
	machine_group_limit(fake_root, "pids", &limit);
	assert_true(limit.limit == UINT64_MAX);
	fake_file("/sys/fs/cgroup/pids.max", "10\n");
	machine_group_limit(fake_root, "pids", &limit);
	assert_int_equal(limit.limit, 10);
	assert_int_equal(limit.current, 0);
	assert_string_equal(limit.group, "/");
	fake_file("/sys/fs/cgroup/a/pids.max", "9\n");
	fake_file("/sys/fs/cgroup/a/pids.current", "4\n");
	machine_group_limit(fake_root, "pids", &limit);
	assert_int_equal(limit.limit, 9);
	assert_int_equal(limit.current, 4);
	assert_string_equal(limit.group, "/a");
	fake_file("/sys/fs/cgroup/a/b/pids.max", "9\n");
	machine_group_limit(fake_root, "pids", &limit);
	assert_string_equal(limit.group, "/a/b"); /* of equals the nearest */
	machine_group_limit(fake_root, "memory", &limit);
	assert_true(limit.limit == UINT64_MAX);
}

static void test_quotas_of_control_groups(void **state)
{
	assert_true(machine_quota_cpus(fake_root) == UINT32_MAX);
	fake_file("/proc/self/cgroup", "0::/a/b\n");
	assert_true(machine_quota_cpus(fake_root) == UINT32_MAX);
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	assert_true(machine_quota_cpus(fake_root) == UINT32_MAX);
	/* A container's own group stands at the top. */
	fake_file("/sys/fs/cgroup/cpu.max", "800000 100000\n");
	assert_int_equal(machine_quota_cpus(fake_root), 8);
	fake_file("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	assert_int_equal(machine_quota_cpus(fake_root), 2);
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
	assert_int_equal(machine_quota_cpus(fake_root), 2);
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "10000 50000\n");
	assert_int_equal(machine_quota_cpus(fake_root), 1);
	/* What is no quota. */
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "100000\n");
	assert_int_equal(machine_quota_cpus(fake_root), 2);
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "100000 0\n");
	assert_int_equal(machine_quota_cpus(fake_root), 2);
	fake_file("/sys/fs/cgroup/a/b/cpu.max", "18446744073709551615 1\n");
	assert_int_equal(machine_quota_cpus(fake_root), 2);
}

#define FAKE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_soft_limit_is_raised_to_the_hard_one),
		cmocka_unit_test(test_used_files_are_counted),
		cmocka_unit_test(test_all_files_are_used),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cpus_are_those_of_the_mask),
		FAKE(test_numbers_of_a_file),
		FAKE(test_memory_that_the_machine_tells),
		FAKE(test_own_control_group),
		FAKE(test_limits_of_control_groups),
		FAKE(test_quotas_of_control_groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
