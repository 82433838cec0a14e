/* Who this node is for NATS: what the file of the option `cluster_creds` says. */
#ifndef TIDEGATE_CREDS_H
#define TIDEGATE_CREDS_H

#include <stdbool.h>

enum {
	CREDS_TEXT_MAX = 256, /* bytes of a user or a password, NUL included */
	CREDS_FAULT_MAX = 256,
};

/* Owner: whoever declared it; wiped by creds_finish. */
struct creds {
	bool is_file; /* credentials as `nsc` makes them: libnats reads the file itself */
	char user[CREDS_TEXT_MAX];
	char password[CREDS_TEXT_MAX];
};

/* Reads a file that holds credentials with a JWT and its seed, or a line USER:PASSWORD. Thread:
 * any. Errors: -errno, -EINVAL for a file that is neither, -EACCES also for one that anybody may
 * read; ret_fault then says what is wrong, without the path. */
int creds_load(const char *path, struct creds *ret_creds, char ret_fault[CREDS_FAULT_MAX]);

/* Wipes it. Thread: any. */
void creds_finish(struct creds *creds);

#endif
