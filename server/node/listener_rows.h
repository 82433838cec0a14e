/* Rows of listening sockets, as those who open them and those who hand them on see them: see
 * listener.h and listener_adopt.h. */
#ifndef TIDEGATE_LISTENER_ROWS_H
#define TIDEGATE_LISTENER_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../config/address.h"
#include "unix_path.h"

struct inherited;

enum {
	LISTENER_BACKLOG = 65535, /* newcomers who wait; the kernel cuts it to net.core.somaxconn */
};

/* An address.
 * Owner: its listeners; plain data. */
struct listener_row {
	bool is_all;     /* IPv4 and IPv6, as far as the machine has both: `:PORT` */
	bool is_proxied; /* who comes here begins with a PROXY header */
	bool is_tls;     /* behind that TLS is spoken */
	bool is_gone;    /* the config does not name it any more: it ends when nobody waits there */
	bool is_lent;    /* another process has it too: its path is not ours to remove */
	char text[ADDRESS_MAX]; /* of the config, that it was opened for; empty where it is passed
				 */
	struct unix_path path;  /* of a Unix socket that is ours */
};

/* Rows are addresses, columns acceptors.
 * Owner:  the gateway; acceptors use the descriptors of their column. */
struct listeners {
	size_t count;     /* addresses, after names were resolved */
	size_t extra;     /* rows behind them, that have no name: listener_adopt.h */
	uint32_t columns; /* acceptors */
	int *fds; /* count rows of columns; -1 where a row is shared and this is not its first */
	struct listener_row *rows;
	bool are_passed;             /* by systemd */
	bool is_proxied;             /* while they are opened: the address at hand */
	bool is_tls;                 /* likewise */
	char text[ADDRESS_MAX];      /* likewise */
	struct inherited *inherited; /* while they are opened: of another process; else NULL */
	mode_t unix_mode;            /* of Unix sockets; 0 leaves it to the umask */
};

#define LISTENERS_EMPTY ((struct listeners){0})

/* Adds a row of closed cells for the address at hand. Errors: -ENOMEM. */
int listeners_add_row(struct listeners *listeners);

/* The descriptor of a row and an acceptor. */
static inline int *listeners_cell(const struct listeners *listeners, size_t row, uint32_t column)
{
	return &listeners->fds[row * listeners->columns + column];
}

/* All rows, those behind the named ones too. */
static inline size_t listeners_all(const struct listeners *listeners)
{
	return listeners->count + listeners->extra;
}

#endif
