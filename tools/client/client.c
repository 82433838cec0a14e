#include "client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../../proto/query.h"
#include "../../proto/user_name.h"
#include "build_config.h"
#include "clock.h"
#include "orders.h"
#include "socket_io.h"
#include "text.h"
#include "tls_io.h"
#include "url.h"
#include "wire.h"

const char *tg_version(void)
{
	return TIDEGATE_VERSION;
}

/* Goes on while the machine sleeps, so that a sleep shows as a late tick. */
static uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- life ------------------------------------------------------------------------------------ */

static void free_client(struct tg_client *client)
{
	const enum tg_state state = client->login.state;

	if (state == TG_STATE_CLOSING || state == TG_STATE_CLOSED) {
		transport_part(&client->transport);
	}
	transport_finish(&client->transport);
	socket_memory_finish(&client->sockets);
	login_finish(&client->login);
	if (client->timer_fd >= 0) {
		close(client->timer_fd);
	}
	if (client->epoll_fd >= 0) {
		close(client->epoll_fd);
	}
	free(client->url);
	free(client->user);
	free(client->device);
	free(client->token);
	free(client->ca_file);
	free(client->insecure);
	free(client->connected_url);
	free(client->connected_ca_file);
	free(client);
}

static enum tg_status open_descriptors(struct tg_client *client)
{
	struct epoll_event event = {.events = EPOLLIN};

	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	client->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (client->epoll_fd < 0 || client->timer_fd < 0 ||
		epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, client->timer_fd, &event) < 0) {
		return TG_ERR_SYSTEM;
	}
	return TG_OK;
}

enum tg_status tg_client_create(struct tg_client **ret_client)
{
	struct tg_client *client = calloc(1, sizeof(*client));
	if (!client) {
		return TG_ERR_NO_MEMORY;
	}
	*client = (struct tg_client){
		.listener = client_listener,
		.epoll_fd = -1,
		.timer_fd = -1,
		.timer_at = MOMENT_NEVER,
		.transport = {.watched_fd = -1},
		.options =
			{
				.heartbeat_ms = 50000,
				.connect_timeout_ms = 5000,
				.close_timeout_ms = 1500,
				.probe_timeout_ms = 5000,
				.reconnect_attempts = TG_ATTEMPTS_INFINITE,
				.reconnect_min_ms = 2000,
				.reconnect_max_ms = 10000,
				.min_uptime_ms = 5000,
				.send_queue_limit = 262144,
			},
		.io = socket_io,
	};
	client->io_data = &client->sockets;
	client->listener.data = client;
	login_init(&client->login, &client->listener);
	enum tg_status status = open_descriptors(client);
	if (status != TG_OK) {
		goto fail;
	}
	if (transport_init(&client->transport, &client->login, client->epoll_fd) < 0) {
		status = TG_ERR_NO_MEMORY;
		goto fail;
	}
	*ret_client = client;
	return TG_OK;

fail: {
	const int error = errno;
	free_client(client);
	errno = error;
}
	return status;
}

void tg_client_destroy(struct tg_client *client)
{
	if (!client) {
		return;
	}
	if (client->depth > 0) {
		client->is_doomed = true;
		notices_halt(&client->login.notices);
	} else {
		free_client(client);
	}
}

/* --- calls ----------------------------------------------------------------------------------- */

/* What the login was told is carried out before a call of the library returns, by the outermost
 * call when it is one inside of a callback. */

/* A timer that is set anew is no longer expired. */
static void set_timer(struct tg_client *client, uint64_t at, uint64_t now_ms)
{
	struct itimerspec when = {0};

	if (at == client->timer_at && at > now_ms) {
		return;
	}
	if (at != MOMENT_NEVER) {
		at = at > 0 ? at : 1; /* 0 would be off */
		when.it_value.tv_sec = (time_t)(at / 1000);
		when.it_value.tv_nsec = (long)(at % 1000 * 1000000);
	} else if (client->timer_at == MOMENT_NEVER) {
		return;
	}
	timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	client->timer_at = at;
}

void client_begin_call(struct tg_client *client)
{
	client->depth++;
}

static bool is_outermost(const struct tg_client *client)
{
	return client->depth == 1;
}

static enum tg_status end_call(struct tg_client *client, enum tg_status status)
{
	client->depth--;
	if (!client->is_doomed) {
		return status;
	}
	if (client->depth == 0) {
		free_client(client);
	}
	return TG_ERR_DESTROYED;
}

