/* The library's own transport: TCP (ws://) and Unix sockets (unix:). */
#ifndef TIDEGATE_CLIENT_SOCKET_IO_H
#define TIDEGATE_CLIENT_SOCKET_IO_H

#include <stdbool.h>

#include "tidegate-client.h"

/* Non-blocking, close-on-exec, never a SIGPIPE. Addresses are tried in the resolver's order. Its
 * `data` is not used. */
extern const struct tg_io socket_io;

/* Whether it speaks a scheme. Thread: any. */
bool socket_io_speaks(const char *scheme);

#endif
