#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/handle.h"
#include "clients.h"
#include "line.h"

enum {
	EVENTS = 32,
	ACCEPTED_SHARE = 4, /* the part of all lines that may come in one turn, from one listener */
	RETRY_MS = 100,     /* until newcomers are looked at again, when none could be taken in */
	LISTENER = 0,       /* as the data of an event */
};

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_http {
	struct admin_context *context;
	const struct listeners *listeners; /* NULL once closed */
	struct loop *loop;                 /* that is woken */
	struct loop lines;                 /* events' data: a line, or LISTENER */
	struct admin_clients clients;
	uint32_t clients_max;
	bool is_listening; /* the listeners are watched */
};

/* --- lines -------------------------------------------------------------------------------------
 */

/* Has epoll report what the line waits for. Errors: -errno. */
static int watch(struct admin_http *http, struct admin_line *line)
{
	uint32_t wants = admin_line_wants(line);
	if (wants == line->watched) {
		return 0;
	}
	struct epoll_event event = {.events = wants, .data.ptr = line};
	int how = line->watched == 0 ? EPOLL_CTL_ADD : wants == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
	line->watched = wants;
	return epoll_ctl(http->lines.epoll_fd, how, line->socket.fd, &event) < 0 ? -errno : 0;
}

/* Out of epoll by a call of its own: a process that is being started has its socket too, until it
 * has executed, and closing it here would not end its events, which name memory that is freed. */
static void drop(struct admin_http *http, struct admin_line *line)
{
	if (line->watched != 0) {
		loop_unwatch(&http->lines, line->socket.fd);
	}
	admin_line_destroy(line);
}

/* After each step of a line. */
static void settle(struct admin_http *http, struct admin_line *line)
{
	bool has_ended = line->state == ADMIN_LINE_ENDED;
	if (has_ended || (watch(http, line) < 0 && line->state != ADMIN_LINE_WAITING)) {
		drop(http, line);
	}
}

static void on_answer(struct admin_line *line)
{
	admin_line_run(line);
	settle(line->owner, line);
}

static void on_event(struct admin_http *http, struct admin_line *line)
{
	/* An error is found by whichever call comes next. */
	if (admin_line_is_reading(line)) {
		admin_line_read(line);
	} else {
		admin_line_run(line);
	}
	settle(http, line);
}

static struct admin_line *line_of(struct admin_client *client)
{
	return (struct admin_line *)((char *)client - offsetof(struct admin_line, client));
}

static void show_out_the_overdue(struct admin_http *http)
{
	struct admin_client *client;
	while ((client = admin_clients_overdue(&http->clients))) {
		drop(http, line_of(client));
	}
}

/* --- newcomers ---------------------------------------------------------------------------------
 */

/* Those from whom nobody can be taken in would be reported for ever. */
static void listen_to(struct admin_http *http, bool is_listening)
{
	for (size_t row = 0; row < http->listeners->count; row++) {
		struct epoll_event event = {.events = is_listening ? EPOLLIN : 0};
		epoll_ctl(http->lines.epoll_fd, EPOLL_CTL_MOD,
			listeners_fd(http->listeners, row, 0), &event);
	}
	http->is_listening = is_listening;
}

/* Whether there is room for one more; the oldest make some. */
static bool make_room(struct admin_http *http)
{
	if (http->clients.count < http->clients_max) {
		return true;
	}
	struct admin_client *oldest = admin_clients_oldest(&http->clients);
	if (oldest) {
		drop(http, line_of(oldest));
	}
	return oldest != NULL;
}

/* Errors: -ENOMEM: he is sent away. */
static int take_in(struct admin_http *http, int fd, const struct sockaddr_storage *address)
{
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* of no use to a Unix socket */
	struct admin_line *line = admin_line_create(http->context, &http->clients, fd, address);
	if (!line) {
		close(fd);
		return -ENOMEM;
	}
	line->owner = http;
	line->on_answer = on_answer;
	admin_line_read(line); /* What he wants has come with him, as a rule. */
	settle(http, line);
	return 0;
}

