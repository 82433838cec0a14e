/* The library's own transport: TCP (ws://) and Unix sockets (unix:). */
#ifndef TIDEGATE_CLIENT_SOCKET_IO_H
#define TIDEGATE_CLIENT_SOCKET_IO_H

#include <stdbool.h>

#include "tidegate-client.h"

struct lookup;

/* The question to the resolver that a dial has left open: the next dial goes on waiting for it. So
 * a resolver slower than a dial answers in the end, and one that never answers is asked once.
 * Owner:  a client.
 * Shared: never. Zero-initialised is the start. */
struct socket_memory {
	struct lookup *lookup; /* NULL: none */
	bool is_timely;        /* the dial was given up for it: a late answer is still wanted */
};

void socket_memory_finish(struct socket_memory *memory);

/* Non-blocking, close-on-exec, never a SIGPIPE. Addresses are tried in the resolver's order. Its
 * `data` is a struct socket_memory. */
extern const struct tg_io socket_io;

/* Whether it speaks a scheme. Thread: any. */
bool socket_io_speaks(const char *scheme);

#endif
