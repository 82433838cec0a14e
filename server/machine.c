#include "machine.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t machine_raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return 1024;
	}
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t soft = limit.rlim_cur;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			limit.rlim_cur = soft;
		}
	}
	return limit.rlim_cur;
}

uint64_t machine_used_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir) {
		return 64;
	}
	uint64_t count = 0;
	while (readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count - 3; /* ".", ".." and the folder itself */
}

/* The limit of the control group, UINT64_MAX where there is none. */
static uint64_t control_group_memory(void)
{
	FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
	unsigned long long bytes;
	if (!file) {
		return UINT64_MAX;
	}
	int fields = fscanf(file, "%llu", &bytes); /* "max" is no number */
	fclose(file);
	return fields == 1 ? bytes : UINT64_MAX;
}

size_t machine_quarter_of_memory(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = control_group_memory();
	return (size_t)((machine < group ? machine : group) / 4);
}

uint32_t machine_cpus(void)
{
	cpu_set_t mask;
	if (sched_getaffinity(0, sizeof(mask), &mask) < 0) {
		return 1;
	}
	int count = CPU_COUNT(&mask);
	return count > 0 ? (uint32_t)count : 1;
}
