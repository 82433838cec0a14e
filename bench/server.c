#include "server.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schedule.h"

enum {
	PATH_SIZE = 320,
	STAT_UTIME = 14, /* proc(5): the first field behind the name is the third */
};

static FILE *open_file(pid_t pid, const char *name)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

static bool read_schedstat(pid_t pid, const char *task, uint64_t *ret_ns)
{
	char name[PATH_SIZE - 32];
	snprintf(name, sizeof(name), "task/%s/schedstat", task);
	FILE *file = open_file(pid, name);
	if (!file) {
		return false;
	}
	bool is_read = fscanf(file, "%" SCNu64, ret_ns) == 1;
	fclose(file);
	return is_read;
}

static uint64_t ticks_ns(pid_t pid)
{
	char line[1024];
	uint64_t user;
	uint64_t system;
	FILE *file = open_file(pid, "stat");
	if (!file) {
		return 0;
	}
	const char *at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	for (int field = 2; at && field < STAT_UTIME; field++) {
		at = strchr(at + 1, ' ');
	}
	if (!at || sscanf(at, "%" SCNu64 " %" SCNu64, &user, &system) != 2) {
		return 0;
	}
	return (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t server_cpu_ns(pid_t pid)
{
	char path[PATH_SIZE];
	uint64_t sum = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	if (!tasks) {
		return 0;
	}
	const struct dirent *task;
	while ((task = readdir(tasks))) {
		uint64_t ns;
		if (task->d_name[0] != '.' && read_schedstat(pid, task->d_name, &ns)) {
			sum += ns;
		}
	}
	closedir(tasks);
	return sum ? sum : ticks_ns(pid);
}

static uint64_t read_kilobytes(pid_t pid, const char *name, const char *format)
{
	char line[256];
	uint64_t kilobytes = 0;
	FILE *file = open_file(pid, name);
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, format, &kilobytes) == 1) {
			break;
		}
	}
	if (file) {
		fclose(file);
	}
	return kilobytes * 1024;
}

uint64_t server_rss(pid_t pid)
{
	/* VmRSS may lag behind by some pages for each CPU. */
	uint64_t bytes = read_kilobytes(pid, "smaps_rollup", "Rss: %" SCNu64);
	return bytes ? bytes : read_kilobytes(pid, "status", "VmRSS: %" SCNu64);
}
