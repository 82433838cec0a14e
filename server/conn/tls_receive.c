#include "tls_receive.h"

#include <string.h>

#include "../../proto/assert.h"
#include "../base/least.h"
#include "reader.h"
#include "tls_hold.h"
#include "tls_send.h"
#include "tls_worker.h"

enum {
	/* What opening costs whatever a record holds, and a KeyUpdate, by OpenSSL's HKDF; about a
	 * hundred a microsecond. */
	RECORD_EFFORT = 20,
	UPDATE_EFFORT = 500,
	EFFORT_MAX = 10000,
	/* Records of the line's own, as KeyUpdates, of one read: more are a flood, however much
	 * data lies between them, and others would wait for it. Clients change a key each 2^24
	 * records, or each GB. */
	OWN_MAX = 64,
};

/* What the records of one read held, moved together. */
struct opened {
	uint8_t *data;
	size_t len;
	uint32_t effort;
	uint32_t own; /* records that were the line's own */
};

/* --- the end -----------------------------------------------------------------------------------
 */

/* It is over, once what came before that is acted upon. `alert` is ours; 0: none is due. */
static void note_end(struct tls_line *line, enum close_reason reason, uint8_t alert)
{
	line->reason = (uint8_t)reason;
	line->alert = alert;
}

static struct transport_read tell_end(struct conn *conn, struct tls_line *line)
{
	if (line->alert) {
		tls_send_alert(conn, (enum tls_alert)line->alert);
		line->alert = 0;
	}
	return transport_ended((enum close_reason)line->reason);
}

/* The socket has ended it. */
static struct transport_read cut_off(struct tls_line *line, enum close_reason reason)
{
	note_end(line, reason == CLOSE_REASON_PEER_EOF ? CLOSE_REASON_TLS_TRUNCATED : reason, 0);
	return transport_ended((enum close_reason)line->reason);
}

/* --- records -----------------------------------------------------------------------------------
 */

static void append(struct opened *opened, uint8_t *data, size_t len)
{
	if (opened->len == 0) {
		opened->data = data;
	} else {
		memmove(opened->data + opened->len, data, len);
	}
	opened->len += len;
}

/* One whole record. */
static void open_record(struct tls_line *line, struct tls_aead *aead, uint8_t *record, size_t len,
	struct opened *opened)
{
	size_t data_len;
	uint8_t alert;
	opened->effort += RECORD_EFFORT;
	switch (tls_line_open(line, aead, record, len, &data_len, &alert)) {
	case TLS_EVENT_DATA:
		append(opened, record + TLS_HEADER_LEN, data_len);
		break;
	case TLS_EVENT_NOTHING:
		opened->effort += UPDATE_EFFORT;
		if (++opened->own > OWN_MAX) {
			note_end(line, CLOSE_REASON_TLS_RECORD, TLS_ALERT_UNEXPECTED_MESSAGE);
		}
		break;
	case TLS_EVENT_CLOSE_NOTIFY:
		note_end(line, CLOSE_REASON_PEER_EOF, 0);
		break;
	case TLS_EVENT_FATAL_ALERT:
		note_end(line, CLOSE_REASON_TLS_ALERT, 0);
		break;
	case TLS_EVENT_BROKEN:
		note_end(line, CLOSE_REASON_TLS_RECORD, alert);
		break;
	}
}

/* All that are whole. Returns the bytes that they took. */
static size_t open_records(
	struct conn *conn, struct tls_line *line, uint8_t *data, size_t len, struct opened *opened)
{
	struct tls_aead *aead = NULL;
	size_t at = 0;
	while (line->reason == CLOSE_REASON_NONE && len - at >= TLS_HEADER_LEN) {
		const int record_len = tls_record_len(data + at);
		if (record_len < 0) {
			note_end(line, CLOSE_REASON_TLS_RECORD, (uint8_t)-record_len);
			break;
		}
		if (len - at < (size_t)record_len) {
			break;
		}
		if (!aead) {
			aead = tls_keys_to_read(&tls_worker_of(conn)->keys, conn->index, line);
		}
		if (!aead) {
			note_end(line, CLOSE_REASON_INTERNAL_ERROR, TLS_ALERT_INTERNAL_ERROR);
			break;
		}
		open_record(line, aead, data + at, (size_t)record_len, opened);
		at += (size_t)record_len;
	}
	return at;
}

