#include "tls_send.h"

#include <errno.h>

#include "../../proto/assert.h"
#include "../base/least.h"
#include "outbox.h"
#include "tls_hold.h"
#include "tls_worker.h"

enum {
	/* Bytes of content that are sealed before it is known whether the socket takes anything. */
	FIRST_PLAIN = 16384,
	/* Bytes of content of a record on a stalled line, which may keep the rest of one for long.
	 */
	STALLED_RECORD = 4096,
};

/* Where the content stands that is still to be sealed. */
struct content {
	const struct iovec *piece; /* the present one */
	int count;                 /* of pieces, from it on */
	size_t at;                 /* bytes of it that are sealed */
};

/* What is sealed for one system call. */
struct flight {
	size_t owed_len;   /* bytes of the KeyUpdate in front */
	size_t record_len; /* bytes of content in each record, but for the last */
	uint32_t records;  /* of data */
	size_t plain_len;  /* bytes of content */
	size_t len;        /* bytes, sealed */
};

/* --- sealing -----------------------------------------------------------------------------------
 */

static bool has_more(struct content *content)
{
	while (content->count > 0 && content->at == content->piece->iov_len) {
		content->piece++;
		content->count--;
		content->at = 0;
	}
	return content->count > 0;
}

/* The next `most` bytes of content, or what there is. Returns the number of pieces they lie in. */
static int cut(struct content *content, size_t most, struct iovec *ret_pieces, size_t *ret_len)
{
	int count = 0;
	size_t len = 0;
	while (len < most && count < OUTBOX_PIECES && has_more(content)) {
		size_t step = least(content->piece->iov_len - content->at, most - len);
		ret_pieces[count++] =
			(struct iovec){(uint8_t *)content->piece->iov_base + content->at, step};
		content->at += step;
		len += step;
	}
	*ret_len = len;
	return count;
}

static size_t record_len(const struct conn *conn, const struct tls_line *line)
{
	return conn->tx ? least(STALLED_RECORD, line->fragment_len) : line->fragment_len;
}

/* Returns false without memory; nothing is sealed then. */
static bool seal(struct tls_worker *worker, const struct conn *conn, struct tls_line *line,
	struct content *content, size_t most, struct flight *ret_flight)
{
	struct iovec pieces[OUTBOX_PIECES];
	struct flight flight = {.record_len = record_len(conn, line)};
	ASSERT(!worker->is_packed);
	struct tls_aead *aead = tls_keys_to_write(&worker->keys, conn->index, line);
	if (!aead) {
		return false;
	}
	if (tls_line_owes(line)) {
		flight.len = flight.owed_len = tls_line_seal_owed(line, aead, worker->sealed);
	}
	while (flight.plain_len < most && has_more(content)) {
		size_t len;
		int count = cut(
			content, least(flight.record_len, most - flight.plain_len), pieces, &len);
		flight.len += tls_line_seal(line, aead, pieces, count, worker->sealed + flight.len);
		flight.plain_len += len;
		flight.records++;
	}
	*ret_flight = flight;
	return true;
}

/* --- sending -----------------------------------------------------------------------------------
 */

static ssize_t send_bytes(struct conn *conn, const uint8_t *data, size_t len)
{
	struct iovec piece = {(void *)(uintptr_t)data, len};
	return transport_plain_sendv(conn, &piece, 1);
}

/* Whether all of it has left; errno otherwise. */
static bool send_residue(struct conn *conn, struct tls_line *line)
{
	const size_t len = tls_hold_residue_len(line->hold);
	if (len == 0) {
		return true;
	}
	const ssize_t sent = send_bytes(conn, tls_hold_residue(line->hold), len);
	if (sent < 0) {
		return false;
	}
	tls_hold_pass_residue(&line->hold, (size_t)sent);
	errno = EAGAIN;
	return (size_t)sent == len;
}

/* The socket has taken `sent` bytes of a flight: the record that they end in is the line's, and
 * those behind it never were. `*ret_taken` is the content that it need not be offered again.
 * Errors: -ENOMEM. */
static int keep_rest(struct tls_line *line, const uint8_t *sealed, const struct flight *flight,
	size_t sent, size_t *ret_taken)
{
	const size_t sealed_len = flight->record_len + TLS_OVERHEAD;
	uint32_t begun = 0;
	size_t end = flight->owed_len;
	if (sent > flight->owed_len) {
		begun = (uint32_t)((sent - flight->owed_len + sealed_len - 1) / sealed_len);
		end = least(flight->owed_len + begun * sealed_len, flight->len);
	}
	tls_line_unseal(line, flight->records - begun);
	*ret_taken = least(begun * flight->record_len, flight->plain_len);
	return end > sent ? tls_hold_add_residue(&line->hold, sealed + sent, end - sent) : 0;
}

/* Seals and sends once. Returns whether the socket has taken everything; errno otherwise. */
static bool send_flight(struct conn *conn, struct tls_line *line, struct content *content,
	size_t most, size_t *taken)
{
	struct tls_worker *worker = tls_worker_of(conn);
	struct flight flight;
	size_t now_taken;
	if (!seal(worker, conn, line, content, most, &flight)) {
		errno = ENOTRECOVERABLE;
		return false;
	}
	const ssize_t sent = send_bytes(conn, worker->sealed, flight.len);
	if (sent == (ssize_t)flight.len) {
		*taken += flight.plain_len;
		return true;
	}
	const int why = sent < 0 ? errno : EAGAIN;
	const int err =
		keep_rest(line, worker->sealed, &flight, sent < 0 ? 0 : (size_t)sent, &now_taken);
	*taken += now_taken;
	errno = err ? ENOTRECOVERABLE : why;
	return false;
}

ssize_t tls_send(struct conn *conn, struct iovec *iov, int count)
{
	struct tls_line *line = tls_line_of(conn);
	struct content content = {iov, count, 0};
	size_t taken = 0;
	size_t most = FIRST_PLAIN;
	bool goes_on = send_residue(conn, line);
	if (!goes_on) {
		return -1;
	}
	while (goes_on && (has_more(&content) || tls_line_owes(line))) {
		goes_on = send_flight(conn, line, &content, most, &taken);
		most = TLS_WORKER_PLAIN;
	}
	return goes_on || (taken > 0 && errno != ENOTRECOVERABLE) ? (ssize_t)taken : -1;
}

int tls_send_owed(struct conn *conn)
{
	struct tls_line *line = tls_line_of(conn);
	if (tls_hold_residue_len(line->hold) > 0 || !tls_line_owes(line)) {
		return 0;
	}
	/* Whatever else has happened to the socket, the next read or write will tell. */
	return tls_send(conn, NULL, 0) < 0 && errno == ENOTRECOVERABLE ? -ENOMEM : 0;
}

void tls_send_alert(struct conn *conn, enum tls_alert alert)
{
	struct tls_line *line = tls_line_of(conn);
	struct tls_worker *worker = tls_worker_of(conn);
	ASSERT(!worker->is_packed);
	struct tls_aead *aead = tls_keys_to_write(&worker->keys, conn->index, line);
	if (aead && send_residue(conn, line)) {
		send_bytes(conn, worker->sealed,
			tls_line_seal_alert(line, aead, alert, worker->sealed));
	}
}
