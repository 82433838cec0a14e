/* The floor: what a server on this machine cannot do without. A bare epoll loop, on one thread or,
 * to echo, on several, that accepts, answers the opening with constant bytes, and from then on only
 * receives and sends: it parses nothing, knows nothing and says constant bytes. What a gateway
 * costs above this is its own.
 *
 * For tidegate-bench --blind, whose requests have a known size and whose key is always the same. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
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

#include "floor_options.h"
#include "opening.h"
#include "tls_context.h"
#include "tls_socket.h"

enum {
	BUFFER = 1 << 20, /* bytes of one recv, and the most of one send */
	EVENTS = 1024,
	BACKLOG = 65535,
	USER_DIGITS = 6,
};

/* Owner:  the table, by descriptor. All zero: not open. */
struct remote {
	uint32_t partial; /* bytes of a request whose rest has not come */
	uint32_t own;     /* requests of this turn, for collected fan-out */
	uint64_t owed;    /* bytes that the socket did not take yet */
	uint32_t room;    /* and one; 0: in none */
	bool is_open;     /* has had its 101 */
	struct tls_socket *tls;
};

/* Those that get what one of them asks. Owner: the table, by number. */
struct room {
	uint32_t member_count;
	uint32_t requests; /* of this turn */
	int *members;      /* descriptors */
};

static struct floor_options options;
static SSL_CTX *tls; /* NULL: plain */

static __thread uint8_t received[BUFFER];
static uint8_t answers[BUFFER];
static struct remote *remotes; /* by descriptor */
static int remotes_end;        /* the highest descriptor so far, and one */
static struct room *rooms;
static struct room **asked; /* rooms with requests of this turn */
static uint32_t asked_count;

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

static ssize_t send_some(int fd, const void *data, size_t len)
{
	return tls ? tls_socket_send(remotes[fd].tls, data, len)
		   : send(fd, data, len, MSG_NOSIGNAL);
}

static void send_owed(int fd)
{
	struct remote *remote = &remotes[fd];
	while (remote->owed > 0) {
		size_t len = remote->owed < BUFFER ? remote->owed : BUFFER;
		ssize_t sent = send_some(fd, answers, len);
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
			say(fd, options.answer_bytes);
		}
	}
}

/* One send for each remote: what all others have asked in this turn. */
static void fan_out_collected(uint32_t requests)
{
	for (int fd = 0; fd < remotes_end; fd++) {
		if (remotes[fd].is_open && requests > remotes[fd].own) {
			say(fd, (uint64_t)(requests - remotes[fd].own) * options.answer_bytes);
		}
		remotes[fd].own = 0;
	}
}

/* --- rooms ---------------------------------------------------------------------------------------
 */

/* As tidegate-bench deals its connections to circles. Its users are called u and six digits, which
 * stand at the same place in each opening; nobody else is in a room. */
static void enter_room(int fd, const uint8_t *opening, size_t len)
{
	static const char before[] = "GET /?user=u";
	const size_t at = sizeof(before) - 1;
	uint32_t number = 0;
	if (options.room_count == 0 || len < at + USER_DIGITS || memcmp(opening, before, at) != 0) {
		return;
	}
	for (size_t i = at; i < at + USER_DIGITS; i++) {
		number = number * 10 + (opening[i] - '0');
	}
	struct room *room = &rooms[number % options.room_count];
	if (number < (uint64_t)options.room_count * options.member_most &&
		room->member_count < options.member_most) {
		room->members[room->member_count++] = fd;
		remotes[fd].room = number % options.room_count + 1;
	}
}

/* The last member takes the place of one that goes. */
static void leave_room(int fd)
{
	if (remotes[fd].room == 0) {
		return;
	}
	struct room *room = &rooms[remotes[fd].room - 1];
	for (uint32_t i = 0; i < room->member_count; i++) {
		if (room->members[i] == fd) {
			room->members[i] = room->members[--room->member_count];
		}
	}
}

static void ask_room(const struct remote *remote, uint32_t requests)
{
	struct room *room = &rooms[remote->room - 1];
	if (room->requests == 0) {
		asked[asked_count++] = room;
	}
	room->requests += requests;
}

/* One send for each member: what all others in its room have asked in this turn. */
static void hand_out_to_rooms(void)
{
	for (uint32_t i = 0; i < asked_count; i++) {
		struct room *room = asked[i];
		for (uint32_t n = 0; n < room->member_count; n++) {
			const int fd = room->members[n];
			if (room->requests > remotes[fd].own) {
				say(fd, (uint64_t)(room->requests - remotes[fd].own) *
						options.answer_bytes);
			}
			remotes[fd].own = 0;
		}
		room->requests = 0;
	}
	asked_count = 0;
}