/* --- half a record -----------------------------------------------------------------------------
 */

/* Whether more can be said of the record that half of has come: it is whole, or refused. */
static bool is_ripe(const struct tls_hold *hold, const uint8_t *more, size_t more_len)
{
	uint8_t header[TLS_HEADER_LEN];
	const size_t half_len = tls_hold_half_len(hold);
	if (half_len + more_len < TLS_HEADER_LEN) {
		return false;
	}
	const size_t front = least(half_len, TLS_HEADER_LEN);
	memcpy(header, hold->half.bytes, front);
	memcpy(header + front, more, TLS_HEADER_LEN - front);
	const int record_len = tls_record_len(header);
	return record_len < 0 || half_len + more_len >= (size_t)record_len;
}

static void keep_half(struct tls_line *line, const uint8_t *data, size_t len)
{
	if (len > 0 && tls_hold_add_half(&line->hold, data, len) < 0) {
		note_end(line, CLOSE_REASON_INTERNAL_ERROR, TLS_ALERT_INTERNAL_ERROR);
	}
}

/* --- a read ------------------------------------------------------------------------------------
 */

/* Opens what has come, of which `more` bytes, at the end, have come now. */
static struct opened open_all(
	struct conn *conn, struct tls_line *line, uint8_t *buffer, size_t half_len, size_t more)
{
	struct opened opened = {.len = 0};
	if (half_len > 0 && !is_ripe(line->hold, buffer + half_len, more)) {
		keep_half(line, buffer + half_len, more);
		return opened;
	}
	if (half_len > 0) {
		tls_hold_take_half(&line->hold, buffer);
	}
	const size_t len = half_len + more;
	const size_t used = open_records(conn, line, buffer, len, &opened);
	if (line->reason == CLOSE_REASON_NONE) {
		keep_half(line, buffer + used, len - used);
	}
	return opened;
}

/* Seals nothing behind our close_notify. */
static void answer(struct conn *conn, struct tls_line *line)
{
	if (tls_line_owes(line) && line->reason == CLOSE_REASON_NONE &&
		!(conn->flags & CONN_FIN_SENT) && tls_send_owed(conn) < 0) {
		note_end(line, CLOSE_REASON_INTERNAL_ERROR, 0);
	}
}

/* Of records that hold next to nothing many fit into one read: it has taken long, and the next is
 * to be short. */
static void note_effort(struct conns *conns, struct conn *conn, uint32_t effort)
{
	if (effort > EFFORT_MAX) {
		conn->read_shift = 0;
		reader_note_work(conns);
	}
}

struct transport_read tls_receive(struct conn *conn, uint8_t *buffer, size_t most)
{
	struct tls_line *line = tls_line_of(conn);
	ASSERT(!tls_worker_of(conn)->is_packed);
	if (line->reason != CLOSE_REASON_NONE) {
		return tell_end(conn, line);
	}
	const size_t half_len = tls_hold_half_len(line->hold);
	struct transport_read got = transport_plain_recv(
		conn, buffer + half_len, least(most, CONN_READ_BUFFER - half_len));
	if (got.status == TRANSPORT_ENDED) {
		return cut_off(line, got.reason);
	}
	if (got.status == TRANSPORT_NOTHING) {
		return got;
	}
	const struct opened opened = open_all(conn, line, buffer, half_len, got.len);
	note_effort(tls_worker_of(conn)->conns, conn, opened.effort);
	answer(conn, line);
	if (tls_hold_half_len(line->hold) != half_len) {
		conn_note_held(tls_worker_of(conn)->conns, conn);
		if (conn->state == CONN_DEAD) {
			return (struct transport_read){.status = TRANSPORT_NOTHING};
		}
	}
	if (line->reason != CLOSE_REASON_NONE && opened.len == 0) {
		return tell_end(conn, line);
	}
	return (struct transport_read){.data = opened.data,
		.len = opened.len,
		.more = got.more || line->reason != CLOSE_REASON_NONE,
		.status = TRANSPORT_DATA};
}
