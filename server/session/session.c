#include "session.h"

#include <stdio.h>
#include <string.h>

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/utf8.h"
#include "../base/log.h"
#include "../conn/transport.h"

enum {
	SHOWN_BYTES = 64, /* of a message, in the log */
};

static uint64_t id_of(const struct sessions *sessions, const struct conn *conn)
{
	return conn_table_handle(sessions->conns->table, conn);
}

/* --- login -------------------------------------------------------------------------------------
 */

static void log_login(const struct sessions *sessions, const struct conn *conn, const char *user)
{
	char from[REMOTE_NAME_MAX];
	if (!log_is_enabled(LOG_LEVEL_INFO)) {
		return;
	}
	remote_name(&conn->remote, from);
	log_info(id_of(sessions, conn), "user %s in from %s", user, from);
}

static int make_session(
	struct sessions *sessions, struct conn *conn, const char *user, size_t user_len)
{
	struct user_entry *entry;
	int err = user_entry_create(sessions->users, user, user_len, id_of(sessions, conn), &entry);
	if (err) {
		return err;
	}
	err = fanout_join(sessions->fanout, conn);
	if (err) {
		user_entry_discard(&entry);
		return err;
	}
	conn->user = entry;
	conn->user_hash = user_entry_hash(entry);
	struct user_entry *replaced = user_table_login(sessions->users, entry);
	if (replaced) {
		uint8_t worker = handle_worker(user_entry_handle(replaced));
		mailbox_post(sessions->mailboxes[worker],
			user_entry_kick(replaced, sessions->kick_kind));
	}
	return 0;
}

/* The 101 is queued, the connection is a receiver and in the table before anything is sent: whoever
 * has its 101 gets all that others send from then on. */
static void on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	struct sessions *sessions = owner;
	struct stats *stats = sessions->conns->stats;
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(sessions->conns, conn, answer, handshake_answer(request, answer));
	if (!request->user_valid) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_LOGIN, 0);
		return;
	}
	if (make_session(sessions, conn, request->user, request->user_len) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
		return;
	}
	stats_add(&stats->logins, 1);
	stats_add(&stats->sessions, 1);
	log_login(sessions, conn, request->user);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void log_end(const struct sessions *sessions, const struct conn *conn)
{
	uint64_t id = id_of(sessions, conn);
	enum close_reason reason = conn->reason;
	if (!log_is_enabled(LOG_LEVEL_INFO)) {
		return;
	}
	if (reason != CLOSE_REASON_PEER_CLOSE) {
		char name[REMOTE_PAIR_NAME_MAX];
		struct remote local;
		transport_local(conn, &local);
		remote_pair_name(&local, &conn->remote, name);
		log_info(id, "readloop - read %s: %s", name, close_reason_log(reason));
	}
	if (conn->user) {
		size_t len;
		const char *user = user_entry_name(conn->user, &len);
		log_info(id, "connection of %.*s closed", (int)len, user);
	}
}

static void remember_end(struct sessions *sessions, const struct conn *conn, uint16_t code)
{
	const struct loop *loop = sessions->conns->loop;
	size_t name_len = 0;
	const char *name = conn->user ? user_entry_name(conn->user, &name_len) : "";
	struct ended_entry *entry = ended_next(sessions->ended);
	entry->ended_us = loop->now_us + loop_spent_us(loop);
	entry->age_ms = (uint64_t)(loop->now_tick - conn->state_tick) * LOOP_TICK_MS;
	entry->remote = conn->remote;
	entry->code = code;
	entry->reason = conn->reason;
	entry->worker = handle_worker(id_of(sessions, conn));
	entry->name_len = (uint8_t)name_len;
	memcpy(entry->name, name, name_len);
}

static void on_ended(void *owner, struct conn *conn, uint16_t code)
{
	struct sessions *sessions = owner;
	log_end(sessions, conn);
	if (sessions->ended) {
		remember_end(sessions, conn, code);
	}
	fanout_leave(sessions->fanout, conn);
	if (conn->user) {
		user_table_logout(sessions->users, &conn->user);
		stats_sub(&sessions->conns->stats->sessions, 1);
	}
}

void session_on_kick(struct sessions *sessions, struct mail *mail)
{
	struct user_entry *entry = user_entry_of_kick(mail);
	struct conn *conn = conn_table_find(sessions->conns->table, user_entry_handle(entry));
	if (conn && conn->user == entry) {
		stats_add(&sessions->conns->stats->kicks, 1);
		conn_visit_begin(sessions->conns, conn);
		conn_close(sessions->conns, conn, CLOSE_REASON_KICKED, 0);
		conn_visit_end(sessions->conns, conn);
	}
	user_entry_retire(sessions->users, &entry);
}

