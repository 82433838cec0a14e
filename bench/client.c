#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../proto/bytes.h"
#include "../proto/close_reason.h"
#include "../proto/frame.h"
#include "../server/base/clock.h"
#include "generator.h"
#include "opening.h"

enum {
	HEAD_MAX = 8192, /* bytes of a server's answer to the opening */
	REQUEST_MAX = 2048,
	HTTP_SWITCHING = 101,
};

/* --- the end -------------------------------------------------------------------------------------
 */

static void drop_rest(struct generator *generator, struct client *client)
{
	if (client->rest) {
		generator_return(generator, client->rest, client->rest_size);
		client->rest = NULL;
		client->rest_len = 0;
	}
}

static bool is_opening(const struct client *client)
{
	return client->state >= CLIENT_CONNECTING && client->state < CLIENT_OPEN;
}

static void drop(struct generator *generator, struct client *client)
{
	if (is_opening(client)) {
		generator->opening_count--;
	}
	drop_rest(generator, client);
	free(client->unsent);
	client->unsent = NULL;
	client->unsent_len = 0;
	close(client->fd);
	client->fd = -1;
	client->state = CLIENT_IDLE;
}

void client_reset(struct client *client)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	if (client->fd >= 0) {
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(client->fd);
		client->fd = -1;
	}
	free(client->unsent);
	client->unsent = NULL;
	client->state = CLIENT_IDLE;
}

void client_fail(struct generator *generator, struct client *client, bool is_corrupt)
{
	struct counts *counts = &generator->counts;
	if (is_opening(client)) {
		count_add(&counts->failed, 1);
	} else {
		count_add(is_corrupt ? &counts->corrupt : &counts->cut, 1);
	}
	drop(generator, client);
	if (generator->options->is_among_others && generator->scenario->cut && !is_corrupt) {
		generator->scenario->cut(generator, client);
	} else {
		atomic_store(&generator->run->is_broken, true);
	}
}

/* The first reason why a connection could not be opened. */
static void note_error(struct generator *generator, int error)
{
	int none = 0;
	atomic_compare_exchange_strong(&generator->run->connect_error, &none, error);
}

static void on_end_of_file(struct generator *generator, struct client *client, int error)
{
	if (is_opening(client)) {
		note_error(generator, error ? error : -ECONNRESET);
	}
	if (client->state != CLIENT_CLOSING) {
		client_fail(generator, client, false);
		return;
	}
	drop(generator, client);
	count_add(&generator->counts.closed, 1);
	if (generator->scenario->closed) {
		generator->scenario->closed(generator, client, clock_ns());
	}
}

void client_close(struct generator *generator, struct client *client)
{
	uint8_t frame[FRAME_HEADER_MAX + 2];
	size_t header = frame_header_write(frame, FRAME_CLOSE, 2, generator->mask);
	store_be16(frame + header, CLOSE_CODE_NORMAL);
	frame_mask(frame + header, 2, generator->mask, 0);
	client->state = CLIENT_CLOSING;
	client_send(generator, client, frame, header + 2);
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void keep_unsent(struct client *client, const uint8_t *data, size_t len)
{
	uint8_t *unsent = realloc(client->unsent, client->unsent_len + len);
	if (!unsent) {
		abort();
	}
	memcpy(unsent + client->unsent_len, data, len);
	client->unsent = unsent;
	client->unsent_len += (uint32_t)len;
	client->is_full = true;
}

void client_send(
	struct generator *generator, struct client *client, const uint8_t *data, size_t len)
{
	ssize_t sent = client->unsent_len > 0 ? 0 : send(client->fd, data, len, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return; /* The recv that epoll announces will tell. */
		}
		sent = 0;
	}
	if ((size_t)sent < len) {
		keep_unsent(client, data + sent, len - (size_t)sent);
	}
}

static void send_unsent(struct generator *generator, struct client *client)
{
	client->is_full = false;
	if (client->unsent_len > 0) {
		uint8_t *data = client->unsent;
		uint32_t len = client->unsent_len;
		client->unsent = NULL;
		client->unsent_len = 0;
		client_send(generator, client, data, len);
		free(data);
	}
}

/* --- the opening ---------------------------------------------------------------------------------
 */

