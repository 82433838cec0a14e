/* The path at which a Unix socket listens, and which is its own as long as it does.
 *
 * Whoever takes a path or gives it up holds its lock meanwhile, the file PATH.lock: of two that
 * start at once where a dead process left its socket one wins, and nobody removes what has become
 * another's. */
#ifndef TIDEGATE_UNIX_PATH_H
#define TIDEGATE_UNIX_PATH_H

#include <sys/types.h>

#include "../config/address.h"

/* Owner: whoever declared it; plain data. */
struct unix_path {
	char text[ADDRESS_PATH_MAX]; /* empty for none */
	dev_t device;                /* of the socket that we have put there */
	ino_t inode;
};

/* Listens at `path`, of fewer bytes than ADDRESS_PATH_MAX, in place of a socket that nobody listens
 * at any more. Its permissions are `mode`; 0 leaves them to the umask. Errors: -EADDRINUSE where
 * somebody listens, -EEXIST for what is no socket, -EBUSY when the lock is held for seconds,
 * -errno; nothing is left behind. */
int unix_path_listen(
	const char *path, mode_t mode, int backlog, struct unix_path *ret_path, int *ret_fd);

/* Whether one could listen at `path`, as far as can be told without doing so; a socket that is
 * there is no hindrance. Errors: -EEXIST for what is no socket; -errno of its folder, which is
 * written to. */
int unix_path_check(const char *path);

/* What to do about an error of these, in brackets; "" where there is nothing to say. */
const char *unix_path_advice(int err);

/* Removes the path where it is still our socket's. That one has to be open still: until then no
 * other can have its inode. Fine with an empty one. */
void unix_path_remove(struct unix_path *path);

#endif
