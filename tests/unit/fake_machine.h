/* A folder that stands for the machine's root, with files that the test writes. */
#ifndef TIDEGATE_TEST_FAKE_MACHINE_H
#define TIDEGATE_TEST_FAKE_MACHINE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char fake_root[64];

static inline void fake_begin(void)
{
	snprintf(fake_root, sizeof(fake_root), "/tmp/test-machine-XXXXXX");
	assert_non_null(mkdtemp(fake_root));
}

static inline void fake_end(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", fake_root);
	assert_int_equal(system(command), 0);
}

/* Writes `text` to `path` below the root, making the folders. */
static inline void fake_file(const char *path, const char *text)
{
	char name[512];
	int len = snprintf(name, sizeof(name), "%s%s", fake_root, path);
	assert_in_range(len, 1, sizeof(name) - 1);
	for (char *at = name + strlen(fake_root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		assert_true(mkdir(name, 0700) == 0 || errno == EEXIST);
	}
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void fake_no_file(const char *path)
{
	char name[512];
	snprintf(name, sizeof(name), "%s%s", fake_root, path);
	assert_int_equal(unlink(name), 0);
}

#endif
