/* Holds what the machine offers against the connections that are wanted, and says for each
 * shortfall how to repair it. */
#ifndef TIDEGATE_ADVICE_H
#define TIDEGATE_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADVICE_LINE_MAX = 480, /* bytes of a line, NUL included; fits a line of the log */
};

/* What is wanted.
 * Owner: whoever declared it; plain data. */
struct advice_goal {
	const char *root;     /* as machine.h says */
	uint64_t connections; /* max_connections */
	uint64_t files;       /* descriptors that all of it takes */
	uint64_t files_limit; /* descriptors that the process may have */
	uint64_t queue_bytes; /* memory_limit: comes on top of what the connections cost */
	uint64_t threads;     /* that are still to be started */
	bool is_inet;         /* listens on TCP, not on Unix sockets alone */
};

/* Calls `say` with one line, without a newline, for each thing that falls short: what it is, what
 * is wanted, and the command that repairs it. What the machine does not tell is not judged. Returns
 * the number of lines. Thread: main. */
size_t advice_give(const struct advice_goal *goal, void (*say)(const char *line));

/* How many connections memory has room for beside `queue_bytes`; UINT64_MAX when the machine does
 * not tell how much it has. Thread: any. */
uint64_t advice_memory_room(const char *root, uint64_t queue_bytes);

#endif
