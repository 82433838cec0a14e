/* Listening sockets on their way from one process to the next, which serves on in its place. Their
 * queues go with them: who waits in one is accepted by whoever has the socket then. */
#ifndef TIDEGATE_INHERITED_H
#define TIDEGATE_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/pack.h"
#include "../config/address.h"
#include "unix_path.h"

/* Plain data. */
struct inherited_socket {
	int fd;                 /* -1: it has been taken, or closed */
	bool is_all;            /* as of its row: listener.h */
	bool is_proxied;        /* likewise */
	bool is_tls;            /* likewise */
	bool is_passed;         /* by systemd, to the first process of all */
	char text[ADDRESS_MAX]; /* of the config, that it was opened for; empty where it is passed
				 */
	struct unix_path path;
};

/* Owner:  whoever lists them, who lends the descriptors, or whoever has read them, whose they are.
 * Freed:  by inherited_free or inherited_close. */
struct inherited {
	size_t count;
	struct inherited_socket *sockets;
};

#define INHERITED_EMPTY ((struct inherited){0})

/* Adds one. Errors: -ENOMEM. */
int inherited_add(struct inherited *inherited, const struct inherited_socket *socket);

/* Writes `count` of them from `first` on; the descriptors travel beside it, in this order. */
void inherited_pack(
	const struct inherited *inherited, size_t first, size_t count, struct pack *pack);

/* Adds those that stand there to the list, with the descriptors `fds`, of which there must be as
 * many. Takes the descriptors, and closes them when it fails. Errors: -EINVAL, -ENOMEM. */
int inherited_unpack(
	struct inherited *inherited, struct unpack *unpack, const int *fds, size_t fd_count);

/* Whether two sockets are bound to the same address. */
bool inherited_are_alike(int fd, int other);

/* The next one from `from` on that is not taken and was opened for `text`, or is bound to the same
 * address as `like`; `count` for none. */
size_t inherited_find_text(const struct inherited *inherited, size_t from, const char *text);
size_t inherited_find_like(const struct inherited *inherited, size_t from, int like);

/* Frees the list alone. */
void inherited_free(struct inherited *inherited);

/* Closes what has not been taken, too. */
void inherited_close(struct inherited *inherited);

#endif
