#include "admin_front.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../handle.h"
#include "admin_request.h"
#include "admin_routes.h"

enum {
	ROWS_MAX = 8,              /* addresses that one name may stand for */
	REQUEST_MS = 30000,        /* from one request's end to the next one's */
	SWEEP_MS = 1000,           /* between looks at that */
	CLIENT_MEMORY = 32 * 1024, /* bytes for the head of a request */
	BODY_OVERHEAD = 4096,      /* bytes around a message */
	SKIPPED_MAX = 16, /* times the largest body: what is still read to be thrown away */
};

/* A connection to the admin port, from the one whose last request is longest ago.
 * Owner: the front. */
struct client {
	struct client *prev, *next;
	int fd;
	uint64_t since_ms; /* connected, or its last request was over */
	bool is_busy;      /* one of its requests waits for a worker */
};

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_front {
	struct admin_context *context;
	struct MHD_Daemon *daemons[ROWS_MAX];
	unsigned daemon_count;
	bool is_closed;
	uint32_t clients_max;
	uint32_t requests;
	uint32_t ended; /* connections, ever */
	uint64_t now_ms;
	uint64_t swept_ms;
	struct client *oldest, *newest;
};

/* --- clients -----------------------------------------------------------------------------------
 */

static void unlink_client(struct admin_front *front, struct client *client)
{
	*(client->prev ? &client->prev->next : &front->oldest) = client->next;
	*(client->next ? &client->next->prev : &front->newest) = client->prev;
	client->prev = client->next = NULL;
}

static void link_newest(struct admin_front *front, struct client *client)
{
	client->since_ms = front->now_ms;
	client->prev = front->newest;
	*(front->newest ? &front->newest->next : &front->oldest) = client;
	front->newest = client;
}

static void renew(struct admin_front *front, struct client *client)
{
	unlink_client(front, client);
	link_newest(front, client);
}

/* The library finds the end of its stream, and closes it. */
static void cut(struct admin_front *front, struct client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	renew(front, client);
}

static void cut_oldest(struct admin_front *front)
{
	for (struct client *client = front->oldest; client; client = client->next) {
		if (!client->is_busy) {
			cut(front, client);
			return;
		}
	}
}

static void sweep(struct admin_front *front)
{
	front->swept_ms = front->now_ms;
	while (front->oldest && front->now_ms - front->oldest->since_ms >= REQUEST_MS) {
		if (front->oldest->is_busy) {
			renew(front, front->oldest);
		} else {
			cut(front, front->oldest);
		}
	}
}

static void on_connection(void *owner, struct MHD_Connection *connection, void **ret_client,
	enum MHD_ConnectionNotificationCode what)
{
	struct admin_front *front = owner;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		struct client *client = calloc(1, sizeof(*client));
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*ret_client = client;
		if (client) {
			client->fd = info->connect_fd;
			link_newest(front, client);
		}
		/* A fourth of the room is for who comes while others are shown out. */
		if (++front->context->clients > front->clients_max - front->clients_max / 4) {
			cut_oldest(front);
		}
	} else {
		front->context->clients--;
		front->ended++;
		if (*ret_client) {
			unlink_client(front, *ret_client);
			free(*ret_client);
		}
	}
}

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* --- the head ----------------------------------------------------------------------------------
 */

static enum MHD_Result count_hosts(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	unsigned *count = context;
	(void)kind;
	(void)value;
	*count += strcasecmp(name, "Host") == 0;
	return MHD_YES;
}

