#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "../base/handle.h"
#include "body.h"
#include "clients.h"
#include "gate.h"
#include "request.h"
#include "routes.h"

enum {
	ROWS_MAX = 8,              /* addresses that one name may stand for */
	CLIENT_MEMORY = 32 * 1024, /* bytes for the head of a request */
};

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_http {
	struct admin_context *context;
	struct MHD_Daemon *daemons[ROWS_MAX];
	unsigned daemon_count;
	bool is_closed;
	uint32_t clients_max;
	uint32_t requests;
	uint32_t ended; /* connections, ever */
	struct admin_clients clients;
};

/* --- connections -------------------------------------------------------------------------------
 */

static void on_connection(void *owner, struct MHD_Connection *connection, void **ret_client,
	enum MHD_ConnectionNotificationCode what)
{
	struct admin_http *http = owner;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*ret_client = admin_clients_add(&http->clients, info->connect_fd);
		/* A fourth of the room is for who comes while others are shown out. */
		if (++http->context->clients > http->clients_max - http->clients_max / 4) {
			admin_clients_cut_oldest(&http->clients);
		}
	} else {
		http->context->clients--;
		http->ended++;
		admin_clients_remove(&http->clients, *ret_client);
	}
}

static struct admin_client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* --- a request ---------------------------------------------------------------------------------
 */

static enum MHD_Result make_request(struct admin_http *http, struct MHD_Connection *connection,
	const char *path, const char *method, void **ret_request)
{
	struct admin_request *request = calloc(1, sizeof(*request));
	if (!request) {
		return MHD_NO;
	}
	http->requests++;
	*ret_request = request;
	request->context = http->context;
	request->connection = connection;
	snprintf(request->path, sizeof(request->path), "%s", path);
	admin_gate_judge(request, path, method);
	return admin_body_is_not_worth_waiting(request)
		       ? admin_answer_send(&request->answer, connection)
		       : MHD_YES;
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data, size_t *data_len, void **context)
{
	struct admin_http *http = owner;
	struct admin_request *request = *context;
	(void)version;
	if (!request) {
		return make_request(http, connection, path, method, context);
	}
	if (*data_len > 0) {
		admin_body_take(request, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (!admin_answer_is_made(&request->answer)) {
		struct admin_client *client = client_of(connection);
		request->route->handle(request);
		if (request->is_waiting) {
			if (client) {
				client->is_busy = true;
			}
			return MHD_YES;
		}
	}
	return admin_answer_send(&request->answer, connection);
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode how)
{
	struct admin_http *http = owner;
	struct admin_request *request = *context;
	struct admin_client *client = client_of(connection);
	(void)how;
	if (!request) {
		return;
	}
	*context = NULL;
	http->requests--;
	admin_clients_renew(&http->clients, client);
	if (request->asks_for_drain) {
		/* Only now, as the port is gone when nobody is left to be sent away. */
		eventfd_write(http->context->drain_fd, 1);
	}
	admin_answer_finish(&request->answer);
	admin_body_drop(request);
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

void admin_http_run(struct admin_http *http, uint64_t now_ms)
{
	admin_clients_sweep(&http->clients, now_ms);
	for (unsigned i = 0; i < http->daemon_count; i++) {
		uint32_t before;
		do {
			before = http->ended;
			MHD_run(http->daemons[i]);
			/* At its limit the library does not listen, and goes back to it only in a
			 * run after somebody has left. */
		} while (http->ended != before);
	}
}

int admin_http_wait_ms(struct admin_http *http)
{
	int wait_ms = admin_clients_wait_ms(&http->clients);
	unsigned long long least = wait_ms < 0 ? INT32_MAX : (unsigned long long)wait_ms;
	for (unsigned i = 0; i < http->daemon_count; i++) {
		MHD_UNSIGNED_LONG_LONG wait;
		if (MHD_get_timeout(http->daemons[i], &wait) == MHD_YES && wait < least) {
			least = wait;
		}
	}
	return least == INT32_MAX ? -1 : (int)least;
}

uint32_t admin_http_requests(const struct admin_http *http)
{
	return http->requests;
}

/* --- life --------------------------------------------------------------------------------------
 */

static int start_daemon(struct admin_http *http, int fd, struct loop *loop)
{
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
			on_request, http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
			(unsigned)http->clients_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			(size_t)CLIENT_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
			MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
			MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, http, MHD_OPTION_END);
	if (!daemon) {
		return errno ? -errno : -EIO;
	}
	http->daemons[http->daemon_count++] = daemon;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? loop_watch(loop, info->epoll_fd, EPOLLIN,
			      handle_make(HANDLE_WORKER_RESERVED, 0, 0))
		    : -EIO;
}

int admin_http_create(struct admin_context *context, const struct listeners *listeners,
	uint32_t clients_max, struct loop *loop, struct admin_http **ret_http)
{
	struct admin_http *http = calloc(1, sizeof(*http));
	int err = 0;
	if (!http) {
		return -ENOMEM;
	}
	http->context = context;
	http->clients_max = clients_max;
	for (size_t row = 0; row < listeners->count && row < ROWS_MAX && !err; row++) {
		err = start_daemon(http, listeners_fd(listeners, row, 0), loop);
	}
	if (err) {
		admin_http_destroy(&http);
		return err;
	}
	*ret_http = http;
	return 0;
}

void admin_http_close(struct admin_http *http)
{
	if (http->is_closed) {
		return;
	}
	http->is_closed = true;
	for (unsigned i = 0; i < http->daemon_count; i++) {
		/* Else the library would close the listeners' descriptors. */
		MHD_quiesce_daemon(http->daemons[i]);
	}
}

void admin_http_destroy(struct admin_http **http)
{
	struct admin_http *given = *http;
	if (!given) {
		return;
	}
	*http = NULL;
	admin_http_close(given);
	for (unsigned i = 0; i < given->daemon_count; i++) {
		MHD_stop_daemon(given->daemons[i]);
	}
	free(given);
}
