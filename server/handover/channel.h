/* The line between the two processes of a hand-over: messages in order, with descriptors.
 *
 * A message is a header of a kind, a count of descriptors and a length, then a body. Descriptors
 * travel with the header, at most CHANNEL_FDS_MAX of them. The memory that a message is read into
 * grows with what has come, not with what its header promises.
 *
 * Thread: main, of either process. Nothing here logs. */
#ifndef TIDEGATE_CHANNEL_H
#define TIDEGATE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/pack.h"
#include "messages.h"

enum {
	CHANNEL_FDS_MAX = 253,         /* SCM_MAX_FD: of one message */
	CHANNEL_BODY_MAX = 1610612736, /* bytes: more than a line's queue and message may hold */
	CHANNEL_HEADER_LEN = 8,
	CHANNEL_NO_END = -1, /* of channel_give_time */
};

/* A message that has come.
 * Owner:  its channel: good until the next one is received. Descriptors that are not taken out are
 *         closed then. */
struct channel_message {
	enum handover_message kind;
	uint32_t fd_count;
	int fds[CHANNEL_FDS_MAX]; /* -1: taken out */
	struct pack body;         /* wiped with the message */
};

/* Owner:  main.
 * Shared: never. */
struct channel {
	int fd;          /* -1: there is none */
	uint64_t end_us; /* by clock_machine_us, when waiting ends; UINT64_MAX: never */
	struct channel_message message;
};

#define CHANNEL_EMPTY ((struct channel){.fd = -1, .end_us = UINT64_MAX})

/* Makes a pair: one end is this process's, the other one for the process that it starts, which
 * closes on exec as all do. Errors: -errno of socketpair(2). */
int channel_make(struct channel *channel, int *ret_other_fd);

/* Takes over the end that this process was started with. Errors: -ENOTSOCK and others of
 * getsockopt(2) when it is no such end; it is left open then. */
int channel_adopt(struct channel *channel, int fd);

/* Closes it, with what is left of the last message. Fine with CHANNEL_EMPTY. */
void channel_finish(struct channel *channel);

/* All that is sent and received from now on must be done within `ms`, until this is called again;
 * CHANNEL_NO_END: there is no such time, as at first. */
void channel_give_time(struct channel *channel, int64_t ms);

/* Sends a message. `body` may be NULL: it has none. The descriptors stay the caller's. Errors:
 * -ETIMEDOUT; -ECONNRESET: the other process is gone; -ENOMEM: the pack has failed; -E2BIG; -errno
 * of sendmsg(2), as -ETOOMANYREFS. After an error the channel is good for nothing more, but for
 * -ENOMEM and -E2BIG, which have sent nothing. */
int channel_send(struct channel *channel, enum handover_message kind, const struct pack *body,
	const int *fds, size_t fd_count);

/* Waits for the next message; channel->message is valid then, until the next call. Errors:
 * -ETIMEDOUT; -ECONNRESET: the other process is gone, or has closed its end; -EBADMSG: that was no
 * message; -EMFILE: its descriptors do not fit the file limit; -ENOMEM; -errno of recvmsg(2). */
int channel_receive(struct channel *channel);

/* Waits until something is there to be received, or the other process is gone, for at most `ms`
 * more; -1: for good. Returns whether that is so. */
bool channel_wait(const struct channel *channel, int ms);

/* The body of the message that has come, to be read. */
static inline struct unpack channel_body(const struct channel *channel)
{
	return unpack_of(channel->message.body.bytes, channel->message.body.len);
}

/* Takes a descriptor of the message that has come: it is the caller's. -1: there is none, or it was
 * taken before. */
int channel_take_fd(struct channel *channel, uint32_t index);

#endif