static void send_request(struct generator *generator, struct client *client)
{
	const struct options *options = generator->options;
	char request[REQUEST_MAX];
	const struct tokens *tokens = &options->tokens;
	const bool has_token = tokens->count > 0;
	const struct slice subprotocol = subprotocol_name(options->scenario->subprotocol);
	int len = snprintf(request, sizeof(request),
		"GET %s?user=u%06u HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: " OPENING_KEY "\r\n"
		"%s%.*s%s"
		"%s%s%s"
		"Sec-WebSocket-Version: 13\r\n\r\n",
		options->address.path, options->first_user + client->number, options->address.host,
		subprotocol.len ? "Sec-WebSocket-Protocol: " : "", (int)subprotocol.len,
		subprotocol.data, subprotocol.len ? "\r\n" : "",
		has_token ? "Authorization: Bearer " : "",
		has_token ? tokens_at(tokens, client->number) : "", has_token ? "\r\n" : "");
	ssize_t sent = send(client->fd, request, (size_t)len, MSG_NOSIGNAL);
	if (sent == len) {
		client->state = CLIENT_OPENING;
	} else if (sent >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
		note_error(generator, sent < 0 ? -errno : -EIO);
		client_fail(generator, client, false);
	}
}

int client_open(struct generator *generator, struct client *client, uint64_t intended_ns)
{
	int fd;
	int err = address_connect(
		&generator->options->address, client->number / generator->options->threads, &fd);
	if (err) {
		return err;
	}
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = client,
	};
	if (epoll_ctl(generator->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	client->fd = fd;
	client->state = CLIENT_CONNECTING;
	client->is_full = false;
	client->intended_ns = intended_ns;
	generator->opening_count++;
	/* On the loopback it is connected by now, which saves a turn. */
	send_request(generator, client);
	return 0;
}

/* Whether a line of the head ends with that value, which is of no other line. */
static bool has_value(const char *head, size_t len, struct slice value)
{
	char end[64];
	int end_len = snprintf(end, sizeof(end), "%.*s\r\n", (int)value.len, value.data);
	const char *found = memmem(head, len, end, (size_t)end_len);
	return found && (found[-1] == ' ' || found[-1] == ':');
}

/* Returns the status of an HTTP answer; 0 for a 101 that does not fit the key, or no HTTP. */
static int status_of(const char *head, size_t len)
{
	static const char version[] = "HTTP/1.1 ";
	if (len < sizeof(version) + 3 || memcmp(head, version, sizeof(version) - 1) != 0) {
		return 0;
	}
	int status = atoi(head + sizeof(version) - 1);
	return status == HTTP_SWITCHING && !has_value(head, len, SLICE(OPENING_ACCEPT)) ? 0
											: status;
}

/* Who says constant bytes has nothing to add to the opening. */
static bool enters(const struct generator *generator)
{
	return generator->scenario->subprotocol && !generator->options->is_blind;
}

/* Returns the bytes of the head, 0 while it is not complete. */
static size_t take_head(
	struct generator *generator, struct client *client, const uint8_t *data, size_t len)
{
	const uint8_t *end = memmem(data, len, "\r\n\r\n", 4);
	if (!end) {
		if (len > HEAD_MAX) {
			client_fail(generator, client, false);
		}
		return 0;
	}
	size_t head_len = (size_t)(end + 4 - data);
	int status = status_of((const char *)data, head_len);
	if (status != HTTP_SWITCHING) {
		note_error(generator, status ? status : -EPROTO);
		client_fail(generator, client, false);
		return 0;
	}
	client->state = CLIENT_ENTERING;
	if (!enters(generator)) {
		client_enter(generator, client);
	} else if (!has_value((const char *)data, head_len,
			   subprotocol_name(generator->scenario->subprotocol))) {
		note_error(generator, -EPROTONOSUPPORT);
		client_fail(generator, client, false);
		return 0;
	}
	return head_len;
}

void client_enter(struct generator *generator, struct client *client)
{
	client->state = CLIENT_OPEN;
	generator->opening_count--;
	count_add(&generator->counts.opened, 1);
	uint64_t now_ns = clock_ns();
	histogram_record(&generator->openings_taken,
		now_ns > client->intended_ns ? now_ns - client->intended_ns : 0, 1);
	if (generator->scenario->opened) {
		generator->scenario->opened(generator, client, now_ns);
	}
}

/* --- control frames ------------------------------------------------------------------------------
 */

static void on_close_frame(
	struct generator *generator, struct client *client, const uint8_t *payload, size_t len)
{
	int none = 0;
	if (client->state != CLIENT_CLOSING) {
		atomic_compare_exchange_strong(&generator->run->close_code, &none,
			len >= CLOSE_CODE_LEN ? load_be16(payload) : CLOSE_CODE_NONE);
		client_fail(generator, client, false);
	}
}

static void send_pong(
	struct generator *generator, struct client *client, const uint8_t *payload, size_t len)
{
	uint8_t frame[FRAME_HEADER_MAX + FRAME_CONTROL_PAYLOAD_MAX];
	size_t header = frame_header_write(frame, FRAME_PONG, len, generator->mask);
	memcpy(frame + header, payload, len);
	frame_mask(frame + header, len, generator->mask, 0);
	client_send(generator, client, frame, header + len);
}

size_t client_take_control(
	struct generator *generator, struct client *client, const uint8_t *data, size_t len)
{
	if (len < 2) {
		return 0;
	}
	const size_t payload_len = data[1];
	if (!(data[0] & 0x08) || payload_len > FRAME_CONTROL_PAYLOAD_MAX) {
		client_fail(generator, client, true);
		return 0;
	}
	if (len < 2 + payload_len) {
		return 0;
	}
	switch (data[0] & 0x0f) {
	case FRAME_CLOSE:
		on_close_frame(generator, client, data + 2, payload_len);
		break;
	case FRAME_PING:
		send_pong(generator, client, data + 2, payload_len);
		break;
	default:
		client_fail(generator, client, true);
		break;
	}
	return 2 + payload_len;
}

/* --- receiving -----------------------------------------------------------------------------------
 */

static size_t take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	size_t used = 0;
	if (client->state == CLIENT_OPENING) {
		used = take_head(generator, client, data, len);
		if (used == 0) {
			return 0;
		}
	}
	if (used < len && client->state >= CLIENT_ENTERING && generator->scenario->take) {
		used += generator->scenario->take(
			generator, client, data + used, len - used, now_ns);
	}
	return used;
}

