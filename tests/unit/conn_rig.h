/* What two or three workers own, on one thread: real connections, sessions, fan-out and mailboxes,
 * driven by hand, with a clock that moves when the test says so. So interleavings can be scripted.
 *
 *	struct rig rig;
 *	rig_init(&rig, 2);
 *	struct client *a = rig_login(&rig, 0, "aaa");
 *	client_text(a, "hello");
 *	rig_run(&rig);
 *	...
 *	rig_finish(&rig);  // checks that every account is back at zero
 */
#ifndef TIDEGATE_CONN_RIG_H
#define TIDEGATE_CONN_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../server/base/clock.h"
#include "../../server/base/log.h"
#include "../../server/conn/admission.h"
#include "../../server/node/serving.h"

enum {
	RIG_WORKERS = 4,
	RIG_DEVICES = 4, /* of a user */
	RIG_CLIENTS = 1200,
	/* Bytes that an allocator may give more of some blocks than was asked for, by what lies
	 * beside them: 16 each. */
	RIG_MALLOC_SPARE = 64,
	RIG_START_TICK = 100000,
	RIG_ROUNDS_MAX = 100000, /* a run that is not quiet by then never will be */
};

/* One end of a connection; the other one belongs to a worker. */
struct client {
	int fd;
	uint32_t worker;
	handle_t handle; /* of the gateway's end */
	bool deaf;       /* rig_run does not read for it */
	bool at_end;     /* FIN or reset has been read */
	bool was_reset;
	uint8_t *in; /* what was read */
	size_t in_len, in_size, in_at;
};

struct seen_frame {
	uint8_t opcode;
	const uint8_t *data;
	size_t len;
};

struct rig {
	uint32_t worker_count;
	struct serving *workers;
	struct loop loops[RIG_WORKERS];
	struct node node;
	struct config config;
	struct client clients[RIG_CLIENTS];
	uint32_t client_count;
};

/* --- the gateway's side ------------------------------------------------------------------------
 */

static inline struct conns *rig_conns(struct rig *rig, uint32_t worker)
{
	return &rig->workers[worker].conns;
}

static inline void rig_configure(struct config *ret_config)
{
	config_init(ret_config);
	ret_config->handshake_deadline = 5;
	ret_config->read_deadline = 120;
	ret_config->write_deadline = 10;
	ret_config->close_deadline = 5;
	ret_config->ping_interval = 0;
	ret_config->max_head = 16384;
	ret_config->max_message = 65536;
	ret_config->tx_queue_limit = 1 << 20;
	ret_config->drain = 5;
}

static inline void rig_init_worker(struct rig *rig, uint32_t id)
{
	struct loop *loop = &rig->loops[id];
	assert_int_equal(loop_init(loop, 256), 0);
	loop_script(loop, (uint64_t)RIG_START_TICK * LOOP_TICK_MS * 1000);
	assert_int_equal(
		serving_init(&rig->workers[id], &rig->node, (uint8_t)id, loop, &rig->config), 0);
}

/* With a key that users and rooms are hashed with, or NULL. */
static inline void rig_init_keyed(struct rig *rig, uint32_t worker_count, const uint8_t *hash_key)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset(rig, 0, sizeof(*rig));
	rig_configure(&rig->config);
	rig->worker_count = worker_count;
	rig->workers = aligned_alloc(64, worker_count * sizeof(*rig->workers));
	assert_non_null(rig->workers);
	assert_int_equal(node_init(&rig->node, worker_count, SERVING_MAIL_FANOUT), 0);
	rig->node.fanout.backlog_limit = 1 << 20;
	user_table_thread_begin();
	assert_int_equal(node_make_tables(&rig->node, 16, RIG_DEVICES, hash_key), 0);
	for (uint32_t i = 0; i < worker_count; i++) {
		rig_init_worker(rig, i);
	}
}

