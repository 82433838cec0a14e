/* What the machine lets one process have. */
#ifndef TIDEGATE_MACHINE_H
#define TIDEGATE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Raises the soft limit of open files to the hard one. Returns what it is then. Thread: main. */
uint64_t machine_raise_files(void);

/* File descriptors in use now. Thread: any. */
uint64_t machine_used_files(void);

/* A quarter of the memory that this process may have: the machine's, or its control group's. */
size_t machine_quarter_of_memory(void);

/* CPUs of the affinity mask, at least 1. */
uint32_t machine_cpus(void);

#endif