/* Errors: -EAGAIN when nobody waits; else why nobody can be taken in. */
static int accept_one(struct admin_http *http, int listen_fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	if (!make_room(http)) {
		return -EBUSY;
	}
	int fd =
		accept4(listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		return take_in(http, fd, &address);
	}
	return errno == ECONNABORTED || errno == EINTR ? 0 : -errno;
}

/* A few of each listener, so that those who are in are heard in between. */
static void accept_some(struct admin_http *http)
{
	bool is_stuck = false;
	for (size_t row = 0; row < http->listeners->count; row++) {
		int err = 0;
		for (uint32_t i = 0; i <= http->clients_max / ACCEPTED_SHARE && !err; i++) {
			err = accept_one(http, listeners_fd(http->listeners, row, 0));
		}
		is_stuck = is_stuck || (err && err != -EAGAIN);
	}
	if (is_stuck == http->is_listening) {
		listen_to(http, !is_stuck);
	}
}

/* --- turns -------------------------------------------------------------------------------------
 */

void admin_http_run(struct admin_http *http, uint64_t now_ms)
{
	bool has_newcomers = !http->is_listening;
	http->clients.now_ms = now_ms;
	show_out_the_overdue(http);
	int count = loop_wait(&http->lines, 0);
	for (int i = 0; i < count; i++) {
		const struct epoll_event *event = &http->lines.events[i];
		if (event->data.ptr) {
			on_event(http, event->data.ptr);
		} else {
			has_newcomers = true;
		}
	}
	/* Only now, as the oldest may have to go for them. */
	if (has_newcomers && http->listeners) {
		accept_some(http);
	}
}

int admin_http_wait_ms(struct admin_http *http)
{
	bool is_stuck = http->listeners && !http->is_listening;
	return loop_sooner(is_stuck ? RETRY_MS : -1, admin_clients_wait_ms(&http->clients));
}

uint32_t admin_http_requests(const struct admin_http *http)
{
	return http->context->requests;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int init(struct admin_http *http, struct loop *loop)
{
	int err = loop_init(&http->lines, EVENTS);
	for (size_t row = 0; row < http->listeners->count && !err; row++) {
		err = loop_watch(
			&http->lines, listeners_fd(http->listeners, row, 0), EPOLLIN, LISTENER);
	}
	return err ? err
		   : loop_watch(loop, http->lines.epoll_fd, EPOLLIN,
			     handle_make(HANDLE_WORKER_RESERVED, 0, 0));
}

int admin_http_create(struct admin_context *context, const struct listeners *listeners,
	uint32_t clients_max, struct loop *loop, struct admin_http **ret_http)
{
	struct admin_http *http = calloc(1, sizeof(*http));
	if (!http) {
		return -ENOMEM;
	}
	http->lines = LOOP_EMPTY;
	http->context = context;
	http->listeners = listeners;
	http->loop = loop;
	http->clients_max = clients_max;
	http->is_listening = true;
	int err = init(http, loop);
	if (err) {
		admin_http_destroy(&http);
		return err;
	}
	*ret_http = http;
	return 0;
}

void admin_http_hear(struct admin_http *http, bool is_heard)
{
	struct epoll_event event = {
		.events = is_heard ? EPOLLIN : 0,
		.data.u64 = handle_make(HANDLE_WORKER_RESERVED, 0, 0),
	};
	epoll_ctl(http->loop->epoll_fd, EPOLL_CTL_MOD, http->lines.epoll_fd, &event);
}

void admin_http_close(struct admin_http *http)
{
	for (size_t row = 0; http->listeners && row < http->listeners->count; row++) {
		epoll_ctl(http->lines.epoll_fd, EPOLL_CTL_DEL,
			listeners_fd(http->listeners, row, 0), NULL);
	}
	http->listeners = NULL;
}

void admin_http_destroy(struct admin_http **http)
{
	struct admin_http *given = *http;
	if (!given) {
		return;
	}
	*http = NULL;
	admin_http_close(given);
	while (given->clients.oldest) {
		drop(given, line_of(given->clients.oldest));
	}
	loop_finish(&given->lines);
	free(given);
}