static inline void rig_init(struct rig *rig, uint32_t worker_count)
{
	rig_init_keyed(rig, worker_count, NULL);
}

/* Moves the clock of all workers on. */
static inline void rig_pass(struct rig *rig, uint32_t ticks)
{
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		loop_script(&rig->loops[i],
			rig->loops[i].now_us + (uint64_t)ticks * LOOP_TICK_MS * 1000);
	}
}

/* Not loop_wait: the clock is ours. Returns how many events there are. */
static inline int rig_wait(struct rig *rig, uint32_t worker)
{
	struct loop *loop = &rig->loops[worker];
	int count = epoll_wait(loop->epoll_fd, loop->events, loop->capacity, 0);
	return count > 0 ? count : 0;
}

/* The beginning of a turn alone. Returns how many events there were. */
static inline int rig_events(struct rig *rig, uint32_t worker)
{
	bool left = serving_has_events(&rig->workers[worker]);
	int count = left ? 1 : rig_wait(rig, worker);
	serving_on_events(&rig->workers[worker], count);
	return count;
}

/* The mail of a turn alone. Returns how many items there were. */
static inline int rig_mail(struct rig *rig, uint32_t worker)
{
	struct mail *mail;
	int count = 0;
	while (mailbox_take(rig->node.fanout.mailboxes[worker], &mail) == MAILBOX_MAIL) {
		serving_on_mail(&rig->workers[worker], mail);
		count++;
	}
	return count;
}

static inline bool rig_has_rung(struct rig *rig, uint32_t worker)
{
	int count = rig_wait(rig, worker);
	bool rung = false;
	for (int i = 0; i < count; i++) {
		uint64_t data = rig->loops[worker].events[i].data.u64;
		rung |= handle_worker(data) == HANDLE_WORKER_RESERVED;
	}
	return rung;
}

/* One turn. Returns whether there was anything to do. */
static inline bool rig_turn(struct rig *rig, uint32_t worker)
{
	bool busy = rig_events(rig, worker) > 0;
	serving_before_mail(&rig->workers[worker]);
	busy |= rig_mail(rig, worker) > 0;
	return serving_after_mail(&rig->workers[worker]) == 0 || busy;
}

/* --- the clients' side -------------------------------------------------------------------------
 */

/* Reads what is there. Returns whether there was anything. */
static inline bool client_pump(struct client *client)
{
	size_t before = client->in_len;
	while (!client->at_end) {
		if (client->in_size - client->in_len < 65536) {
			client->in_size = client->in_size * 2 + 65536;
			client->in = realloc(client->in, client->in_size);
			assert_non_null(client->in);
		}
		ssize_t len = recv(client->fd, client->in + client->in_len,
			client->in_size - client->in_len, MSG_DONTWAIT);
		if (len < 0 && errno == EAGAIN) {
			break;
		}
		client->at_end = len <= 0;
		client->was_reset = len < 0;
		client->in_len += len > 0 ? (size_t)len : 0;
	}
	return client->in_len > before;
}

/* Lets everybody work until nobody has anything to do. */
static inline void rig_run(struct rig *rig)
{
	bool busy = true;
	for (int round = 0; busy; round++) {
		assert_true(round < RIG_ROUNDS_MAX);
		busy = false;
		for (uint32_t i = 0; i < rig->worker_count; i++) {
			busy |= rig_turn(rig, i);
		}
		for (uint32_t i = 0; i < rig->client_count; i++) {
			struct client *client = &rig->clients[i];
			if (client->fd >= 0 && !client->deaf) {
				busy |= client_pump(client);
			}
		}
	}
}