static const char *header(const struct admin_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* Whether the guard lets it pass; makes a problem else. */
static bool pass_guard(struct admin_request *request)
{
	struct admin_head head = {
		.host = header(request, "Host"),
		.origin = header(request, "Origin"),
		.fetch_site = header(request, "Sec-Fetch-Site"),
		.fetch_mode = header(request, "Sec-Fetch-Mode"),
		.authorization = header(request, "Authorization"),
		.is_page = request->route && request->route->is_page,
		.is_open = request->route && request->route->is_open,
	};
	MHD_get_connection_values(
		request->connection, MHD_HEADER_KIND, count_hosts, &head.host_count);
	switch (admin_guard_judge(&request->context->guard, &head)) {
	case ADMIN_WELCOME:
		return true;
	case ADMIN_BAD_HOST:
		admin_answer_problem(
			request, ADMIN_PROBLEM_BAD_HOST, "one Host header with a host is needed");
		break;
	case ADMIN_WRONG_HOST:
		admin_answer_problem(request, ADMIN_PROBLEM_WRONG_HOST,
			"without a token this port answers to localhost, loopback addresses and the "
			"host in --admin");
		break;
	case ADMIN_FOREIGN_ORIGIN:
		admin_answer_problem(request, ADMIN_PROBLEM_FOREIGN_ORIGIN,
			"the request comes from a page that was not served here");
		break;
	case ADMIN_NO_TOKEN:
		admin_answer_problem(request, ADMIN_PROBLEM_UNAUTHORIZED,
			"this request needs \"Authorization: Bearer TOKEN\"");
		break;
	case ADMIN_WRONG_TOKEN:
		admin_answer_problem(
			request, ADMIN_PROBLEM_UNAUTHORIZED, "this is not the gateway's token");
		break;
	}
	return false;
}

static enum admin_method method_of(const char *text)
{
	if (strcmp(text, MHD_HTTP_METHOD_GET) == 0 || strcmp(text, MHD_HTTP_METHOD_HEAD) == 0) {
		return ADMIN_GET;
	}
	if (strcmp(text, MHD_HTTP_METHOD_POST) == 0) {
		return ADMIN_POST;
	}
	return strcmp(text, MHD_HTTP_METHOD_DELETE) == 0 ? ADMIN_DELETE : ADMIN_OTHER;
}

static bool is_json(const char *type)
{
	static const char JSON[] = "application/json";
	size_t len = sizeof(JSON) - 1;
	return type && strncasecmp(type, JSON, len) == 0 &&
	       (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

/* Whether this may change something now; makes a problem else. */
static bool pass_rate(struct admin_request *request)
{
	struct admin_context *context = request->context;
	char seconds[24];
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	uint64_t wait_ms = admin_rate_take(&context->rate, context->config.admin_rate, now_ms);
	if (wait_ms == 0) {
		return true;
	}
	admin_answer_problem(request, ADMIN_PROBLEM_RATE,
		"more than %llu a second (--admin-rate); come back in %llu ms",
		(unsigned long long)context->config.admin_rate, (unsigned long long)wait_ms);
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(wait_ms + 999) / 1000);
	admin_answer_header(request, "Retry-After", seconds);
	return false;
}

static void take_name(struct admin_request *request, const char *name, size_t name_len)
{
	if (admin_request_decode(
		    name, name_len, request->name, sizeof(request->name), &request->name_len) < 0 ||
		!admin_request_name_is_valid(request->name, request->name_len)) {
		admin_answer_problem(request, ADMIN_PROBLEM_BAD_NAME,
			"a name is 1 to %d bytes of percent-encoded UTF-8 without control characters",
			USER_NAME_MAX);
	}
}

/* Judges the head; makes a problem when the request goes no further. */
static void begin(struct admin_request *request, const char *path, const char *method)
{
	const char *name;
	size_t name_len = 0;
	char allow[ADMIN_ALLOW_MAX];
	request->method = method_of(method);
	request->route = admin_routes_find(
		request->method, path, request->context->config.demo, &name, &name_len, allow);
	if (!pass_guard(request)) {
		return;
	}
	if (!request->route && allow[0]) {
		admin_answer_problem(request, ADMIN_PROBLEM_METHOD, "this path takes %s", allow);
		admin_answer_header(request, "Allow", allow);
	} else if (!request->route) {
		admin_answer_problem(request, ADMIN_PROBLEM_NOT_FOUND,
			"the paths of this port are described in /openapi.json");
	} else if (request->route->takes_body && !is_json(header(request, "Content-Type"))) {
		admin_answer_problem(request, ADMIN_PROBLEM_MEDIA_TYPE,
			"the header Content-Type must be application/json");
	} else if (request->route->is_limited && !pass_rate(request)) {
		return;
	} else if (name) {
		take_name(request, name, name_len);
	}
}

/* --- the body ----------------------------------------------------------------------------------
 */

/* In JSON and in base64 a message takes a third more, quoted and escaped somewhat more. */
static size_t body_max(const struct admin_context *context)
{
	return context->config.max_message / 3 * 4 + BODY_OVERHEAD;
}

static void refuse_body(struct admin_request *request)
{
	if (!request->answer) {
		admin_answer_problem(request, ADMIN_PROBLEM_TOO_LARGE,
			"a body may have %zu bytes here", body_max(request->context));
	}
}

/* Whether to answer without waiting for the body, at the price of the connection. */
static bool is_not_worth_waiting(struct admin_request *request)
{
	const char *len = header(request, "Content-Length");
	unsigned long long declared = len ? strtoull(len, NULL, 10) : 0;
	if (declared > body_max(request->context)) {
		refuse_body(request);
	}
	return request->answer &&
	       (header(request, "Expect") || declared > SKIPPED_MAX * body_max(request->context));
}

static void take_body(struct admin_request *request, const char *data, size_t len)
{
	if (request->answer || !request->route->takes_body) {
		return; /* Read to its end, so that the answer is not overtaken by a reset. */
	}
	size_t most = body_max(request->context);
	if (len > most - request->body_len) {
		refuse_body(request);
		return;
	}
	if (request->body_capacity - request->body_len < len) {
		size_t capacity = (request->body_len + len) * 2;
		capacity = capacity < most ? capacity : most;
		uint8_t *grown = realloc(request->body, capacity);
		if (!grown) {
			admin_answer_problem(request, ADMIN_PROBLEM_NO_MEMORY, "for the body");
			return;
		}
		request->body = grown;
		request->body_capacity = capacity;
	}
	memcpy(request->body + request->body_len, data, len);
	request->body_len += len;
}

/* --- a request ---------------------------------------------------------------------------------
 */

static enum MHD_Result send_answer(struct admin_request *request)
{
	if (!request->answer) {
		return MHD_NO; /* There was no memory even for saying so. */
	}
	return MHD_queue_response(request->connection, request->status, request->answer);
}

static enum MHD_Result make_request(struct admin_front *front, struct MHD_Connection *connection,
	const char *path, const char *method, void **ret_request)
{
	struct admin_request *request = calloc(1, sizeof(*request));
	if (!request) {
		return MHD_NO;
	}
	front->requests++;
	*ret_request = request;
	request->context = front->context;
	request->connection = connection;
	snprintf(request->path, sizeof(request->path), "%s", path);
	begin(request, path, method);
	return is_not_worth_waiting(request) ? send_answer(request) : MHD_YES;
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data, size_t *data_len, void **context)
{
	struct admin_front *front = owner;
	struct admin_request *request = *context;
	(void)version;
	if (!request) {
		return make_request(front, connection, path, method, context);
	}
	if (*data_len > 0) {
		take_body(request, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (!request->answer) {
		struct client *client = client_of(connection);
		request->route->handle(request);
		if (request->is_waiting) {
			if (client) {
				client->is_busy = true;
			}
			return MHD_YES;
		}
	}
	return send_answer(request);
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode how)
{
	struct admin_front *front = owner;
	struct admin_request *request = *context;
	struct client *client = client_of(connection);
	(void)how;
	if (!request) {
		return;
	}
	*context = NULL;
	front->requests--;
	if (client) {
		client->is_busy = false;
		renew(front, client);
	}
	if (request->asks_for_drain) {
		/* Only now, as the port is gone when nobody is left to be sent away. */
		eventfd_write(front->context->drain_fd, 1);
	}
	if (request->answer) {
		MHD_destroy_response(request->answer);
	}
	free(request->body);
	free(request->state);
	free(request);
}

/* Paths and parameters are decoded by those who know what they may hold. */
static size_t leave_as_it_is(void *owner, struct MHD_Connection *connection, char *text)
{
	(void)owner;
	(void)connection;
	return strlen(text);
}

/* --- turns ---------------------------------------------------------------------------------------
 */

void admin_front_run(struct admin_front *front, uint64_t now_ms)
{
	front->now_ms = now_ms;
	for (unsigned i = 0; i < front->daemon_count; i++) {
		uint32_t before;
		do {
			before = front->ended;
			MHD_run(front->daemons[i]);
			/* At its limit the library does not listen, and goes back to it only in a
			 * run after somebody has left. */
		} while (front->ended != before);
	}
	if (now_ms - front->swept_ms >= SWEEP_MS) {
		sweep(front);
	}
}

int admin_front_wait_ms(struct admin_front *front)
{
	unsigned long long least = front->oldest ? SWEEP_MS : INT32_MAX;
	for (unsigned i = 0; i < front->daemon_count; i++) {
		MHD_UNSIGNED_LONG_LONG wait;
		if (MHD_get_timeout(front->daemons[i], &wait) == MHD_YES && wait < least) {
			least = wait;
		}
	}
	return least == INT32_MAX ? -1 : (int)least;
}

uint32_t admin_front_requests(const struct admin_front *front)
{
	return front->requests;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int start_daemon(struct admin_front *front, int fd, struct loop *loop)
{
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, front, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)front->clients_max,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, front, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, front, MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, front,
		MHD_OPTION_END);
	if (!daemon) {
		return errno ? -errno : -EIO;
	}
	front->daemons[front->daemon_count++] = daemon;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? loop_watch(loop, info->epoll_fd, EPOLLIN,
			      handle_make(HANDLE_WORKER_RESERVED, 0, 0))
		    : -EIO;
}

int admin_front_create(struct admin_context *context, const struct listeners *listeners,
	uint32_t clients_max, struct loop *loop, struct admin_front **ret_front)
{
	struct admin_front *front = calloc(1, sizeof(*front));
	int err = 0;
	if (!front) {
		return -ENOMEM;
	}
	front->context = context;
	front->clients_max = clients_max;
	for (size_t row = 0; row < listeners->count && row < ROWS_MAX && !err; row++) {
		err = start_daemon(front, listeners_fd(listeners, row, 0), loop);
	}
	if (err) {
		admin_front_destroy(&front);
		return err;
	}
	*ret_front = front;
	return 0;
}

void admin_front_close(struct admin_front *front)
{
	if (front->is_closed) {
		return;
	}
	front->is_closed = true;
	for (unsigned i = 0; i < front->daemon_count; i++) {
		/* Else the library would close the listeners' descriptors. */
		MHD_quiesce_daemon(front->daemons[i]);
	}
}

void admin_front_destroy(struct admin_front **front)
{
	struct admin_front *given = *front;
	if (!given) {
		return;
	}
	*front = NULL;
	admin_front_close(given);
	for (unsigned i = 0; i < given->daemon_count; i++) {
		MHD_stop_daemon(given->daemons[i]);
	}
	free(given);
}
