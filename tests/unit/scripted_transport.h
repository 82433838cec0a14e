/* A layer over the socket that does what a layer of sealed records may do, as a script wants it:
 * records that carry nothing, halves of records, a residue behind what was taken, an end without a
 * farewell. So nothing above the seam can believe what holds for plain sockets only.
 *
 *	on the wire:  kind (1 byte), length (2 bytes, big-endian), that many bytes, each XOR SEAL
 *
 * A script_pump() at the far end speaks plain with a client of the rig and records with the
 *gateway.
 */
#ifndef TIDEGATE_SCRIPTED_TRANSPORT_H
#define TIDEGATE_SCRIPTED_TRANSPORT_H

#include "../../server/conn/reader.h"
#include "../../server/conn/transport.h"
#include "conn_rig.h"

enum {
	RECORD_HEADER = 3,
	RECORD_MOST = 16384, /* bytes a record carries */
	RECORD_SEAL = 0x5a,
	RECORD_DATA = 'D',
	RECORD_EMPTY = 'N', /* the layer's own: carries nothing up */
	RECORD_ASK = 'A',   /* the same, and wants a RECORD_EMPTY back */
	RECORD_END = 'E',   /* nothing comes behind it */
};

/* The gateway's end of one layered line. */
struct script {
	size_t record_most; /* bytes it puts into one record */
	size_t wire_most;   /* bytes the "socket" takes until the next script_pump */
	size_t wire_left;
	uint8_t in[RECORD_HEADER + RECORD_MOST];
	size_t in_len;
	size_t in_given; /* of a whole record's bytes, those handed up */
	uint8_t residue[RECORD_HEADER + RECORD_MOST];
	size_t residue_len;
	bool owes_answer;
	bool has_hung_up; /* the peer's farewell has come, of which the socket knows nothing */
	int64_t sealed;   /* bytes that have left: progress */
	int shutdowns;
	int closes;
	int far;              /* the pump's end of the records */
	struct client client; /* never logged in itself: holds what the pump read of records */
	int plain;            /* the pump's end towards the rig's client */
	size_t cut_most;      /* bytes of plain that the pump puts into one record */
	size_t piece_most; /* bytes that the pump writes at once, the gateway working in between */
	uint8_t out[1 << 20]; /* records on their way to the gateway */
	size_t out_len;
};

static inline struct script *script_of(const struct conn *conn)
{
	return conn->extra->transport_state;
}

/* --- the gateway's end: the layer --------------------------------------------------------------
 */

static inline size_t script_length(const uint8_t *record)
{
	return (size_t)record[1] << 8 | record[2];
}

/* Reads on until the record is whole. Returns what read(2) does at its end; 1 when it is. */
static inline ssize_t script_read_record(struct conn *conn, struct script *script)
{
	for (;;) {
		size_t whole = script->in_len < RECORD_HEADER
				       ? RECORD_HEADER
				       : RECORD_HEADER + script_length(script->in);
		if (script->in_len >= RECORD_HEADER && script->in_len == whole) {
			return 1;
		}
		ssize_t len =
			recv(conn->fd, script->in + script->in_len, whole - script->in_len, 0);
		if (len <= 0) {
			return len;
		}
		script->in_len += (size_t)len;
	}
}

static inline void script_write_residue(struct conn *conn, struct script *script)
{
	size_t len =
		script->residue_len < script->wire_left ? script->residue_len : script->wire_left;
	if (len > 0) {
		ssize_t sent = send(conn->fd, script->residue, len, MSG_NOSIGNAL);
		len = sent > 0 ? (size_t)sent : 0;
	}
	script->wire_left -= len;
	script->sealed += (int64_t)len;
	script->residue_len -= len;
	memmove(script->residue, script->residue + len, script->residue_len);
}

static inline void script_seal(struct script *script, uint8_t kind, const uint8_t *data, size_t len)
{
	assert_int_equal(script->residue_len, 0);
	script->residue[0] = kind;
	script->residue[1] = (uint8_t)(len >> 8);
	script->residue[2] = (uint8_t)len;
	for (size_t i = 0; i < len; i++) {
		script->residue[RECORD_HEADER + i] = data[i] ^ RECORD_SEAL;
	}
	script->residue_len = RECORD_HEADER + len;
}