static inline struct client *rig_add_from(struct rig *rig, uint32_t worker, int ours, int theirs,
	const struct remote *remote, bool is_beyond, bool is_proxied, bool is_tls)
{
	struct places *places = &rig->node.places;
	struct serving *w = &rig->workers[worker];
	assert_true(rig->client_count < RIG_CLIENTS);
	struct client *client = &rig->clients[rig->client_count++];
	*client = (struct client){.fd = theirs, .worker = worker};
	w->load++;
	if (is_beyond) {
		places->refusals++;
		places->max = places->taken;
	} else {
		places->taken++;
	}
	struct conn *conn;
	assert_int_equal(admission_open(&w->conns, ours, remote,
				 epoch_next(&rig->node.epochs, clock_wall_us()), is_beyond,
				 is_proxied, is_tls, &conn),
		0);
	client->handle = conn_table_handle(w->conns.table, conn);
	return client;
}

static inline struct client *rig_add(
	struct rig *rig, uint32_t worker, int ours, int theirs, bool is_beyond)
{
	const struct remote remote = {.is_inet = false};
	return rig_add_from(rig, worker, ours, theirs, &remote, is_beyond, false, false);
}

/* A connection that has said nothing yet. `send_buffer` is the gateway's, in bytes; 0: the
 * system's. With `is_beyond` those there are have all the places. */
static inline struct client *rig_connect(
	struct rig *rig, uint32_t worker, int send_buffer, bool is_beyond)
{
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	if (send_buffer > 0) {
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	}
	return rig_add(rig, worker, fds[0], fds[1], is_beyond);
}

/* The same over the loopback, for what only TCP has: resets, half-closes, windows. */
static inline struct client *rig_connect_tcp(struct rig *rig, uint32_t worker)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int one = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	int theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(theirs, (struct sockaddr *)&address, len), 0);
	int ours = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ours >= 0);
	close(listener);
	setsockopt(theirs, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(ours, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return rig_add(rig, worker, ours, theirs, false);
}

/* The gateway's end; NULL when it is gone. */
static inline struct conn *client_conn(struct rig *rig, const struct client *client)
{
	return conn_table_find(rig_conns(rig, client->worker)->table, client->handle);
}

static inline void client_write(struct client *client, const void *data, size_t len)
{
	size_t sent = 0;
	while (sent < len) {
		ssize_t step =
			send(client->fd, (const uint8_t *)data + sent, len - sent, MSG_NOSIGNAL);
		assert_true(step > 0);
		sent += (size_t)step;
	}
}

/* A request for `target` with some lines more, in `ret_request`, of 512 bytes. Returns its length.
 */
static inline size_t make_request_with(const char *target, const char *lines, char *ret_request)
{
	return (size_t)snprintf(ret_request, 512,
		"GET %s HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
		target, lines);
}

static inline size_t make_request(const char *target, char *ret_request)
{
	return make_request_with(target, "", ret_request);
}

static inline void client_request(struct client *client, const char *target)
{
	char request[512];
	client_write(client, request, make_request(target, request));
}

/* A masked frame; returns its length. `ret_frame` has room for 14 bytes more than `len`. */
static inline size_t make_frame(uint8_t *ret_frame, uint8_t opcode, const void *payload, size_t len)
{
	static const uint8_t mask[4] = {0x3a, 0x5c, 0x91, 0x07};
	size_t header_len = frame_header_write(ret_frame, opcode, len, mask);
	if (len > 0) {
		memcpy(ret_frame + header_len, payload, len);
		frame_mask(ret_frame + header_len, len, mask, 0);
	}
	return header_len + len;
}

static inline void client_send(
	struct client *client, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t *frame = malloc(len + FRAME_HEADER_MAX);
	assert_non_null(frame);
	client_write(client, frame, make_frame(frame, opcode, payload, len));
	free(frame);
}

static inline void client_text(struct client *client, const char *text)
{
	client_send(client, FRAME_TEXT, text, strlen(text));
}

static inline void client_packet(
	struct client *client, uint16_t command, const void *payload, uint32_t len)
{
	uint8_t *packet = malloc(PACKET_HEADER_LEN + len);
	assert_non_null(packet);
	packet_header_write(packet, command, len);
	if (len > 0) {
		memcpy(packet + PACKET_HEADER_LEN, payload, len);
	}
	client_send(client, FRAME_BINARY, packet, PACKET_HEADER_LEN + len);
	free(packet);
}

/* The status of the HTTP answer read next; 0 when there is none. */
static inline int client_status(struct client *client)
{
	client_pump(client);
	uint8_t *begin = client->in + client->in_at;
	size_t len = client->in_len - client->in_at;
	uint8_t *end = len ? memmem(begin, len, "\r\n\r\n", 4) : NULL;
	if (!end || len < 12) {
		return 0;
	}
	assert_memory_equal(begin, "HTTP/1.1 ", 9);
	client->in_at += (size_t)(end + 4 - begin);
	return atoi((const char *)begin + 9);
}

/* The frame read next; false when there is no whole one. */
static inline bool client_frame(struct client *client, struct seen_frame *ret_frame)
{
	client_pump(client);
	const uint8_t *at = client->in + client->in_at;
	size_t len = client->in_len - client->in_at;
	if (len < 2) {
		return false;
	}
	assert_int_equal(at[0] & 0xf0, 0x80); /* whole, no reserved bit */
	size_t header_len = at[1] < 126 ? 2 : at[1] == 126 ? 4 : 10;
	uint64_t payload_len = at[1];
	if (len < header_len) {
		return false;
	}
	for (size_t i = 2; i < header_len; i++) {
		payload_len = (i == 2 ? 0 : payload_len << 8) | at[i];
	}
	assert_true(payload_len < 1 << 25); /* else the stream is out of step */
	if (len - header_len < payload_len) {
		return false;
	}
	*ret_frame = (struct seen_frame){at[0] & 0x0f, at + header_len, (size_t)payload_len};
	client->in_at += header_len + (size_t)payload_len;
	return true;
}

static inline void expect_frame(
	struct client *client, uint8_t opcode, const void *payload, size_t len)
{
	struct seen_frame frame = {0};
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, opcode);
	assert_int_equal(frame.len, len);
	if (len > 0) {
		assert_memory_equal(frame.data, payload, len);
	}
}

