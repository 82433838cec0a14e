#include "commands.h"

#include <stdio.h>

#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/utf8.h"
#include "../base/log.h"
#include "../conn/send.h"
#include "measure.h"
#include "refresh.h"
#include "session_log.h"
#include "session_token.h"
#include "talk.h"

enum {
	SHOWN_BYTES = 64, /* of a message, in the log */
};

/* As Go prints a byte slice: [0 100 0 0 0 0]. */
static void show_bytes(const uint8_t *data, size_t len, char *ret_text, size_t size)
{
	size_t at = (size_t)snprintf(ret_text, size, "[");
	for (size_t i = 0; i < len && i < SHOWN_BYTES; i++) {
		at += (size_t)snprintf(ret_text + at, size - at, i ? " %u" : "%u", data[i]);
	}
	snprintf(ret_text + at, size - at, len > SHOWN_BYTES ? " ...]" : "]");
}

/* How much of a message may be shown: of a packet that brings a token no more than what it is. */
static size_t shown_len(const struct message *message)
{
	const bool is_token =
		message->len >= PACKET_HEADER_LEN && load_be16(message->data) == PACKET_TOKEN;
	return is_token ? PACKET_HEADER_LEN : message->len;
}

static void log_message(
	const struct sessions *sessions, const struct conn *conn, const struct message *message)
{
	char bytes[SHOWN_BYTES * 4 + 8];
	char name[SESSION_LOG_NAME_MAX];
	session_log_name(conn->user, name);
	if (message->kind == MESSAGE_BINARY) {
		show_bytes(message->data, shown_len(message), bytes, sizeof(bytes));
	} else {
		snprintf(bytes, sizeof(bytes), "%.*s",
			message->len < SHOWN_BYTES ? (int)message->len : SHOWN_BYTES,
			(const char *)message->data);
	}
	log_debug(sessions_id(sessions, conn), "recv message %s from %s", bytes, name);
}

/* Most have no token, and no call is made for them. */
static bool may_speak_to_all(const struct sessions *sessions, const struct conn *conn)
{
	const struct rights *rights = session_rights(conn);
	return sessions->may_broadcast && (!rights || rights_may_broadcast(rights));
}

/* A classic client can be told in no other way. */
static void refuse_text(struct sessions *sessions, struct conn *conn)
{
	if (conn->flags & CONN_V1) {
		talk_refuse_text(sessions, conn);
	} else {
		conn_close(sessions->conns, conn, CLOSE_REASON_NOT_ALLOWED, 0);
	}
}

static void post(struct sessions *sessions, struct conn *conn, uint16_t command,
	const uint8_t *text, size_t len)
{
	if (!may_speak_to_all(sessions, conn)) {
		refuse_text(sessions, conn);
	} else if (fanout_post(sessions->fanout, command, conn, text, len) < 0) {
		conn_overload(sessions->conns, conn, CLOSE_REASON_OVERLOADED);
	}
}

/* --- one on_NAME for each row of packet.def ----------------------------------------------------
 */

/* The answer is the ping itself with another command: built where the ping lies. To an empty ping
 * it is always the same, and need not wait for what was just written to be read back. */
static void on_ping(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	static uint8_t empty_pong[PACKET_HEADER_LEN] = {0, PACKET_PONG};
	if (packet->payload_len > PACKET_PING_PAYLOAD_MAX) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
		return;
	}
	stats_add(&sessions->conns->stats->pings_packet, 1);
	if (packet->payload_len == 0) {
		conn_send(sessions->conns, conn, FRAME_BINARY, empty_pong, sizeof(empty_pong), 0);
		return;
	}
	packet_header_write(message->data, PACKET_PONG, packet->payload_len);
	conn_send(sessions->conns, conn, FRAME_BINARY, message->data, message->len,
		message->headroom);
}

static void on_text(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
	if (!utf8_valid(packet->payload, packet->payload_len)) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
		return;
	}
	post(sessions, conn, PACKET_TEXT, packet->payload, packet->payload_len);
}

/* What only the gateway sends. */
static void ignore(struct sessions *sessions, struct conn *conn, const struct message *message,
	const struct packet *packet)
{
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Heartbeats are free. Tokens are counted where they are not judged, a say where it can be refused.
 */
static bool is_counted(const struct conn *conn, uint16_t command)
{
	const bool is_for_v1 = command == PACKET_TOKEN || command == PACKET_SAY;
	return command != PACKET_PING && !(is_for_v1 && conn->flags & CONN_V1);
}

static void on_packet(struct sessions *sessions, struct conn *conn, const struct message *message)
{
	struct packet packet;
	if (packet_decode(message->data, message->len, &packet) < 0) {
		conn_close(sessions->conns, conn, CLOSE_REASON_BAD_PACKET, 0);
		return;
	}
	log_debug(sessions_id(sessions, conn), "command: %u payloadLen: %u", packet.command,
		packet.payload_len);
	if (is_counted(conn, packet.command) && !measure_count(sessions, conn, message->len)) {
		return;
	}
	switch (packet.command) {
#define CLASSIC true
#define V1      (conn->flags & CONN_V1)
#define PACKET(name, number, speaks, from, on, payload, meaning)                                   \
	case PACKET_##name:                                                                        \
		if (speaks) {                                                                      \
			on(sessions, conn, message, &packet);                                      \
			return;                                                                    \
		}                                                                                  \
		break;
#include "../../proto/packet.def"
#undef CLASSIC
#undef V1
	}
	/* From a client newer than this gateway, or than what it has offered to speak. */
	stats_add(&sessions->conns->stats->unknown_commands, 1);
}

void commands_on_message(void *owner, struct conn *conn, const struct message *message)
{
	struct sessions *sessions = owner;
	if (log_is_enabled(LOG_LEVEL_DEBUG)) {
		log_message(sessions, conn, message);
	}
	if (message->kind != MESSAGE_TEXT) {
		on_packet(sessions, conn, message);
	} else if (measure_count(sessions, conn, message->len)) {
		post(sessions, conn, 0, message->data, message->len);
	}
}
