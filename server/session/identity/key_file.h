/* Reads the files that keys stand in. */
#ifndef TIDEGATE_KEY_FILE_H
#define TIDEGATE_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/stat.h>

#include "jwk.h"

enum {
	KEY_FILE_MAX = 256 * 1024, /* bytes */
};

/* What is in a file.
 * Owner: whoever read it; wiped when it is finished. */
struct key_text {
	char *data; /* ends with a NUL, which is not counted */
	size_t len;
	struct stat stat; /* of the file that it was read from */
};

/* Reads a whole regular file of at most KEY_FILE_MAX bytes. Thread: any. Errors: -errno; -EISDIR
 * and -ENODEV for what is no file, -EFBIG for a longer one. */
int key_file_read(const char *path, struct key_text *ret_text);

void key_text_finish(struct key_text *text);

/* Why it could not be read, in words. Thread: any. */
const char *key_file_fault(int err);

/* Whether it is in PEM: RFC 7468. */
bool key_text_is_pem(const struct key_text *text);

/* Parses JSON, an object. NULL: `ret_fault` says where it is broken; what stands there is not
 * shown, it may be a secret. Thread: any. */
json_t *key_text_parse(const struct key_text *text, char ret_fault[KEY_FAULT_MAX]);

/* Reads the next key in PEM and moves *at behind it: a public one, or a private one where it is
 * wanted to sign. Thread: any. Errors: -ENOENT behind the last; -EPERM and -EINVAL with what is
 * wrong; -ENOMEM. */
int key_text_next_pem(const struct key_text *text, enum jwk_use use, size_t *at,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX]);

#endif