static inline void expect_text(struct client *client, const char *text)
{
	expect_frame(client, FRAME_TEXT, text, strlen(text));
}

/* The next frame is a Close with this code, 0 for none, and a reason that begins so. */
static inline void expect_close(struct client *client, uint16_t code, const char *reason)
{
	struct seen_frame frame = {0};
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	if (code == 0) {
		assert_int_equal(frame.len, 0);
		return;
	}
	assert_true(frame.len >= 2 + strlen(reason));
	assert_int_equal(frame.data[0] << 8 | frame.data[1], code);
	assert_memory_equal(frame.data + 2, reason, strlen(reason));
}

/* Nothing but what has been looked at has come. */
static inline void expect_nothing(struct client *client)
{
	client_pump(client);
	assert_int_equal(client->in_len - client->in_at, 0);
}

static inline struct client *rig_login_with(
	struct rig *rig, uint32_t worker, const char *user, int send_buffer)
{
	char target[256];
	struct client *client = rig_connect(rig, worker, send_buffer, false);
	snprintf(target, sizeof(target), "/?user=%s", user);
	client_request(client, target);
	rig_run(rig);
	assert_int_equal(client_status(client), 101);
	return client;
}

static inline struct client *rig_login(struct rig *rig, uint32_t worker, const char *user)
{
	return rig_login_with(rig, worker, user, 0);
}

/* Lets time pass until `slow`, which lags once `talker` has said a word, is given up on. */
static inline void give_up_on(struct rig *rig, struct client *slow, struct client *talker)
{
	client_text(talker, ".");
	rig_run(rig);
	for (int i = 0; client_conn(rig, slow)->tx->lag != TX_LAG_GIVEN_UP; i++) {
		assert_true(i < 20);
		rig_pass(rig, 1);
		rig_run(rig);
	}
}

