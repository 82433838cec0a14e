#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "../proto/bytes.h"
#include "../proto/close_reason.h"
#include "../proto/frame.h"
#include "../server/base/clock.h"
#include "generator.h"
#include "opening.h"
#include "tls_socket.h"

enum {
	HEAD_MAX = 8192, /* bytes of a server's answer to the opening */
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
	wire_close(&client->wire);
	client->state = CLIENT_IDLE;
}

void client_reset(struct client *client)
{
	wire_reset(&client->wire);
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

/* Likewise, in TLS's own words. */
static void note_tls_fault(struct generator *generator, const struct client *client)
{
	const char *none = NULL;
	const char *fault = client->wire.tls ? tls_socket_fault(client->wire.tls) : NULL;
	if (fault) {
		atomic_compare_exchange_strong(&generator->run->tls_fault, &none, fault);
	}
}

static void on_end_of_file(struct generator *generator, struct client *client, int error)
{
	note_tls_fault(generator, client);
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
	wire_send(&client->wire, frame, header + 2);
}

/* --- the opening ---------------------------------------------------------------------------------
 */

/* The first one's stands for all: they are offered the same. */
static void note_suite(struct generator *generator, const struct client *client)
{
	const char *none = NULL;
	if (!atomic_load_explicit(&generator->run->suite, memory_order_relaxed)) {
		atomic_compare_exchange_strong(
			&generator->run->suite, &none, tls_socket_suite(client->wire.tls));
	}
}

static void send_request(struct generator *generator, struct client *client)
{
	char request[OPENING_REQUEST_MAX];
	const size_t len = opening_write(generator->options, client->number, request);
	ssize_t sent = wire_send_some(&client->wire, request, len);
	if (sent == (ssize_t)len) {
		client->state = CLIENT_OPENING;
	} else if (sent >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
		note_error(generator, sent < 0 ? -errno : -EIO);
		client_fail(generator, client, false);
	}
}

/* The handshake, where there is one, then the request: as far as the socket lets it come. */
static void go_on_opening(struct generator *generator, struct client *client)
{
	int err = client->wire.tls ? tls_socket_shake(client->wire.tls) : 0;
	if (err == -EAGAIN) {
		return;
	}
	if (err) {
		on_end_of_file(generator, client, err);
		return;
	}
	if (client->wire.tls) {
		note_suite(generator, client);
	}
	send_request(generator, client);
}

int client_open(struct generator *generator, struct client *client, uint64_t intended_ns)
{
	const struct options *options = generator->options;
	int err = wire_open(&client->wire, options, client->number / options->threads,
		generator->epoll_fd, client);
	if (err) {
		return err;
	}
	client->state = CLIENT_CONNECTING;
	client->intended_ns = intended_ns;
	generator->opening_count++;
	/* On the loopback it is connected by now, which saves a turn. */
	go_on_opening(generator, client);
	return 0;
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
	int status = opening_status((const char *)data, head_len);
	if (status != OPENING_SWITCHED) {
		note_error(generator, status ? status : -EPROTO);
		client_fail(generator, client, false);
		return 0;
	}
	client->state = CLIENT_ENTERING;
	if (!enters(generator)) {
		client_enter(generator, client);
	} else if (!opening_has_value((const char *)data, head_len,
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
	wire_send(&client->wire, frame, header + len);
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
	ssize_t got = wire_recv(&client->wire, data + kept, size - kept);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		on_end_of_file(generator, client, got < 0 ? -errno : 0);
		return false;
	}
	if (got < 0) {
		return errno == EINTR;
	}
	const size_t len = kept + (size_t)got;
	size_t used = take(generator, client, data, len, clock_ns());
	if (client->wire.fd < 0) {
		return false;
	}
	if (used < len) {
		keep_rest(generator, client, data + used, len - used);
	} else {
		drop_rest(generator, client);
	}
	return client->wire.fd >= 0 && (size_t)got == size - kept;
}

void client_on_events(struct generator *generator, struct client *client, uint32_t events)
{
	if (client->wire.fd < 0) {
		return;
	}
	if (client->state == CLIENT_CONNECTING && (client->wire.tls || events & EPOLLOUT)) {
		go_on_opening(generator, client);
		if (client->wire.tls && client->state == CLIENT_CONNECTING) {
			return;
		}
	} else if (events & EPOLLOUT && wire_is_full(&client->wire)) {
		wire_send_kept(&client->wire);
		if (!wire_is_full(&client->wire) && generator->scenario->writable) {
			generator->scenario->writable(generator, client);
		}
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		while (client->wire.fd >= 0 && read_once(generator, client)) {
		}
	}
	/* What is left behind the last byte is the end of file. */
	if (events & EPOLLRDHUP && client->wire.fd >= 0) {
		while (client->wire.fd >= 0 && read_once(generator, client)) {
		}
	}
}
