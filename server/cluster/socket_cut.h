/* Ends what a library waits for that keeps its socket to itself. */
#ifndef TIDEGATE_SOCKET_CUT_H
#define TIDEGATE_SOCKET_CUT_H

#include <stddef.h>
#include <stdint.h>

/* Shuts down TCP sockets of this process: those that are being connected, and those that are
 * connected to one of these ports (host byte order) and would be reset at their close (SO_LINGER
 * with 0 seconds), as libnats sets its own. Nothing else here connects, and no other socket is set
 * so but that of a client who is being reset. Reads and writes that wait there end at once. Takes
 * some 1 us for each descriptor. Returns how many were shut down. Thread: any. */
size_t socket_cut(const uint16_t *ports, size_t count);

#endif