static inline void client_leave(struct client *client)
{
	if (client->fd >= 0) {
		close(client->fd);
		client->fd = -1;
	}
}

/* Leaves with a reset (TCP only). */
static inline void client_reset(struct client *client)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	client_leave(client);
}

/* --- memory ------------------------------------------------------------------------------------
 */

static inline size_t rig_held(struct rig *rig)
{
	return budget_used(&rig->node.budget);
}

static inline size_t rig_held_as(struct rig *rig, enum budget_kind kind)
{
	return budget_held(&rig->node.budget, kind);
}

static inline void rig_expect_no_memory(const struct budget *budget)
{
	for (int kind = 0; kind < BUDGET_KINDS; kind++) {
		assert_int_equal(budget_held(budget, (enum budget_kind)kind), 0);
	}
	assert_int_equal(budget->leaving, 0);
	assert_true(budget->counted == 0);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static inline uint64_t rig_ends(struct rig *rig, enum close_reason reason)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		total += stats_read(&rig->workers[i].stats.ends[reason]);
	}
	return total;
}

/* How many have come in, and how many have ended. */
struct rig_sums {
	uint64_t accepted;
	uint64_t ended;
};

/* Takes everything down, and checks that every account is back at zero. */
static inline struct rig_sums rig_close(struct rig *rig)
{
	struct rig_sums sums = {.accepted = 0};
	for (uint32_t i = 0; i < rig->client_count; i++) {
		client_leave(&rig->clients[i]);
		free(rig->clients[i].in);
	}
	if (rig_conns(rig, 0)->table) {
		rig_run(rig);
	}
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		serving_end(&rig->workers[i]);
	}
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		serving_finish(&rig->workers[i]);
		loop_finish(&rig->loops[i]);
		assert_int_equal(rig->workers[i].load, 0);
		assert_int_equal(stats_read(&rig->workers[i].stats.connections), 0);
		assert_int_equal(stats_read(&rig->workers[i].stats.sessions), 0);
		sums.accepted += stats_read(&rig->workers[i].stats.accepted);
	}
	assert_int_equal(rig->node.places.taken, 0);
	assert_int_equal(rig->node.places.refusals, 0);
	for (int reason = CLOSE_REASON_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
		sums.ended += rig_ends(rig, (enum close_reason)reason);
	}
	rig_expect_no_memory(&rig->node.budget);
	assert_int_equal(rig->node.fanout.backlog, 0);
	for (uint32_t i = 0; i < FANOUT_LAG_PLACES; i++) {
		assert_int_equal(rig->node.fanout.lagging_users[i], 0);
	}
	assert_int_equal(user_table_count(rig->node.users), 0);
	node_finish(&rig->node);
	user_table_thread_end();
	free(rig->workers);
	return sums;
}

/* The same, and all who have come have ended. */
static inline void rig_finish(struct rig *rig)
{
	const struct rig_sums sums = rig_close(rig);
	assert_int_equal(sums.accepted, rig->client_count);
	assert_int_equal(sums.ended, sums.accepted);
}

/* --- as a test's state --------------------------------------------------------------------------
 */

static inline int rig_setup(void **state)
{
	uint32_t worker_count = (uint32_t)(uintptr_t)*state;
	struct rig *rig = malloc(sizeof(*rig));
	assert_non_null(rig);
	rig_init(rig, worker_count);
	*state = rig;
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_finish(*state);
	free(*state);
	return 0;
}

/* For those whose own set-up and teardown call these. */
#define RIG_CASE_WITH(name, setup, teardown, worker_count)                                         \
	cmocka_unit_test_prestate_setup_teardown(                                                  \
		name, setup, teardown, (void *)(uintptr_t)(worker_count))

#define RIG_CASE(name, worker_count) RIG_CASE_WITH(name, rig_setup, rig_teardown, worker_count)

#endif
