/* What this process takes of its machine. */
#ifndef TIDEGATE_ADMIN_PROCESS_H
#define TIDEGATE_ADMIN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Plain data. */
struct admin_process {
	double cpu_seconds;
	uint64_t virtual_bytes;
	uint64_t resident_bytes;
	uint64_t threads;
	uint64_t open_files;
	uint64_t max_files;
	bool has_allocator; /* jemalloc, which was asked: */
	uint64_t allocated_bytes;
	uint64_t active_bytes;
	uint64_t allocator_resident_bytes;
	uint64_t mapped_bytes;
};

/* `files_known` is what the caller has counted of open descriptors, for kernels that do not tell
 * (before 6.2) without listing each. Thread: any. What cannot be read is 0. */
void admin_process_read(uint64_t files_known, struct admin_process *ret_process);

/* Adds what the allocator tells, for which it locks its arenas one after the other. Thread: any. */
void admin_process_ask_allocator(struct admin_process *process);

#endif
