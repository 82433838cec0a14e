/* Sockets that are not there. Linked with --wrap for the calls that the gateway makes on a
 * connection, so that its own code runs unchanged down to the system call, which here takes and
 * gives bytes at no cost worth mention and is counted. Descriptors below STAND_IN_FIRST are real
 * ones. */
#ifndef TIDEGATE_BENCH_STAND_IN_H
#define TIDEGATE_BENCH_STAND_IN_H

#include <stddef.h>
#include <stdint.h>

enum {
	STAND_IN_FIRST = 1 << 24, /* the first descriptor of a stand-in: more files than a process
				     here can open */
	STAND_IN_KEPT = 32,       /* bytes of what was sent last that are kept */
};

/* Calls made on stand-ins, ever. */
struct stand_in_calls {
	uint64_t recv;
	uint64_t send; /* and sendmsg */
	uint64_t epoll_ctl;
	uint64_t close;
	uint64_t other; /* ioctl, setsockopt, shutdown, getsockname */
};

/* What the one thread that simulates looks at and leaves here.
 * Owner:  that thread.
 * Shared: never. */
struct stand_in {
	const uint8_t *arriving; /* what the next recv brings, in full; then nothing */
	size_t arriving_len;
	uint64_t registered; /* data of the last epoll_ctl: a handle */
	uint64_t sent_bytes; /* ever */
	size_t sent_len;     /* of the last send */
	uint8_t sent[STAND_IN_KEPT];
	struct stand_in_calls calls;
};

extern struct stand_in stand_in;

static inline uint64_t stand_in_total(const struct stand_in_calls *calls)
{
	return calls->recv + calls->send + calls->epoll_ctl + calls->close + calls->other;
}

#endif
