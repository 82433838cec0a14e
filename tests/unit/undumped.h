/* What the kernel leaves out of a core dump. */
#ifndef TIDEGATE_TESTS_UNDUMPED_H
#define TIDEGATE_TESTS_UNDUMPED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the pages that this lies in are, as proc(5) has it: `dd` in smaps. */
static inline bool is_undumped(const void *at)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool is_inside = false;
	bool is_marked = false;
	if (!maps) {
		abort();
	}
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t first;
		uintptr_t last;
		if (sscanf(line, "%lx-%lx ", &first, &last) == 2) {
			is_inside = (uintptr_t)at >= first && (uintptr_t)at < last;
		} else if (is_inside && strncmp(line, "VmFlags:", 8) == 0) {
			is_marked = strstr(line, " dd") != NULL;
		}
	}
	fclose(maps);
	return is_marked;
}

#endif