void session_dispose_kick(struct user_table *users, struct mail *mail)
{
	struct user_entry *entry = user_entry_of_kick(mail);
	user_entry_retire(users, &entry);
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* As Go prints a byte slice: [0 100 0 0 0 0]. */
static void show_bytes(const uint8_t *data, size_t len, char *ret_text, size_t size)
{
	size_t at = (size_t)snprintf(ret_text, size, "[");
	for (size_t i = 0; i < len && i < SHOWN_BYTES; i++) {
		at += (size_t)snprintf(ret_text + at, size - at, i ? " %u" : "%u", data[i]);
	}
	snprintf(ret_text + at, size - at, len > SHOWN_BYTES ? " ...]" : "]");
}

static void log_message(
	const struct sessions *sessions, const struct conn *conn, const struct message *message)
{
	char bytes[SHOWN_BYTES * 4 + 8];
	size_t user_len;
	const char *user = user_entry_name(conn->user, &user_len);
	if (message->kind == MESSAGE_BINARY) {
		show_bytes(message->data, message->len, bytes, sizeof(bytes));
	} else {
		snprintf(bytes, sizeof(bytes), "%.*s",
			message->len < SHOWN_BYTES ? (int)message->len : SHOWN_BYTES,
			(const char *)message->data);
	}
	log_debug(id_of(sessions, conn), "recv message %s from %.*s", bytes, (int)user_len, user);
}

static void post(struct sessions *sessions, struct conn *conn, enum fanout_format format,
	const uint8_t *text, size_t len)
{
	if (fanout_post(sessions->fanout, format, conn, text, len) < 0) {
		conn_overload(sessions->conns, conn, CLOSE_REASON_OVERLOADED);
	}
}

/* The answer is the ping itself with another command: built where the ping lies. To an empty ping
 * it is always the same, and need not wait for what was just written to be read back. */
static void answer_ping(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	stats_add(&sessions->conns->stats->pings_packet, 1);
	static uint8_t empty_pong[PACKET_HEADER_LEN] = {0, PACKET_PONG};
	if (packet->payload_len == 0) {
		conn_send(sessions->conns, conn, FRAME_BINARY, empty_pong, sizeof(empty_pong), 0);
		return;
	}
	packet_header_write(message->data, PACKET_PONG, packet->payload_len);
	conn_send(sessions->conns, conn, FRAME_BINARY, message->data, message->len,
		message->headroom);
}

static void on_packet(struct sessions *sessions, struct conn *conn, const struct message *message)
{
	struct packet packet;
	if (packet_decode(message->data, message->len, &packet) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
		return;
	}
	log_debug(id_of(sessions, conn), "command: %u payloadLen: %u", packet.command,
		packet.payload_len);
	switch (packet.command) {
	case PACKET_PING:
		conn->flags &= (uint16_t)~CONN_FEEDER;
		if (packet.payload_len > PACKET_PING_PAYLOAD_MAX) {
			conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
			return;
		}
		answer_ping(sessions, conn, message, &packet);
		break;
	case PACKET_PONG:
		break;
	case PACKET_TEXT:
		if (!utf8_valid(packet.payload, packet.payload_len)) {
			conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
			return;
		}
		post(sessions, conn, FANOUT_PACKET, packet.payload, packet.payload_len);
		break;
	default:
		/* From a client newer than this gateway. */
		stats_add(&sessions->conns->stats->unknown_commands, 1);
		break;
	}
}

static void on_message(void *owner, struct conn *conn, const struct message *message)
{
	struct sessions *sessions = owner;
	if (log_is_enabled(LOG_LEVEL_DEBUG)) {
		log_message(sessions, conn, message);
	}
	if (message->kind == MESSAGE_TEXT) {
		post(sessions, conn, FANOUT_TEXT, message->data, message->len);
	} else {
		on_packet(sessions, conn, message);
	}
}

static void on_catch_up(void *owner, struct conn *conn)
{
	struct sessions *sessions = owner;
	fanout_catch_up(sessions->fanout, conn);
}

static size_t may_read(void *owner, const struct conn *conn)
{
	struct sessions *sessions = owner;
	return fanout_may_read(sessions->fanout, conn);
}

const struct conn_ops session_ops = {
	.request = on_request,
	.message = on_message,
	.catch_up = on_catch_up,
	.ended = on_ended,
	.may_read = may_read,
};

/* --- the echo ----------------------------------------------------------------------------------
 */

static void echo_on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	struct sessions *sessions = owner;
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(sessions->conns, conn, answer, handshake_answer(request, answer));
}

static void echo_on_message(void *owner, struct conn *conn, const struct message *message)
{
	struct sessions *sessions = owner;
	conn_send(sessions->conns, conn, message->kind == MESSAGE_TEXT ? FRAME_TEXT : FRAME_BINARY,
		message->data, message->len, message->headroom);
}

static void echo_on_catch_up(void *owner, struct conn *conn)
{
	(void)owner;
	(void)conn;
}

static size_t echo_may_read(void *owner, const struct conn *conn)
{
	(void)owner;
	(void)conn;
	return SIZE_MAX;
}

const struct conn_ops session_echo_ops = {
	.request = echo_on_request,
	.message = echo_on_message,
	.catch_up = echo_on_catch_up,
	.ended = on_ended,
	.may_read = echo_may_read,
};
