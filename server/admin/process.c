#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_config.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
/* Linked into the gateway, not into everything that is tested. */
#pragma weak mallctl

static uint64_t allocator_figure(const char *name)
{
	size_t value = 0;
	size_t size = sizeof(value);
	return mallctl(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

void admin_process_ask_allocator(struct admin_process *process)
{
	uint64_t epoch = 1;
	/* Figures are those of the last epoch. */
	if (!mallctl || mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) != 0) {
		return;
	}
	process->has_allocator = true;
	process->allocated_bytes = allocator_figure("stats.allocated");
	process->active_bytes = allocator_figure("stats.active");
	process->allocator_resident_bytes = allocator_figure("stats.resident");
	process->mapped_bytes = allocator_figure("stats.mapped");
}
#else
void admin_process_ask_allocator(struct admin_process *process)
{
	process->has_allocator = false;
}
#endif

/* Threads, virtual and resident memory: the fields 20, 23 and 24 of proc(5). */
static void read_stat(struct admin_process *process)
{
	char line[1024];
	unsigned long long threads = 0;
	unsigned long long virtual_bytes = 0;
	unsigned long long pages = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0) {
		close(fd);
	}
	line[len > 0 ? len : 0] = '\0';
	/* The name in front may hold anything, brackets too. */
	const char *at = strrchr(line, ')');
	if (at &&
		sscanf(at + 1,
			" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu "
			"%*d %*u %llu %llu",
			&threads, &virtual_bytes, &pages) == 3) {
		process->threads = threads;
		process->virtual_bytes = virtual_bytes;
		process->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

void admin_process_read(uint64_t files_known, struct admin_process *ret_process)
{
	struct rusage usage;
	struct rlimit limit;
	struct stat files;
	*ret_process = (struct admin_process){.open_files = files_known};
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		ret_process->cpu_seconds = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		ret_process->max_files = limit.rlim_cur;
	}
	if (stat("/proc/self/fd", &files) == 0 && files.st_size > 0) {
		ret_process->open_files = (uint64_t)files.st_size;
	}
	read_stat(ret_process);
}