/* Carries out what the login wants by now. */
static void carry_out(struct tg_client *client, bool may_read, uint64_t now_ms)
{
	bool is_more = transport_step(&client->transport, may_read, &client->is_doomed, now_ms);

	if (may_read && !client->is_doomed) {
		clock_tick(&client->login, now_ms);
		is_more |= transport_step(&client->transport, false, &client->is_doomed, now_ms);
	}
	if (!client->is_doomed) {
		transport_watch(&client->transport);
		set_timer(client, is_more ? now_ms : clock_next_deadline(&client->login), now_ms);
	}
}

static enum tg_status finish_call(struct tg_client *client, enum tg_status status, uint64_t now_ms)
{
	if (is_outermost(client) && !client->is_doomed) {
		carry_out(client, false, now_ms);
	}
	return end_call(client, status);
}

/* --- orders ---------------------------------------------------------------------------------- */

int client_target(const struct tg_client *client, const char *target, char **ret_target)
{
	const struct url_login login = {client->user, client->device};
	return url_target(target, &login, ret_target);
}

/* Whether the user that the URL itself names may be one; without any, a token may hold it. */
static bool has_fit_user(const struct url *url)
{
	char user[USER_NAME_MAX];
	const char *query = strchr(url->target, '?');
	const int len = query ? query_find((struct slice){query + 1, strlen(query + 1)},
					SLICE("user"), user, sizeof(user))
			      : -ENOENT;

	return len == -ENOENT || (len >= 0 && user_name_is_valid(user, (size_t)len));
}

/* Whether one of the library's own transports is to speak TLS. */
static bool is_for_tls(const struct tg_client *client, const struct url *url)
{
	return client->io.open == socket_io.open && strcmp(url->scheme, "wss") == 0;
}

static bool is_spoken(const struct tg_client *client, const struct url *url)
{
	return client->io.open != socket_io.open || is_for_tls(client, url) ||
	       socket_io_speaks(url->scheme);
}

/* Sets the transport of the lines to come. */
static enum tg_status prepare_transport(struct tg_client *client, const struct url *url)
{
	struct transport *transport = &client->transport;
	const bool is_secure = is_for_tls(client, url);

	if (text_replace(&client->connected_ca_file, client->ca_file) < 0) {
		return TG_ERR_NO_MEMORY;
	}
	client->tls = (struct tls_memory){
		.sockets = &client->sockets,
		.trust =
			{
				.ca_file = client->connected_ca_file,
				.is_insecure = client->insecure != NULL,
			},
	};
	transport->url = *url;
	transport->next_io = is_secure ? tls_io : client->io;
	transport->next_data = is_secure ? &client->tls : client->io_data;
	return TG_OK;
}

/* Copies the options. A login that changes nothing copies nothing either. */
static enum tg_status connect_client(struct tg_client *client, uint64_t now_ms)
{
	struct login_options options = client->options;
	struct url url;
	char *target = NULL;

	if (login_is_under_way(&client->login)) {
		return TG_OK;
	}
	if (!client->url) {
		return client_refuse(client, "there is no URL: tg_client_set_url()");
	}
	char *copy = strdup(client->url);
	if (!copy) {
		return TG_ERR_NO_MEMORY;
	}
	enum tg_status status = TG_ERR_ARGUMENT;
	if (url_parse(copy, &url) < 0) {
		goto fail;
	}
	if (!is_spoken(client, &url)) {
		client_refuse(client,
			"the URL is neither ws:// nor wss:// nor unix:, and no transport speaks "
			"another scheme: tg_client_set_io()");
		goto fail;
	}
	if (!client->user && !has_fit_user(&url)) {
		client_refuse(client,
			"the URL names a user, who has 1 to 64 bytes of UTF-8 " USER_NAME_RULE);
		goto fail;
	}
	status = TG_ERR_NO_MEMORY;
	if (client_target(client, url.target, &target) < 0) {
		goto fail;
	}
	if (options.read_deadline_ms == 0) {
		const uint64_t three = 3 * (uint64_t)options.heartbeat_ms;
		options.read_deadline_ms = three < UINT32_MAX ? (uint32_t)three : UINT32_MAX;
	}
	options.asks_for_tokens = client->on_token != NULL;
	status = prepare_transport(client, &url);
	if (status != TG_OK) {
		goto fail;
	}
	free(client->connected_url);
	client->connected_url = copy;
	status = orders_log_in(
		&client->login, &options, target, url.authority, client->token, now_ms);
	free(target);
	return status;

fail:
	free(target);
	free(copy);
	return status;
}

enum tg_status tg_client_connect(struct tg_client *client)
{
	const uint64_t now_ms = clock_ms();
	client_begin_call(client);
	return finish_call(client, connect_client(client, now_ms), now_ms);
}

