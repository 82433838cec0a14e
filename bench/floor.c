/* The floor: what a server on this machine cannot do without. A bare epoll loop on one thread that
 * accepts, answers the opening with constant bytes, and from then on only receives and sends: it
 * parses nothing, knows nothing and says constant bytes. What a gateway costs above this is its
 * own.
 *
 * For tidegate-bench --blind, whose requests have a known size and whose key is always the same. */
#include <argp.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "opening.h"

enum {
	BUFFER = 1 << 20, /* bytes of one recv, and the most of one send */
	EVENTS = 1024,
	BACKLOG = 65535,
};

enum mode {
	MODE_ECHO,
	MODE_FANOUT,
};

/* Owner:  the table, by descriptor. All zero: not open. */
struct remote {
	uint32_t partial; /* bytes of a request whose rest has not come */
	uint32_t own;     /* requests of this turn, for collected fan-out */
	uint64_t owed;    /* bytes that the socket did not take yet */
	bool is_open;     /* has had its 101 */
};

static enum mode mode = MODE_ECHO;
static uint32_t request_bytes = 12;
static uint32_t answer_bytes = 8;
static bool gathers = true;
static bool collects;
static const char *listen_at = "127.0.0.1:8000";

static uint8_t received[BUFFER];
static uint8_t answers[BUFFER];
static struct remote *remotes; /* by descriptor */
static int remotes_end;        /* the highest descriptor so far, and one */

static const char opening_answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
				     "Upgrade: websocket\r\n"
				     "Connection: Upgrade\r\n"
				     "Sec-WebSocket-Accept: " OPENING_ACCEPT "\r\n\r\n";

static void die(const char *what)
{
	fprintf(stderr, "tidegate-floor: %s: %s\n", what, strerrordesc_np(errno));
	exit(EXIT_FAILURE);
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void send_owed(int fd)
{
	struct remote *remote = &remotes[fd];
	while (remote->owed > 0) {
		size_t len = remote->owed < BUFFER ? remote->owed : BUFFER;
		ssize_t sent = send(fd, answers, len, MSG_NOSIGNAL);
		if (sent < 0) {
			return; /* Full: the next EPOLLOUT comes back. Broken: so does the recv. */
		}
		remote->owed -= (uint64_t)sent;
	}
}

static void say(int fd, uint64_t bytes)
{
	const bool is_waiting = remotes[fd].owed > 0;
	remotes[fd].owed += bytes;
	if (!is_waiting) {
		send_owed(fd);
	}
}

static void fan_out(int from)
{
	for (int fd = 0; fd < remotes_end; fd++) {
		if (fd != from && remotes[fd].is_open) {
			say(fd, answer_bytes);
		}
	}
}

/* One send for each remote: what all others have asked in this turn. */
static void fan_out_collected(uint32_t requests)
{
	for (int fd = 0; fd < remotes_end; fd++) {
		if (remotes[fd].is_open && requests > remotes[fd].own) {
			say(fd, (uint64_t)(requests - remotes[fd].own) * answer_bytes);
		}
		remotes[fd].own = 0;
	}
}

/* --- receiving -----------------------------------------------------------------------------------
 */

static uint32_t on_bytes(int fd, size_t len)
{
	struct remote *remote = &remotes[fd];
	if (!remote->is_open) {
		remote->is_open = true;
		send(fd, opening_answer, sizeof(opening_answer) - 1, MSG_NOSIGNAL);
		return 0;
	}
	const uint64_t bytes = remote->partial + len;
	const uint32_t requests = (uint32_t)(bytes / request_bytes);
	remote->partial = (uint32_t)(bytes % request_bytes);
	if (requests == 0) {
		return 0;
	}
	if (mode == MODE_FANOUT) {
		remote->own += requests;
		for (uint32_t i = 0; i < requests && !collects; i++) {
			fan_out(fd);
		}
		return requests;
	}
	if (gathers) {
		say(fd, (uint64_t)requests * answer_bytes);
		return requests;
	}
	for (uint32_t i = 0; i < requests; i++) {
		say(fd, answer_bytes);
	}
	return requests;
}

static uint32_t on_readable(int fd)
{
	uint32_t requests = 0;
	ssize_t len;
	do {
		len = recv(fd, received, BUFFER, 0);
		if (len == 0 || (len < 0 && errno != EAGAIN)) {
			memset(&remotes[fd], 0, sizeof(remotes[fd]));
			close(fd);
			return requests;
		}
		if (len > 0) {
			requests += on_bytes(fd, (size_t)len);
		}
	} while (len == BUFFER);
	return requests;
}

static void accept_all(int listener, int epoll_fd)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0) {
			return;
		}
		struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
			die("epoll_ctl");
		}
		if (fd >= remotes_end) {
			remotes_end = fd + 1;
		}
	}
}

