#include "channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../base/clock.h"

enum {
	READ_STEP = 256 * 1024, /* bytes of a body that room is made for at once */
	US_PER_MS = 1000,
};

/* --- waiting -----------------------------------------------------------------------------------
 */

/* By the machine's clock: the process's is set back in the middle of a hand-over. */
void channel_give_time(struct channel *channel, int64_t ms)
{
	channel->end_us = ms < 0 ? UINT64_MAX : clock_machine_us() + (uint64_t)ms * US_PER_MS;
}

/* Rounded up, for poll; -1: for good; 0: it is over. */
static int ms_left(const struct channel *channel)
{
	if (channel->end_us == UINT64_MAX) {
		return -1;
	}
	uint64_t now_us = clock_machine_us();
	if (now_us >= channel->end_us) {
		return 0;
	}
	uint64_t ms = (channel->end_us - now_us + US_PER_MS - 1) / US_PER_MS;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static int wait_for(const struct channel *channel, short events)
{
	struct pollfd ready = {.fd = channel->fd, .events = events};
	for (;;) {
		int ms = ms_left(channel);
		if (ms == 0) {
			return -ETIMEDOUT;
		}
		int count = poll(&ready, 1, ms);
		if (count > 0) {
			return 0;
		}
		if (count < 0 && errno != EINTR) {
			return -errno;
		}
	}
}

bool channel_wait(const struct channel *channel, int ms)
{
	struct pollfd ready = {.fd = channel->fd, .events = POLLIN};
	return poll(&ready, 1, ms) > 0;
}

/* What a call on the socket has failed with: 0 when it may be tried again. */
static int judge(const struct channel *channel, short events)
{
	switch (errno) {
	case EINTR:
		return 0;
	case EAGAIN:
		return wait_for(channel, events);
	case EPIPE:
	case ECONNRESET:
		return -ECONNRESET;
	default:
		return -errno;
	}
}

/* --- life --------------------------------------------------------------------------------------
 */

int channel_make(struct channel *channel, int *ret_other_fd)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		return -errno;
	}
	*channel = CHANNEL_EMPTY;
	channel->fd = fds[0];
	*ret_other_fd = fds[1];
	return 0;
}

int channel_adopt(struct channel *channel, int fd)
{
	int domain = 0;
	int type = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
		return -errno;
	}
	if (domain != AF_UNIX || type != SOCK_STREAM) {
		return -ENOTSOCK;
	}
	*channel = CHANNEL_EMPTY;
	channel->fd = fd;
	return 0;
}

static void drop_message(struct channel_message *message)
{
	for (uint32_t i = 0; i < message->fd_count; i++) {
		if (message->fds[i] >= 0) {
			close(message->fds[i]);
		}
	}
	message->fd_count = 0;
	pack_finish(&message->body);
}

void channel_finish(struct channel *channel)
{
	drop_message(&channel->message);
	if (channel->fd >= 0) {
		close(channel->fd);
	}
	*channel = CHANNEL_EMPTY;
}

int channel_take_fd(struct channel *channel, uint32_t index)
{
	struct channel_message *message = &channel->message;
	if (index >= message->fd_count) {
		return -1;
	}
	int fd = message->fds[index];
	message->fds[index] = -1;
	return fd;
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* Descriptors on their way, as the kernel takes and gives them. */
union control {
	char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
	struct cmsghdr alignment;
};

static void put_fds(struct msghdr *message, union control *control, const int *fds, size_t fd_count)
{
	const size_t len = sizeof(int) * fd_count;
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(len);
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	*header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(len)};
	memcpy(CMSG_DATA(header), fds, len);
}

static void pass_iov(struct msghdr *message, size_t len)
{
	while (len > 0) {
		struct iovec *iov = message->msg_iov;
		size_t step = len < iov->iov_len ? len : iov->iov_len;
		iov->iov_base = (char *)iov->iov_base + step;
		iov->iov_len -= step;
		len -= step;
		if (iov->iov_len == 0) {
			message->msg_iov++;
			message->msg_iovlen--;
		}
	}
}

