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

#include "lookup.h"

enum {
	/* The time-outs of an address that a lookup may take: a resolver asks its second server
	 * after five seconds. */
	LOOKUP_TURNS = 3,
};

/* Owner:  whoever opened it.
 * Shared: never.
 * Freed:  socket_close. */
struct socket_line {
	struct socket_memory *memory;
	int fd;                /* -1: no address is being tried */
	int error;             /* of the last address that failed; 0: none has */
	const char *text;      /* of what failed, where no errno says it; static, or NULL */
	struct lookup *lookup; /* of a host that is a name, until it is answered */
	unsigned turns;        /* time-outs it has had */
	struct addrinfo *list; /* of TCP */
	struct addrinfo *next; /* to be tried */
	struct addrinfo local; /* of a Unix socket: the one there is */
	struct sockaddr_un path;
};

bool socket_io_speaks(const char *scheme)
{
	return strcmp(scheme, "ws") == 0 || strcmp(scheme, "unix") == 0;
}

void socket_memory_finish(struct socket_memory *memory)
{
	lookup_destroy(&memory->lookup);
}

static int ask_resolver(struct socket_line *line, const struct tg_target *target)
{
	struct socket_memory *memory = line->memory;

	if (memory->lookup && lookup_is_for(memory->lookup, target->host, target->service) &&
		(memory->is_timely || !lookup_is_answered(memory->lookup))) {
		line->lookup = memory->lookup;
		memory->lookup = NULL;
		return 0;
	}
	socket_memory_finish(memory);
	return lookup_create(target->host, target->service, &line->lookup);
}

/* Nobody is asked for what is an address already. */
static int find_host(struct socket_line *line, const struct tg_target *target)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	switch (getaddrinfo(target->host, target->service, &hints, &line->list)) {
	case 0:
		line->next = line->list;
		return 0;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return ask_resolver(line, target);
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
	line->memory = data;
	line->fd = -1;
	const int err = target->path ? use_path(line, target->path) : find_host(line, target);
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

/* Returns -EINPROGRESS: the first address is being tried, or the resolver has more time. */
static int await_lookup(struct socket_line *line, bool give_up)
{
	int error;

	if (lookup_take(line->lookup, &error, &line->list)) {
		lookup_destroy(&line->lookup);
		if (error) {
			line->text = gai_strerror(error);
			return -ENODATA;
		}
		line->next = line->list;
		return try_next(line);
	}
	if (!give_up) {
		return -EAGAIN;
	}
	if (++line->turns < LOOKUP_TURNS) {
		return -EINPROGRESS;
	}
	line->text = "the resolver did not answer in time";
	return -ETIMEDOUT;
}

static int socket_connect(void *data, bool give_up)
{
	struct socket_line *line = data;

	if (line->lookup) {
		return await_lookup(line, give_up);
	}
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
	return line->lookup ? lookup_fd(line->lookup) : line->fd;
}

static short socket_events(const void *data, short wanted)
{
	const struct socket_line *line = data;
	if (line->lookup) {
		return POLLIN;
	}
	return wanted ? wanted : POLLOUT;
}

static const char *socket_error_text(const void *data)
{
	const struct socket_line *line = data;
	return line->text;
}

static void socket_close(void *data)
{
	struct socket_line *line = data;

	if (line->lookup) {
		socket_memory_finish(line->memory);
		*line->memory = (struct socket_memory){
			.lookup = line->lookup,
			.is_timely = line->turns == LOOKUP_TURNS,
		};
	}
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
	.error_text = socket_error_text,
};