enum tg_status tg_client_logout(struct tg_client *client)
{
	const uint64_t now_ms = clock_ms();
	client_begin_call(client);
	orders_log_out(&client->login, now_ms);
	return finish_call(client, TG_OK, now_ms);
}

enum tg_status tg_client_probe(struct tg_client *client)
{
	const uint64_t now_ms = clock_ms();
	client_begin_call(client);
	orders_probe(&client->login, now_ms);
	return finish_call(client, TG_OK, now_ms);
}

enum tg_status tg_client_ping(struct tg_client *client)
{
	const uint64_t now_ms = clock_ms();
	client_begin_call(client);
	orders_ping(&client->login, now_ms);
	return finish_call(client, TG_OK, now_ms);
}

enum tg_status tg_client_give_token(struct tg_client *client, const char *token)
{
	const uint64_t now_ms = clock_ms();
	if (token && !client_is_token(token)) {
		return client_refuse(client, CLIENT_TOKEN_RULE);
	}
	client_begin_call(client);
	return finish_call(client, orders_give_token(&client->login, token, now_ms), now_ms);
}

enum tg_status client_finish_send(struct tg_client *client, enum tg_status status)
{
	return status == TG_ERR_WOULD_BLOCK ? end_call(client, status)
					    : finish_call(client, status, clock_ms());
}

enum tg_status tg_client_send_text(struct tg_client *client, const char *text, size_t len)
{
	client_begin_call(client);
	return client_finish_send(client, orders_send_text(&client->login, text, len));
}

enum tg_status tg_client_send_packet(
	struct tg_client *client, uint16_t command, const void *payload, size_t len)
{
	client_begin_call(client);
	return client_finish_send(
		client, orders_send_packet(&client->login, command, payload, len));
}

/* --- running --------------------------------------------------------------------------------- */

enum tg_status tg_client_process(struct tg_client *client)
{
	client_begin_call(client);
	if (is_outermost(client)) {
		carry_out(client, true, clock_ms());
	}
	return end_call(client, TG_OK);
}

/* Whether nothing happens any more unless somebody gives an order. */
static bool is_at_rest(const struct tg_client *client)
{
	return !client->transport.line && wire_wanted_line(&client->login) == 0 &&
	       clock_next_deadline(&client->login) == MOMENT_NEVER;
}

enum tg_status tg_client_wait(struct tg_client *client, int max_ms)
{
	struct pollfd waiting = {.fd = client->epoll_fd, .events = POLLIN};

	if (client->depth > 0) {
		return TG_ERR_STATE;
	}
	if (is_at_rest(client) && max_ms < 0) {
		return TG_OK;
	}
	if (poll(&waiting, 1, max_ms) < 0) {
		if (errno == EINTR) {
			return TG_ERR_INTERRUPTED;
		}
		login_set_detail(&client->login, "poll(2) failed");
		return TG_ERR_SYSTEM;
	}
	return tg_client_process(client);
}

enum tg_status tg_client_run(struct tg_client *client)
{
	enum tg_status status = TG_OK;

	if (client->depth > 0) {
		return TG_ERR_STATE;
	}
	if (client->login.state == TG_STATE_INIT) {
		status = tg_client_connect(client);
	}
	while (status == TG_OK && !is_at_rest(client)) {
		status = tg_client_wait(client, -1);
	}
	return status == TG_OK ? client->login.status : status;
}

int tg_client_fd(const struct tg_client *client)
{
	return client->epoll_fd;
}

short tg_client_events(const struct tg_client *client)
{
	return POLLIN;
}

int tg_client_timeout_ms(const struct tg_client *client)
{
	const uint64_t now_ms = clock_ms();

	if (client->timer_at == MOMENT_NEVER) {
		return -1;
	}
	if (client->timer_at <= now_ms) {
		return 0;
	}
	const uint64_t left_ms = client->timer_at - now_ms;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

/* --- looking --------------------------------------------------------------------------------- */

enum tg_state tg_client_state(const struct tg_client *client)
{
	return client->login.state;
}

enum tg_status tg_client_status(const struct tg_client *client)
{
	return client->login.status;
}

const char *tg_client_detail(const struct tg_client *client)
{
	return client->login.detail;
}

size_t tg_client_queued_len(const struct tg_client *client)
{
	return login_unsent_len(&client->login);
}

void tg_client_stats(const struct tg_client *client, struct tg_stats *ret_stats, size_t size)
{
	const struct tg_stats *stats = &client->login.stats;
	const size_t known = size < sizeof(*stats) ? size : sizeof(*stats);
	memcpy(ret_stats, stats, known);
	memset((char *)ret_stats + known, 0, size - known); /* of a newer header */
}