/* Descriptors leave with the first bytes. */
static int send_all(struct channel *channel, struct msghdr *message)
{
	while (message->msg_iovlen > 0) {
		ssize_t sent = sendmsg(channel->fd, message, MSG_NOSIGNAL);
		if (sent >= 0) {
			message->msg_control = NULL;
			message->msg_controllen = 0;
			pass_iov(message, (size_t)sent);
			continue;
		}
		int err = judge(channel, POLLOUT);
		if (err) {
			return err;
		}
	}
	return 0;
}

int channel_send(struct channel *channel, enum handover_message kind, const struct pack *body,
	const int *fds, size_t fd_count)
{
	union control control = {0};
	uint8_t header[CHANNEL_HEADER_LEN] = {(uint8_t)kind};
	const size_t len = body ? body->len : 0;
	ASSERT(fd_count <= CHANNEL_FDS_MAX);
	if (body && body->failed) {
		return -ENOMEM;
	}
	if (len > CHANNEL_BODY_MAX) {
		return -E2BIG;
	}
	store_be16(header + 2, (uint16_t)fd_count);
	store_be32(header + 4, (uint32_t)len);
	struct iovec iov[] = {
		{.iov_base = header, .iov_len = sizeof(header)},
		{.iov_base = body ? body->bytes : NULL, .iov_len = len},
	};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = len > 0 ? 2 : 1};
	if (fd_count > 0) {
		put_fds(&message, &control, fds, fd_count);
	}
	return send_all(channel, &message);
}

/* --- receiving ---------------------------------------------------------------------------------
 */

static int take_fds(struct channel_message *into, const struct msghdr *from)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(from); header;
		header = CMSG_NXTHDR((struct msghdr *)from, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		ASSERT(count <= CHANNEL_FDS_MAX - into->fd_count);
		memcpy(into->fds + into->fd_count, CMSG_DATA(header), count * sizeof(int));
		into->fd_count += (uint32_t)count;
	}
	/* Some did not fit the file limit: the kernel has dropped them. */
	return from->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

/* Reads some bytes, with descriptors if there are any: they come with a message's first ones. */
static int read_some(
	struct channel *channel, uint8_t *into, size_t most, bool is_first, size_t *ret_len)
{
	union control control;
	struct iovec iov = {.iov_base = into, .iov_len = most};
	for (;;) {
		struct msghdr message = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = is_first ? control.bytes : NULL,
			.msg_controllen = is_first ? sizeof(control.bytes) : 0,
		};
		ssize_t len = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC);
		if (len == 0) {
			return -ECONNRESET;
		}
		if (len > 0) {
			*ret_len = (size_t)len;
			return take_fds(&channel->message, &message);
		}
		int err = judge(channel, POLLIN);
		if (err) {
			return err;
		}
	}
}

static int read_header(struct channel *channel, uint8_t header[CHANNEL_HEADER_LEN])
{
	size_t len;
	for (size_t have = 0; have < CHANNEL_HEADER_LEN; have += len) {
		int err = read_some(
			channel, header + have, CHANNEL_HEADER_LEN - have, have == 0, &len);
		if (err) {
			return err;
		}
	}
	return 0;
}

static int read_body(struct channel *channel, size_t len)
{
	struct pack *body = &channel->message.body;
	while (body->len < len) {
		size_t begin = body->len;
		size_t most = len - begin < READ_STEP ? len - begin : READ_STEP;
		size_t got;
		uint8_t *into = pack_room(body, most);
		if (!into) {
			return -ENOMEM;
		}
		int err = read_some(channel, into, most, false, &got);
		if (err) {
			return err;
		}
		body->len = begin + got;
	}
	return 0;
}

static int receive(struct channel *channel)
{
	struct channel_message *message = &channel->message;
	uint8_t header[CHANNEL_HEADER_LEN];
	int err = read_header(channel, header);
	if (err) {
		return err;
	}
	size_t len = load_be32(header + 4);
	if (header[0] == 0 || header[0] >= HANDOVER_MESSAGES || header[1] != 0 ||
		load_be16(header + 2) != message->fd_count || len > CHANNEL_BODY_MAX) {
		return -EBADMSG;
	}
	message->kind = header[0];
	return read_body(channel, len);
}

int channel_receive(struct channel *channel)
{
	drop_message(&channel->message);
	int err = receive(channel);
	if (err) {
		drop_message(&channel->message);
	}
	return err;
}
