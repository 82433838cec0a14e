/* Reads a file that secrets stand in, into memory that is wiped. */
#ifndef TIDEGATE_SECRET_FILE_H
#define TIDEGATE_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum {
	SECRET_FILE_MAX = 256 * 1024, /* bytes */
};

/* What is in a file, in OpenSSL's memory, which the gateway keeps out of core dumps.
 * Owner: whoever read it; wiped when it is finished. */
struct secret_text {
	char *data; /* ends with a NUL, which is not counted */
	size_t len;
	struct stat stat; /* of the file that it was read from */
};

/* Reads a whole regular file of at most SECRET_FILE_MAX bytes. Thread: any. Errors: -errno; -EISDIR
 * and -ENODEV for what is no file, -EFBIG for a longer one. */
int secret_file_read(const char *path, struct secret_text *ret_text);

/* Fine with a zeroed one. */
void secret_text_finish(struct secret_text *text);

/* Whether others than its owner and its group may read or change the file. Thread: any. */
bool secret_text_is_open(const struct secret_text *text);

/* Why it could not be read, in words. Thread: any. */
const char *secret_file_fault(int err);

#endif
