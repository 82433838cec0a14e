/* The lines of a node in the order in which they go to the next process, and each as a record. */
#ifndef TIDEGATE_SNAPSHOT_LINES_H
#define TIDEGATE_SNAPSHOT_LINES_H

#include <stdint.h>

#include "../base/pack.h"

struct conn;
struct serving;
struct shared_bufs;
struct snapshot_parts;

/* Plain data. */
struct snapshot_line {
	uint64_t epoch; /* its place in the order of acceptance */
	struct serving *serving;
	struct conn *conn;
};

/* Those that move. Good while all workers are parked.
 * Owner:  main. */
struct snapshot_lines {
	struct snapshot_line *all;
	uint32_t count;
	uint32_t halves; /* TLS handshakes under way, which do not move */
};

/* Finds them. Thread: main, the workers are parked. Errors: -ENOMEM. */
int snapshot_lines_find(const struct snapshot_parts *parts, struct snapshot_lines *ret_lines);

/* Fine with a zeroed one. */
void snapshot_lines_finish(struct snapshot_lines *lines);

/* Appends one, whose descriptor is the one at place `fd_at` of its message. Errors: -ENOMEM,
 * -ENOSPC; the pack is to be thrown away then. */
int snapshot_line_pack(const struct snapshot_line *line, uint16_t fd_at, struct shared_bufs *shared,
	struct pack *pack);

/* Makes a line of a record, with the worker that has the fewest; its descriptor is taken out of
 * `fds`. Thread: main, the workers have not been started. Errors: -EBADMSG: it has no descriptor;
 * -EINVAL, -ENOMEM, -ENOSPC, -errno of epoll_ctl: a part of it may be there. */
int snapshot_line_unpack(const struct snapshot_parts *parts, const struct shared_bufs *shared,
	int *fds, uint32_t fd_count, struct unpack *record);

#endif