static inline void script_answer(struct conn *conn, struct script *script)
{
	script_write_residue(conn, script);
	if (script->owes_answer && script->residue_len == 0) {
		script->owes_answer = false;
		script_seal(script, RECORD_EMPTY, NULL, 0);
		script_write_residue(conn, script);
	}
}

static inline struct transport_read script_hand_up(
	struct script *script, uint8_t *buffer, size_t most)
{
	size_t left = script->in_len - RECORD_HEADER - script->in_given;
	size_t len = left < most ? left : most;
	for (size_t i = 0; i < len; i++) {
		buffer[i] = script->in[RECORD_HEADER + script->in_given + i] ^ RECORD_SEAL;
	}
	script->in_given += len;
	if (len == left) {
		script->in_len = script->in_given = 0;
	}
	/* There may be another record: no event will tell. */
	return (struct transport_read){
		.data = buffer, .len = len, .more = true, .status = TRANSPORT_DATA};
}

static inline struct transport_read script_recv(struct conn *conn, uint8_t *buffer, size_t most)
{
	struct script *script = script_of(conn);
	ssize_t got = script_read_record(conn, script);
	if (got == 0) {
		return transport_ended(CLOSE_REASON_TLS_TRUNCATED);
	}
	if (got < 0 && errno == EAGAIN) {
		return (struct transport_read){.status = TRANSPORT_NOTHING};
	}
	if (got < 0) {
		return transport_ended(CLOSE_REASON_PEER_RESET);
	}
	switch (script->in[0]) {
	case RECORD_DATA:
		return script_hand_up(script, buffer, most);
	case RECORD_ASK:
		script->owes_answer = true;
		script_answer(conn, script);
		return script_hand_up(script, buffer, most);
	case RECORD_EMPTY:
		return script_hand_up(script, buffer, most);
	case RECORD_END:
		return transport_ended(CLOSE_REASON_PEER_EOF);
	default:
		return transport_ended(CLOSE_REASON_TLS_RECORD);
	}
}

static inline bool script_is_pending(const struct conn *conn)
{
	const struct script *script = script_of(conn);
	return script->residue_len > 0 || script->owes_answer;
}

static inline ssize_t script_sendv(struct conn *conn, struct iovec *iov, int count)
{
	struct script *script = script_of(conn);
	ssize_t taken = 0;
	script_answer(conn, script);
	for (int i = 0; i < count; i++) {
		for (size_t at = 0; at < iov[i].iov_len;) {
			if (script_is_pending(conn)) {
				errno = EAGAIN;
				return taken > 0 ? taken : -1;
			}
			size_t len = iov[i].iov_len - at;
			len = len < script->record_most ? len : script->record_most;
			script_seal(
				script, RECORD_DATA, (const uint8_t *)iov[i].iov_base + at, len);
			script_write_residue(conn, script);
			at += len;
			taken += (ssize_t)len;
		}
	}
	return taken;
}

static inline size_t script_unread(const struct conn *conn)
{
	return transport_plain_unread(conn);
}

static inline bool script_has_hung_up(const struct conn *conn)
{
	return script_of(conn)->has_hung_up || transport_plain_has_hung_up(conn);
}

static inline bool script_progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken)
{
	*ret_taken = script_of(conn)->sealed;
	return true;
}

static inline void script_add_held(const struct conn *conn, struct holding *holding)
{
	holding->held[BUDGET_QUEUES] += script_of(conn)->residue_len;
}

static inline int script_shutdown(struct conn *conn)
{
	script_of(conn)->shutdowns++;
	return transport_plain_shutdown(conn);
}

static inline void script_close(struct conn *conn, bool reset)
{
	script_of(conn)->closes++;
	transport_plain_close(conn, reset);
}

static const struct transport_ops script_ops = {
	.recv = script_recv,
	.sendv = script_sendv,
	.is_pending = script_is_pending,
	.unread = script_unread,
	.has_hung_up = script_has_hung_up,
	.progress = script_progress,
	.shutdown = script_shutdown,
	.add_held = script_add_held,
	.close = script_close,
};

