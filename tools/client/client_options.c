#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../../proto/user_name.h"
#include "client.h"
#include "socket_io.h"
#include "text.h"
#include "tls_trust.h"
#include "url.h"

enum {
	TOKEN_MAX = 4096, /* bytes */
};

/* RFC 6750 section 2.1: what may stand in the request as it is. */
static const char token_bytes[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

static enum tg_status replace(char **text, const char *by)
{
	return text_replace(text, by) < 0 ? TG_ERR_NO_MEMORY : TG_OK;
}

enum tg_status client_refuse(struct tg_client *client, const char *detail)
{
	login_set_detail(&client->login, detail);
	return TG_ERR_ARGUMENT;
}

enum tg_status tg_client_set_url(struct tg_client *client, const char *url)
{
	struct url parts;
	if (!url || url_parse(url, &parts) < 0) {
		return client_refuse(client,
			"the URL is neither ws://HOST[:PORT][/PATH][?QUERY] (wss: with TLS) nor unix:PATH");
	}
	return replace(&client->url, url);
}

enum tg_status tg_client_set_ca_file(struct tg_client *client, const char *path)
{
	const struct tls_trust trust = {.ca_file = path};
	char why[TLS_TRUST_WHY_MAX];
	const int err = path ? tls_trust_check(&trust, why) : 0;

	if (err == -EINVAL) {
		return client_refuse(client, why);
	}
	return err < 0 ? TG_ERR_NO_MEMORY : replace(&client->ca_file, path);
}

enum tg_status tg_client_set_insecure(struct tg_client *client, const char *reason)
{
	if (reason && !reason[strspn(reason, " \t\r\n")]) {
		return client_refuse(client, "the reason to take any certificate is empty");
	}
	return replace(&client->insecure, reason);
}

enum tg_status tg_client_set_user(struct tg_client *client, const char *user)
{
	if (user && !user_name_is_valid(user, strlen(user))) {
		return client_refuse(client, "a user has 1 to 64 bytes of UTF-8 " USER_NAME_RULE);
	}
	return replace(&client->user, user);
}

bool client_is_token(const char *token)
{
	const size_t len = strspn(token, token_bytes);
	return len > 0 && len <= TOKEN_MAX && !token[len];
}

enum tg_status tg_client_set_token(struct tg_client *client, const char *token)
{
	if (token && !client_is_token(token)) {
		return client_refuse(client, CLIENT_TOKEN_RULE);
	}
	return replace(&client->token, token);
}

enum tg_status tg_client_set_device(struct tg_client *client, const char *device)
{
	if (device &&
		(strlen(device) > DEVICE_NAME_MAX || !user_name_is_valid(device, strlen(device)))) {
		return client_refuse(client, "a device has 1 to 32 bytes of UTF-8 " USER_NAME_RULE);
	}
	return replace(&client->device, device);
}

enum tg_status tg_client_set_protocol(struct tg_client *client, enum tg_protocol protocol)
{
	switch (protocol) {
	case TG_PROTOCOL_CLASSIC:
		client->options.offers = SUBPROTOCOL_NONE;
		return TG_OK;
	case TG_PROTOCOL_V1:
		client->options.offers = SUBPROTOCOL_V1;
		return TG_OK;
	}
	return client_refuse(client, "the protocol is TG_PROTOCOL_CLASSIC or TG_PROTOCOL_V1");
}

enum tg_status tg_client_set_heartbeat_ms(struct tg_client *client, uint32_t heartbeat_ms)
{
	client->options.heartbeat_ms = heartbeat_ms;
	return TG_OK;
}

enum tg_status tg_client_set_read_deadline_ms(struct tg_client *client, uint32_t read_deadline_ms)
{
	client->options.read_deadline_ms = read_deadline_ms;
	return TG_OK;
}

enum tg_status tg_client_set_connect_timeout_ms(
	struct tg_client *client, uint32_t connect_timeout_ms)
{
	if (connect_timeout_ms == 0) {
		return client_refuse(client, "the connect time-out is 1 ms or more");
	}
	client->options.connect_timeout_ms = connect_timeout_ms;
	return TG_OK;
}

enum tg_status tg_client_set_close_timeout_ms(struct tg_client *client, uint32_t close_timeout_ms)
{
	client->options.close_timeout_ms = close_timeout_ms;
	return TG_OK;
}

enum tg_status tg_client_set_probe_timeout_ms(struct tg_client *client, uint32_t probe_timeout_ms)
{
	if (probe_timeout_ms == 0) {
		return client_refuse(client, "the time-out of a probe is 1 ms or more");
	}
	client->options.probe_timeout_ms = probe_timeout_ms;
	return TG_OK;
}

enum tg_status tg_client_set_reconnect_attempts(struct tg_client *client, int attempts)
{
	if (attempts < TG_ATTEMPTS_INFINITE) {
		return client_refuse(client, "attempts are 0 or more, or TG_ATTEMPTS_INFINITE");
	}
	client->options.reconnect_attempts = attempts;
	return TG_OK;
}

enum tg_status tg_client_set_reconnect_delay_ms(
	struct tg_client *client, uint32_t min_ms, uint32_t max_ms)
{
	if (min_ms > max_ms) {
		return client_refuse(client, "the shortest delay is over the longest");
	}
	client->options.reconnect_min_ms = min_ms;
	client->options.reconnect_max_ms = max_ms;
	return TG_OK;
}

enum tg_status tg_client_set_min_uptime_ms(struct tg_client *client, uint32_t min_uptime_ms)
{
	client->options.min_uptime_ms = min_uptime_ms;
	return TG_OK;
}

enum tg_status tg_client_set_retry_login(struct tg_client *client, bool retry_login)
{
	client->options.retry_login = retry_login;
	return TG_OK;
}

enum tg_status tg_client_set_send_queue_limit(struct tg_client *client, size_t limit)
{
	if (limit < TG_SEND_QUEUE_MIN) {
		return client_refuse(client, "the send queue has TG_SEND_QUEUE_MIN bytes or more");
	}
	client->options.send_queue_limit = limit;
	return TG_OK;
}

enum tg_status tg_client_set_io(struct tg_client *client, const struct tg_io *io, void *data)
{
	if (!io) {
		client->io = socket_io;
		client->io_data = &client->sockets;
		return TG_OK;
	}
	if (io->size < offsetof(struct tg_io, error_text) || !io->open || !io->connect ||
		!io->read || !io->write || !io->fd || !io->events || !io->close) {
		return client_refuse(client, "a function of the transport is missing");
	}
	/* A caller of an older header knows less, one of a newer more. */
	client->io = (struct tg_io){0};
	memcpy(&client->io, io, io->size < sizeof(*io) ? io->size : sizeof(*io));
	client->io_data = data;
	return TG_OK;
}

void tg_client_set_user_data(struct tg_client *client, void *data)
{
	client->user_data = data;
}

void *tg_client_user_data(const struct tg_client *client)
{
	return client->user_data;
}

void tg_client_on_state(struct tg_client *client, tg_state_fn *fn)
{
	client->on_state = fn;
}

void tg_client_on_message(struct tg_client *client, tg_message_fn *fn)
{
	client->on_message = fn;
}

void tg_client_on_session(struct tg_client *client, tg_session_fn *fn)
{
	client->on_session = fn;
}

void tg_client_on_answer(struct tg_client *client, tg_answer_fn *fn)
{
	client->on_answer = fn;
}

void tg_client_on_members(struct tg_client *client, tg_members_fn *fn)
{
	client->on_members = fn;
}

void tg_client_on_page(struct tg_client *client, tg_page_fn *fn)
{
	client->on_page = fn;
}

void tg_client_on_reply(struct tg_client *client, tg_reply_fn *fn)
{
	client->on_reply = fn;
}

void tg_client_on_gap(struct tg_client *client, tg_gap_fn *fn)
{
	client->on_gap = fn;
}

void tg_client_on_error(struct tg_client *client, tg_error_fn *fn)
{
	client->on_error = fn;
}

void tg_client_on_event(struct tg_client *client, tg_event_fn *fn)
{
	client->on_event = fn;
}

void tg_client_on_writable(struct tg_client *client, tg_writable_fn *fn)
{
	client->on_writable = fn;
}

void tg_client_on_token(struct tg_client *client, tg_token_fn *fn)
{
	client->on_token = fn;
}

void tg_client_on_auth(struct tg_client *client, tg_auth_fn *fn)
{
	client->on_auth = fn;
}
