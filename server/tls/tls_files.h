/* The files that pairs of certificate and key stand in: whether one has changed, and what is in all
 * of them at one time. */
#ifndef TIDEGATE_TLS_FILES_H
#define TIDEGATE_TLS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/secret_file.h"
#include "../base/watched_file.h"
#include "../config/config.h"
#include "../config/findings.h"
#include "tls_contexts.h"

enum {
	TLS_DIGEST_LEN = 32, /* bytes: SHA-256 */
};

/* One of them. */
struct tls_file {
	char path[CONFIG_PATH_MAX];
	struct watched_file watched;
};

/* Owner: whoever looks at them; plain data. */
struct tls_files {
	size_t count; /* pairs */
	struct tls_file certificates[CONFIG_TLS_MAX];
	struct tls_file keys[CONFIG_TLS_MAX];
};

/* What one of them held when it was read. */
struct tls_text {
	int err; /* -errno of reading it */
	struct secret_text text;
};

/* All of them.
 * Owner: whoever read them; wiped when it is finished. */
struct tls_texts {
	struct tls_text certificates[CONFIG_TLS_MAX];
	struct tls_text keys[CONFIG_TLS_MAX];
	uint8_t digest[TLS_DIGEST_LEN]; /* the same where they are the same */
};

/* Those that the config names, as many certificates as keys. Thread: any. */
void tls_files_name(struct tls_files *ret_files, const struct config *config);

/* Whether one is another than when it was read: a system call for each. Thread: the owner. */
bool tls_files_have_changed(const struct tls_files *files);

/* Reads all of them, each on its own: what cannot be read is told by tls_files_parse. Thread: the
 * owner. Errors: -ENOMEM. */
int tls_files_read(struct tls_files *files, struct tls_texts *ret_texts);

void tls_texts_finish(struct tls_texts *texts);

/* Makes contexts of what was read. All that is wrong is told. Thread: any. Errors: -EINVAL with
 * findings, -ENOMEM. */
int tls_files_parse(const struct tls_files *files, const struct tls_texts *texts,
	struct findings *findings, struct tls_contexts **ret_contexts);

#endif
