#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FILES_UNKNOWN = 1024, /* the limit, where it cannot be had */
	USED_UNKNOWN = 64,    /* of them, where /proc does not tell */
};

static uint64_t files_limit(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? FILES_UNKNOWN : limit.rlim_cur;
}

uint64_t machine_raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return FILES_UNKNOWN;
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
		/* Without a descriptor to look with, all are in use. */
		return errno == EMFILE ? files_limit() : USED_UNKNOWN;
	}
	uint64_t count = 0;
	while (readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count - 3; /* ".", ".." and the folder itself */
}

/* --- files that tell ----------------------------------------------------------------------------
 */

static FILE *open_below(const char *root, const char *path)
{
	char name[MACHINE_PATH_MAX];
	int len = snprintf(name, sizeof(name), "%s%s", root, path);
	if (len < 0 || (size_t)len >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(name, "re");
}

int machine_number(const char *root, const char *path, unsigned index, uint64_t *ret_number)
{
	FILE *file = open_below(root, path);
	if (!file) {
		return -errno;
	}
	unsigned long long number = 0;
	int fields = 1;
	for (unsigned i = 0; i <= index && fields == 1; i++) {
		fields = fscanf(file, "%llu", &number);
	}
	fclose(file);
	if (fields != 1) {
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

uint64_t machine_memory(const char *root)
{
	FILE *file = open_below(root, "/proc/meminfo");
	unsigned long long kib = 0;
	if (!file) {
		return 0;
	}
	int fields = fscanf(file, "MemTotal: %llu kB", &kib);
	fclose(file);
	return fields == 1 ? kib * 1024 : 0;
}

/* --- control groups -----------------------------------------------------------------------------
 */

void machine_group(const char *root, char ret_group[MACHINE_PATH_MAX])
{
	char line[MACHINE_PATH_MAX];
	snprintf(ret_group, MACHINE_PATH_MAX, "/");
	FILE *file = open_below(root, "/proc/self/cgroup");
	if (!file) {
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0) {
			snprintf(ret_group, MACHINE_PATH_MAX, "%s", line + 3);
		}
	}
	fclose(file);
}

static int read_group(const char *root, const char *group, const char *name, const char *file,
	unsigned index, uint64_t *ret_number)
{
	char path[MACHINE_PATH_MAX];
	int len = snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s.%s",
		strcmp(group, "/") == 0 ? "" : group, name, file);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	return machine_number(root, path, index, ret_number); /* "max" is no number */
}

/* "/a/b" becomes "/a", "/a" becomes "/". Returns whether there was one above. */
static bool go_up(char *group)
{
	char *slash = strrchr(group, '/');
	if (group[1] == '\0') {
		return false;
	}
	slash[slash == group ? 1 : 0] = '\0';
	return true;
}

void machine_group_limit(const char *root, const char *name, struct machine_group_limit *ret_limit)
{
	char group[MACHINE_PATH_MAX];
	uint64_t limit;
	*ret_limit = (struct machine_group_limit){.limit = UINT64_MAX};
	machine_group(root, group);
	/* In a container the groups above are out of sight, or the own one stands at the top. */
	do {
		if (read_group(root, group, name, "max", 0, &limit) == 0 &&
			limit < ret_limit->limit) {
			ret_limit->limit = limit;
			memcpy(ret_limit->group, group, sizeof(group));
			ret_limit->current = 0;
			read_group(root, group, name, "current", 0, &ret_limit->current);
		}
	} while (go_up(group));
}

uint64_t machine_group_cache(const char *root, const char *group)
{
	char path[MACHINE_PATH_MAX];
	char line[128];
	uint64_t cache = 0;
	int len = snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.stat",
		strcmp(group, "/") == 0 ? "" : group);
	FILE *file = len > 0 && (size_t)len < sizeof(path) ? open_below(root, path) : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long long bytes = 0;
		if (sscanf(line, "inactive_file %llu", &bytes) == 1 ||
			sscanf(line, "active_file %llu", &bytes) == 1) {
			cache += bytes;
		}
	}
	if (file) {
		fclose(file);
	}
	return cache;
}

size_t machine_quarter_of_memory(void)
{
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	struct machine_group_limit group;
	machine_group_limit("", "memory", &group);
	return (size_t)((machine < group.limit ? machine : group.limit) / 4);
}

/* Time on CPUs that a group may use of each period, as the number of CPUs that it keeps busy; 0 for
 * no limit. */
static uint64_t group_cpus(const char *root, const char *group)
{
	uint64_t quota;
	uint64_t period;
	if (read_group(root, group, "cpu", "max", 0, &quota) < 0 ||
		read_group(root, group, "cpu", "max", 1, &period) < 0 || period == 0) {
		return 0;
	}
	return quota / period + (quota % period > 0);
}

uint32_t machine_quota_cpus(const char *root)
{
	char group[MACHINE_PATH_MAX];
	uint64_t least = UINT32_MAX;
	machine_group(root, group);
	do {
		uint64_t cpus = group_cpus(root, group);
		if (cpus > 0 && cpus < least) {
			least = cpus;
		}
	} while (go_up(group));
	return (uint32_t)least;
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
