/* What the machine lets one process have. Those that read files take the folder in which /proc and
 * /sys stand: "" for this machine, another one for tests. */
#ifndef TIDEGATE_MACHINE_H
#define TIDEGATE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

enum {
	MACHINE_PATH_MAX = 512, /* bytes of a path, NUL included */
};

/* A limit of a control group.
 * Owner: whoever declared it; plain data. */
struct machine_group_limit {
	uint64_t limit;               /* UINT64_MAX for none */
	uint64_t current;             /* in use by that group */
	char group[MACHINE_PATH_MAX]; /* the group that sets it: "/" or "/system.slice/x.service" */
};

/* Raises the soft limit of open files to the hard one. Returns what it is then. Thread: main. */
uint64_t machine_raise_files(void);

/* File descriptors in use now. Thread: any. */
uint64_t machine_used_files(void);

/* Reads the number at place `index`, from 0, of the file `path`, as "/proc/sys/fs/nr_open".
 * Thread: any. Errors: -ENOENT and others of open(2), -EINVAL where there is no such number. */
int machine_number(const char *root, const char *path, unsigned index, uint64_t *ret_number);

/* The path of this process's control group (version 2), "/" where the machine does not tell.
 * Thread: any. */
void machine_group(const char *root, char ret_group[MACHINE_PATH_MAX]);

/* The tightest limit `name`, as "memory" or "pids", that this process's control group or one above
 * it sets. Thread: any. */
void machine_group_limit(const char *root, const char *name, struct machine_group_limit *ret_limit);

/* Bytes of memory of the machine, 0 when it does not tell. Thread: any. */
uint64_t machine_memory(const char *root);

/* Bytes that such a group's files take in the kernel's cache, which it gives back before a limit of
 * memory is reached. Thread: any. */
uint64_t machine_group_cache(const char *root, const char *group);

/* A quarter of the memory that this process may have: the machine's, or its control group's. */
size_t machine_quarter_of_memory(void);

/* CPUs that the tightest quota of this process's control group and those above it keeps busy,
 * rounded up: 2 for 150 ms of each 100 ms. UINT32_MAX for no quota. Thread: any. */
uint32_t machine_quota_cpus(const char *root);

/* CPUs of the affinity mask, at least 1. */
uint32_t machine_cpus(void);

#endif
