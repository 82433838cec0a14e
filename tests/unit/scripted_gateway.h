/* A gateway of one thread that does what a test's script says, over real sockets. Its steps block,
 * and give up after ten seconds; cmocka's asserts belong to the main thread, so that a script notes
 * the first step that failed, and gateway_stop() asserts that there was none. */
#ifndef TIDEGATE_TESTS_SCRIPTED_GATEWAY_H
#define TIDEGATE_TESTS_SCRIPTED_GATEWAY_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../proto/frame.h"
#include "../../proto/handshake.h"
#include "../../proto/message.h"

struct gateway;

/* What is spoken between TCP and the opening. As those of the gateway, which these are behind. */
struct gateway_layer {
	bool (*accept)(struct gateway *gateway);
	ssize_t (*read)(struct gateway *gateway, void *buffer, size_t size);
	bool (*write)(struct gateway *gateway, const void *data, size_t len);
	void (*drop)(struct gateway *gateway);
};

struct gateway {
	void (*script)(struct gateway *gateway);
	void *data;
	const struct gateway_layer *layer; /* NULL: none */
	void *layer_data;
	pthread_t thread;
	int listen_fd;
	uint16_t port; /* of TCP */
	char url[160];
	char path[108]; /* of a Unix socket; empty for TCP */

	/* The connection there is. */
	int fd; /* -1: none */
	struct message_reader *reader;
	uint8_t in[4096];
	char user[65];

	const char *failed; /* the first step that did; NULL: none */
};

#define GATEWAY_STEP(gateway, does)                                                                \
	do {                                                                                       \
		if (!(does) && !(gateway)->failed) {                                               \
			(gateway)->failed = #does;                                                 \
		}                                                                                  \
	} while (0)

static const struct message_rules gateway_rules = {.max_message = 65536, .peer_masks = true};

static inline void gateway_drop(struct gateway *gateway)
{
	message_reader_destroy(&gateway->reader);
	if (gateway->fd >= 0) {
		if (gateway->layer) {
			gateway->layer->drop(gateway);
		}
		close(gateway->fd);
		gateway->fd = -1;
	}
}

