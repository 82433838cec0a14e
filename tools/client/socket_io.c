#include "socket_io.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Owner:  whoever opened it.
 * Shared: never.
 * Freed:  socket_close. */
struct socket_line {
	int fd;                /* -1: no address is being tried */
	int error;             /* of the last address that failed; 0: none has */
	struct addrinfo *list; /* of TCP, from the resolver */
	struct addrinfo *next; /* to be tried */
	struct addrinfo local; /* of a Unix socket: the one there is */
	struct sockaddr_un path;
};

bool socket_io_speaks(const char *scheme)
{
	return strcmp(scheme, "ws") == 0 || strcmp(scheme, "unix") == 0;
}

/* The resolver is not asked for what is an address already, so that it cannot block. */
static int resolve(const struct tg_target *target, struct addrinfo **ret_list)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	if (getaddrinfo(target->host, target->service, &hints, ret_list) == 0) {
		return 0;
	}
	hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
	switch (getaddrinfo(target->host, target->service, &hints, ret_list)) {
	case 0:
		return 0;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EHOSTUNREACH;
	}
}

static int use_path(struct socket_line *line, const char *path)
{
	if (strlen(path) >= sizeof(line->path.sun_path)) {
		return -ENAMETOOLONG;
	}
	line->path.sun_family = AF_UNIX;
	strcpy(line->path.sun_path, path);
	line->local = (struct addrinfo){
		.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&line->path,
		.ai_addrlen = sizeof(line->path),
	};
	line->next = &line->local;
	return 0;
}

static int socket_open(void *data, const struct tg_target *target, void **ret_line)
{
	if (!socket_io_speaks(target->scheme)) {
		return -EPROTONOSUPPORT;
	}
	struct socket_line *line = calloc(1, sizeof(*line));
	if (!line) {
		return -ENOMEM;
	}
	line->fd = -1;
	int err;
	if (target->path) {
		err = use_path(line, target->path);
	} else {
		err = resolve(target, &line->list);
		line->next = line->list;
	}
	if (err < 0) {
		free(line);
		return err;
	}
	*ret_line = line;
	return 0;
}

static void drop_address(struct socket_line *line, int error)
{
	if (line->fd >= 0) {
		close(line->fd);
		line->fd = -1;
	}
	line->error = error;
}

/* Returns 0: connected; -EINPROGRESS: it is being tried; else it failed. */
static int try_address(struct socket_line *line, const struct addrinfo *address)
{
	line->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (line->fd < 0) {
		return -errno;
	}
	if (address->ai_family != AF_UNIX) {
		const int on = 1;
		setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	while (connect(line->fd, address->ai_addr, address->ai_addrlen) < 0) {
		if (errno == EAGAIN) {
			/* The backlog of a Unix socket is full, and nothing tells when it is not.
			 */
			return -EBUSY;
		}
		if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Goes through the addresses that are left. */
static int try_next(struct socket_line *line)
{
	while (line->next) {
		const struct addrinfo *address = line->next;
		line->next = address->ai_next;
		const int err = try_address(line, address);
		if (err == 0 || err == -EINPROGRESS) {
			return err;
		}
		drop_address(line, -err);
	}
	return line->error ? -line->error : -EHOSTUNREACH;
}

static int socket_connect(void *data, bool give_up)
{
	struct socket_line *line = data;

	if (line->fd < 0) {
		const int err = try_next(line);
		return err == -EINPROGRESS ? -EAGAIN : err;
	}
	if (give_up) {
		drop_address(line, ETIMEDOUT);
		return try_next(line);
	}
	struct pollfd waiting = {.fd = line->fd, .events = POLLOUT};
	if (poll(&waiting, 1, 0) <= 0) {
		return -EAGAIN;
	}
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
		error = errno;
	}
	if (error == 0) {
		return 0;
	}
	drop_address(line, error);
	return try_next(line);
}

static ssize_t socket_read(void *data, void *buffer, size_t size)
{
	const struct socket_line *line = data;
	ssize_t got;

	do {
		got = recv(line->fd, buffer, size, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t socket_write(void *data, const void *bytes, size_t len)
{
	const struct socket_line *line = data;
	ssize_t sent;

	do {
		sent = send(line->fd, bytes, len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static int socket_fd(const void *data)
{
	const struct socket_line *line = data;
	return line->fd;
}

static short socket_events(const void *data, short wanted)
{
	return wanted ? wanted : POLLOUT;
}

static void socket_close(void *data)
{
	struct socket_line *line = data;

	drop_address(line, 0);
	if (line->list) {
		freeaddrinfo(line->list);
	}
	free(line);
}

const struct tg_io socket_io = {
	.size = sizeof(socket_io),
	.open = socket_open,
	.connect = socket_connect,
	.read = socket_read,
	.write = socket_write,
	.fd = socket_fd,
	.events = socket_events,
	.close = socket_close,
};