static void serve(int listener)
{
	static struct epoll_event events[EVENTS];
	int epoll_fd = epoll_create1(0);
	struct epoll_event on_listener = {.events = EPOLLIN, .data.fd = listener};
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &on_listener) < 0) {
		die("epoll");
	}
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);
		uint32_t requests = 0;
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) {
				accept_all(listener, epoll_fd);
				continue;
			}
			if (events[i].events & EPOLLOUT && remotes[fd].owed > 0) {
				send_owed(fd);
			}
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
				requests += on_readable(fd);
			}
		}
		if (collects && requests > 0) {
			fan_out_collected(requests);
		}
	}
}

/* --- start ---------------------------------------------------------------------------------------
 */

static int open_listener(void)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	const int yes = 1;
	char host[256];
	const char *port = strrchr(listen_at, ':');
	if (!port) {
		errno = EINVAL;
		die(listen_at);
	}
	snprintf(host, sizeof(host), "%.*s", (int)(port - listen_at), listen_at);
	if (getaddrinfo(*host ? host : NULL, port + 1, &hints, &found) != 0) {
		errno = EADDRNOTAVAIL;
		die(listen_at);
	}
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
		bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		die(listen_at);
	}
	freeaddrinfo(found);
	return fd;
}

/* One record for each descriptor there can be; only what is used becomes memory. */
static void make_table(void)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	remotes = mmap(NULL, files.rlim_cur * sizeof(remotes[0]), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (remotes == MAP_FAILED) {
		die("mmap");
	}
}

enum {
	KEY_MODE = 256,
	KEY_REQUEST,
	KEY_ANSWER,
	KEY_NO_GATHER,
	KEY_COLLECT,
};

static const struct argp_option options[] = {
	{"listen", 'l', "HOST:PORT", 0, "where to listen (default 127.0.0.1:8000)", 0},
	{"mode", KEY_MODE, "MODE", 0,
		"echo: answer the sender; fanout: answer everybody else; login: accept only (default "
		"echo)",
		0},
	{"request-bytes", KEY_REQUEST, "N", 0, "size of one request on the wire (default 12)", 0},
	{"answer-bytes", KEY_ANSWER, "N", 0, "size of one answer on the wire (default 8)", 0},
	{"no-gather", KEY_NO_GATHER, NULL, 0, "one send for each request, not for each recv", 0},
	{"collect", KEY_COLLECT, NULL, 0, "of a fan-out: one send for each receiver and turn", 0},
	{0},
};

static uint32_t number(struct argp_state *state, const char *text)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno || *end || *text == '-' || value == 0 || value > UINT32_MAX) {
		argp_error(state, "\"%s\" is no number from 1 to %u", text, UINT32_MAX);
	}
	return (uint32_t)value;
}

static error_t parse_key(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case 'l':
		listen_at = argument;
		return 0;
	case KEY_MODE:
		mode = strcmp(argument, "fanout") == 0 ? MODE_FANOUT : MODE_ECHO;
		if (mode == MODE_ECHO && strcmp(argument, "echo") != 0 &&
			strcmp(argument, "login") != 0) {
			argp_error(
				state, "the mode is echo, fanout or login, not \"%s\"", argument);
		}
		return 0;
	case KEY_REQUEST:
		request_bytes = number(state, argument);
		return 0;
	case KEY_ANSWER:
		answer_bytes = number(state, argument);
		return 0;
	case KEY_NO_GATHER:
		gathers = false;
		return 0;
	case KEY_COLLECT:
		collects = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is no option", argument);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options,
		.parser = parse_key,
		.doc = "A server that does only the unavoidable recv and send, to compare others with."};
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	collects = collects && mode == MODE_FANOUT;
	make_table();
	serve(open_listener());
	return EXIT_SUCCESS;
}
