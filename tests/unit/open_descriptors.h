/* How many descriptors the process has open. */
#ifndef TIDEGATE_TESTS_OPEN_DESCRIPTORS_H
#define TIDEGATE_TESTS_OPEN_DESCRIPTORS_H

#include <dirent.h>

static inline unsigned open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory)) {
		count++;
	}
	closedir(directory);
	return count;
}

#endif