/* --- the far end -------------------------------------------------------------------------------
 */

/* A connection whose bytes go through `script`, which is zero but for its sizes. */
static inline struct client *script_connect(struct rig *rig, uint32_t worker, struct script *script)
{
	int plain[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, plain), 0);
	struct client *client = rig_connect_tcp(rig, worker);
	script->far = client->fd;
	script->client = (struct client){.fd = client->fd};
	script->plain = plain[0];
	script->wire_left = script->wire_most;
	client->fd = plain[1];
	assert_int_equal(transport_layer(client_conn(rig, client), &script_ops, script), 0);
	return client;
}

/* Puts a record of the far end on its way. */
static inline void script_put(struct script *script, uint8_t kind, const uint8_t *data, size_t len)
{
	uint8_t *at = script->out + script->out_len;
	assert_true(script->out_len + RECORD_HEADER + len <= sizeof(script->out));
	at[0] = kind;
	at[1] = (uint8_t)(len >> 8);
	at[2] = (uint8_t)len;
	for (size_t i = 0; i < len; i++) {
		at[RECORD_HEADER + i] = data[i] ^ RECORD_SEAL;
	}
	script->out_len += RECORD_HEADER + len;
}

/* Seals what the client has said. Returns whether it said anything. */
static inline bool script_seal_for_gateway(struct script *script)
{
	uint8_t data[RECORD_MOST];
	ssize_t len = recv(script->plain, data, script->cut_most, MSG_DONTWAIT);
	if (len <= 0) {
		return false;
	}
	script_put(script, RECORD_DATA, data, (size_t)len);
	return true;
}

/* A piece of what is on its way. */
static inline bool script_write_piece(struct script *script)
{
	size_t len = script->out_len < script->piece_most ? script->out_len : script->piece_most;
	if (len == 0 || script->far < 0) {
		return false;
	}
	ssize_t sent = send(script->far, script->out, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent <= 0) {
		return false;
	}
	script->out_len -= (size_t)sent;
	memmove(script->out, script->out + sent, script->out_len);
	return true;
}

/* Opens what the gateway has sent, as far as records are whole, and hands it to the client. */
static inline bool script_open_for_client(struct script *script)
{
	struct client *wire = &script->client;
	uint8_t opened[2 * RECORD_MOST];
	size_t opened_len = 0;
	bool moved = script->far >= 0 && client_pump(wire);
	while (wire->in_len - wire->in_at >= RECORD_HEADER) {
		const uint8_t *record = wire->in + wire->in_at;
		size_t len = script_length(record);
		if (wire->in_len - wire->in_at < RECORD_HEADER + len ||
			opened_len + len > sizeof(opened)) {
			break;
		}
		for (size_t i = 0; i < len; i++) {
			opened[opened_len + i] = record[RECORD_HEADER + i] ^ RECORD_SEAL;
		}
		opened_len += record[0] == RECORD_DATA ? len : 0;
		wire->in_at += RECORD_HEADER + len;
		moved = true;
	}
	if (opened_len > 0) {
		assert_int_equal(send(script->plain, opened, opened_len, 0), opened_len);
	}
	return moved;
}

/* Moves bytes both ways once, and lets the gateway's "socket" take some more. */
static inline bool script_pump(struct rig *rig, struct client *client, struct script *script)
{
	bool moved = script_seal_for_gateway(script);
	moved |= script_write_piece(script);
	moved |= script_open_for_client(script);
	struct conn *conn = client_conn(rig, client);
	script->wire_left = script->wire_most;
	if (conn && conn->tx && script->wire_most > 0) {
		reader_on_events(rig_conns(rig, client->worker), client->handle, EPOLLOUT);
		moved = true;
	}
	return moved;
}

/* Until nobody has anything to do. */
static inline void script_run(struct rig *rig, struct client *client, struct script *script)
{
	do {
		rig_run(rig);
	} while (script_pump(rig, client, script));
}

static inline void script_finish(struct script *script)
{
	close(script->far);
	close(script->plain);
	free(script->client.in);
}

#endif