/* Keeps the beginning of a frame, with space for the rest of it. */
static void keep_rest(
	struct generator *generator, struct client *client, const uint8_t *data, size_t len)
{
	uint64_t wanted = HEAD_MAX;
	if (client->state >= CLIENT_ENTERING && len >= FRAME_HEADER_UNMASKED_MAX) {
		wanted = frame_header_len_at(data) + frame_payload_len_at(data);
		if (wanted > OPTIONS_PAYLOAD_MAX + HEAD_MAX) {
			client_fail(generator, client, true);
			return;
		}
		wanted = wanted < HEAD_MAX ? HEAD_MAX : wanted;
	}
	if (client->rest && client->rest_size >= wanted) {
		memmove(client->rest, data, len);
		client->rest_len = (uint32_t)len;
		return;
	}
	uint32_t size;
	uint8_t *rest = generator_lend(
		generator, (uint32_t)(wanted > len ? wanted : len + HEAD_MAX), &size);
	memcpy(rest, data, len);
	drop_rest(generator, client);
	client->rest = rest;
	client->rest_size = size;
	client->rest_len = (uint32_t)len;
}

/* One recv: into the common buffer, or behind the part of a frame that is there. */
static bool read_once(struct generator *generator, struct client *client)
{
	uint8_t *data = client->rest ? client->rest : generator->in;
	const size_t size = client->rest ? client->rest_size : GENERATOR_BUFFER;
	const size_t kept = client->rest_len;
	ssize_t got = recv(client->fd, data + kept, size - kept, 0);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		on_end_of_file(generator, client, got < 0 ? -errno : 0);
		return false;
	}
	if (got < 0) {
		return errno == EINTR;
	}
	const size_t len = kept + (size_t)got;
	size_t used = take(generator, client, data, len, clock_ns());
	if (client->fd < 0) {
		return false;
	}
	if (used < len) {
		keep_rest(generator, client, data + used, len - used);
	} else {
		drop_rest(generator, client);
	}
	return client->fd >= 0 && (size_t)got == size - kept;
}

void client_on_events(struct generator *generator, struct client *client, uint32_t events)
{
	if (client->fd < 0) {
		return;
	}
	if (events & EPOLLOUT) {
		if (client->state == CLIENT_CONNECTING) {
			send_request(generator, client);
		} else if (client->is_full) {
			send_unsent(generator, client);
			if (!client->is_full && generator->scenario->writable) {
				generator->scenario->writable(generator, client);
			}
		}
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		while (client->fd >= 0 && read_once(generator, client)) {
		}
	}
	/* What is left behind the last byte is the end of file. */
	if (events & EPOLLRDHUP && client->fd >= 0) {
		while (client->fd >= 0 && read_once(generator, client)) {
		}
	}
}