/* Cuts the connection with a reset. */
static inline void gateway_reset(struct gateway *gateway)
{
	const struct linger at_once = {.l_onoff = 1};
	setsockopt(gateway->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	gateway_drop(gateway);
}

static inline bool gateway_accept(struct gateway *gateway)
{
	const struct timeval limit = {.tv_sec = 10};
	const int on = 1;

	gateway_drop(gateway);
	setsockopt(gateway->listen_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	gateway->fd = accept4(gateway->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (gateway->fd < 0) {
		return false;
	}
	setsockopt(gateway->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(gateway->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(gateway->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return message_reader_create(&gateway_rules, &gateway->reader) == 0 &&
	       (!gateway->layer || gateway->layer->accept(gateway));
}

static inline ssize_t gateway_recv(struct gateway *gateway, void *buffer, size_t size)
{
	return gateway->layer ? gateway->layer->read(gateway, buffer, size)
			      : recv(gateway->fd, buffer, size, 0);
}

static inline bool gateway_send(struct gateway *gateway, const void *data, size_t len)
{
	return gateway->layer ? gateway->layer->write(gateway, data, len)
			      : send(gateway->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Reads a request. A client sends nothing behind it before it is answered. */
static inline bool gateway_take_request(
	struct gateway *gateway, struct handshake_request *ret_request)
{
	struct http_head_scan scan = {.state = HTTP_HEAD_REQUEST};
	char data[4096];
	struct slice head;
	size_t len = 0;

	for (;;) {
		const ssize_t got = gateway_recv(gateway, data + len, sizeof(data) - len);
		if (got <= 0) {
			return false;
		}
		len += (size_t)got;
		switch (http_head_scan(&scan, data, len, sizeof(data), &head)) {
		case HTTP_HEAD_MORE:
			break;
		case HTTP_HEAD_COMPLETE:
			handshake_judge(head, ret_request);
			return ret_request->status == 101 && head.len == len;
		default:
			return false;
		}
	}
}

/* Accepts the next connection and opens it. */
static inline bool gateway_open(struct gateway *gateway)
{
	struct handshake_request request;
	char answer[HANDSHAKE_ANSWER_MAX];

	if (!gateway_accept(gateway) || !gateway_take_request(gateway, &request)) {
		return false;
	}
	snprintf(
		gateway->user, sizeof(gateway->user), "%s", request.user_valid ? request.user : "");
	return gateway_send(gateway, answer, handshake_answer(&request, answer));
}

static inline bool gateway_frame(
	struct gateway *gateway, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t header[FRAME_HEADER_MAX];
	const size_t header_len = frame_header_write(header, opcode, len, NULL);
	if (gateway->layer) {
		return gateway_send(gateway, header, header_len) &&
		       (len == 0 || gateway_send(gateway, payload, len));
	}
	return send(gateway->fd, header, header_len, MSG_NOSIGNAL | (len ? MSG_MORE : 0)) ==
		       (ssize_t)header_len &&
	       (len == 0 || gateway_send(gateway, payload, len));
}

static inline bool gateway_text(struct gateway *gateway, const char *text)
{
	return gateway_frame(gateway, FRAME_TEXT, text, strlen(text));
}

static inline bool gateway_close(struct gateway *gateway, uint16_t code, const char *reason)
{
	char payload[125] = {(char)(code >> 8), (char)code};
	const size_t len = strlen(reason);
	memcpy(payload + 2, reason, len);
	return gateway_frame(gateway, FRAME_CLOSE, payload, 2 + len);
}

/* The next message; borrowed until the next call. MESSAGE_MORE: the end of the connection. */
static inline enum message_kind gateway_read(struct gateway *gateway, struct message *ret_message)
{
	enum message_kind kind;

	while ((kind = message_reader_next(gateway->reader, ret_message)) == MESSAGE_MORE) {
		const ssize_t got = gateway_recv(gateway, gateway->in, sizeof(gateway->in));
		if (got <= 0) {
			break;
		}
		message_reader_feed(gateway->reader, gateway->in, (size_t)got);
	}
	return kind;
}

/* The next message, Pings passed over, is that text. */
static inline bool gateway_reads_text(struct gateway *gateway, const char *text)
{
	struct message message;
	enum message_kind kind;

	while ((kind = gateway_read(gateway, &message)) == MESSAGE_PING) {
	}
	return kind == MESSAGE_TEXT && message.len == strlen(text) &&
	       memcmp(message.data, text, message.len) == 0;
}

/* All is passed over up to a Close, which has that code. */
static inline bool gateway_reads_close(struct gateway *gateway, uint16_t code)
{
	struct message message;
	enum message_kind kind;

	do {
		kind = gateway_read(gateway, &message);
		if (kind == MESSAGE_MORE || kind == MESSAGE_BROKEN) {
			return false;
		}
	} while (kind != MESSAGE_CLOSE);
	return message.len >= 2 && (message.data[0] << 8 | message.data[1]) == code;
}

/* All is passed over up to the end, whichever. */
static inline void gateway_reads_to_end(struct gateway *gateway)
{
	struct message message;
	while (gateway_read(gateway, &message) != MESSAGE_MORE) {
	}
}

/* The client logs out, and is answered. */
static inline bool gateway_is_left(struct gateway *gateway)
{
	const bool is_left = gateway_reads_close(gateway, 1000) && gateway_close(gateway, 1000, "");
	gateway_drop(gateway);
	return is_left;
}

static inline void *gateway_main(void *data)
{
	struct gateway *gateway = data;
	sigset_t pipes;

	/* For layers that cannot ask send(2) to leave it. */
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	gateway->script(gateway);
	gateway_drop(gateway);
	return NULL;
}

static inline void gateway_begin(
	struct gateway *gateway, void (*script)(struct gateway *), void *data)
{
	*gateway = (struct gateway){.script = script, .data = data, .fd = -1};
}

static inline void gateway_start_thread(struct gateway *gateway)
{
	assert_int_equal(listen(gateway->listen_fd, 16), 0);
	assert_int_equal(pthread_create(&gateway->thread, NULL, gateway_main, gateway), 0);
}

/* On a port of 127.0.0.1. */
static inline void gateway_start_layered(struct gateway *gateway, void (*script)(struct gateway *),
	void *data, const struct gateway_layer *layer, void *layer_data)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	gateway_begin(gateway, script, data);
	gateway->layer = layer;
	gateway->layer_data = layer_data;
	gateway->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(gateway->listen_fd >= 0);
	assert_int_equal(bind(gateway->listen_fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(gateway->listen_fd, (struct sockaddr *)&address, &len), 0);
	gateway->port = ntohs(address.sin_port);
	snprintf(gateway->url, sizeof(gateway->url), "ws://127.0.0.1:%u", gateway->port);
	gateway_start_thread(gateway);
}

static inline void gateway_start(
	struct gateway *gateway, void (*script)(struct gateway *), void *data)
{
	gateway_start_layered(gateway, script, data, NULL, NULL);
}

/* On a Unix socket in a directory of its own. */
static inline void gateway_start_unix(
	struct gateway *gateway, void (*script)(struct gateway *), void *data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/tidegate-client-XXXXXX";

	gateway_begin(gateway, script, data);
	assert_non_null(mkdtemp(directory));
	snprintf(gateway->path, sizeof(gateway->path), "%s/s", directory);
	snprintf(gateway->url, sizeof(gateway->url), "unix:%s", gateway->path);
	strcpy(address.sun_path, gateway->path);
	gateway->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(gateway->listen_fd >= 0);
	assert_int_equal(bind(gateway->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	gateway_start_thread(gateway);
}

/* A script: three lines that are lost, each in a way of its own, and one that is left. */
static inline void gateway_be_unsteady(struct gateway *gateway)
{
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_reset(gateway);
	GATEWAY_STEP(gateway, gateway_open(gateway));
	gateway_drop(gateway);
	GATEWAY_STEP(gateway, gateway_accept(gateway));
	gateway_reset(gateway);
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_close(gateway, 1012, "retry_ms=1"));
	GATEWAY_STEP(gateway, gateway_reads_close(gateway, 1012));
	GATEWAY_STEP(gateway, gateway_open(gateway));
	GATEWAY_STEP(gateway, gateway_is_left(gateway));
}

/* Waits for the end of the script, and asserts that every step of it was done. */
static inline void gateway_stop(struct gateway *gateway)
{
	assert_int_equal(pthread_join(gateway->thread, NULL), 0);
	close(gateway->listen_fd);
	if (*gateway->path) {
		unlink(gateway->path);
		*strrchr(gateway->path, '/') = '\0';
		rmdir(gateway->path);
	}
	if (gateway->failed) {
		fail_msg("the gateway failed at: %s", gateway->failed);
	}
}

#endif