static void make_rooms(void)
{
	if (options.room_count == 0) {
		return;
	}
	rooms = calloc(options.room_count, sizeof(rooms[0]));
	asked = calloc(options.room_count, sizeof(asked[0]));
	int *members = calloc((size_t)options.room_count * options.member_most, sizeof(members[0]));
	if (!rooms || !asked || !members) {
		die("memory for rooms");
	}
	for (uint32_t i = 0; i < options.room_count; i++) {
		rooms[i].members = members + (size_t)i * options.member_most;
	}
}

/* --- receiving -----------------------------------------------------------------------------------
 */

static uint32_t on_bytes(int fd, size_t len)
{
	struct remote *remote = &remotes[fd];
	if (!remote->is_open) {
		remote->is_open = true;
		enter_room(fd, received, len);
		send_some(fd, opening_answer, sizeof(opening_answer) - 1);
		return 0;
	}
	const uint64_t bytes = remote->partial + len;
	const uint32_t requests = (uint32_t)(bytes / options.request_bytes);
	remote->partial = (uint32_t)(bytes % options.request_bytes);
	if (requests == 0) {
		return 0;
	}
	if (options.mode == FLOOR_FANOUT && options.room_count > 0) {
		if (remote->room > 0) {
			remote->own += requests;
			ask_room(remote, requests);
		}
		return requests;
	}
	if (options.mode == FLOOR_FANOUT) {
		remote->own += requests;
		for (uint32_t i = 0; i < requests && !options.collects; i++) {
			fan_out(fd);
		}
		return requests;
	}
	if (options.gathers) {
		say(fd, (uint64_t)requests * options.answer_bytes);
		return requests;
	}
	for (uint32_t i = 0; i < requests; i++) {
		say(fd, options.answer_bytes);
	}
	return requests;
}

/* With TLS it shakes hands as well, before there is anything. */
static ssize_t receive(int fd)
{
	return tls ? tls_socket_recv(remotes[fd].tls, received, BUFFER)
		   : recv(fd, received, BUFFER, 0);
}

static void hang_up(int fd)
{
	leave_room(fd);
	tls_socket_destroy(remotes[fd].tls);
	memset(&remotes[fd], 0, sizeof(remotes[fd]));
	close(fd);
}

static uint32_t on_readable(int fd)
{
	uint32_t requests = 0;
	ssize_t len;
	do {
		len = receive(fd);
		if (len == 0 || (len < 0 && errno != EAGAIN)) {
			hang_up(fd);
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
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ||
			(tls && tls_socket_accept(tls, fd, &remotes[fd].tls) < 0)) {
			die("a connection");
		}
		if (fd >= remotes_end) {
			remotes_end = fd + 1;
		}
	}
}

static void serve(int listener)
{
	static __thread struct epoll_event events[EVENTS];
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
		hand_out_to_rooms();
		if (options.collects && options.room_count == 0 && requests > 0) {
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
	const char *port = strrchr(options.listen_at, ':');
	if (!port) {
		errno = EINVAL;
		die(options.listen_at);
	}
	snprintf(host, sizeof(host), "%.*s", (int)(port - options.listen_at), options.listen_at);
	if (getaddrinfo(*host ? host : NULL, port + 1, &hints, &found) != 0) {
		errno = EADDRNOTAVAIL;
		die(options.listen_at);
	}
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		(options.threads > 1 &&
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0) ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
		bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		die(options.listen_at);
	}
	freeaddrinfo(found);
	return fd;
}

static void make_tls(void)
{
	char error[TLS_CONTEXT_ERROR_MAX];
	if (options.certificate && tls_context_for_server(options.certificate, options.key,
					   options.mode != FLOOR_LOGIN, &tls, error) < 0) {
		fprintf(stderr, "tidegate-floor: %s\n", error);
		exit(EXIT_FAILURE);
	}
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

static void *serve_too(void *context)
{
	serve(open_listener());
	return NULL;
}

/* The kernel deals connections to them. Only the answers are theirs together, which nobody
 * changes. */
static void begin_others(void)
{
	for (uint32_t i = 1; i < options.threads; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, serve_too, NULL) != 0) {
			die("a thread");
		}
	}
}

int main(int argc, char **argv)
{
	floor_options_parse(argc, argv, &options);
	make_tls();
	make_table();
	make_rooms();
	begin_others();
	serve(open_listener());
	return EXIT_SUCCESS;
}
