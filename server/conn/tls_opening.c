#include "tls_opening.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../../proto/other_protocol.h"
#include "../../proto/tls_record.h"
#include "../base/log.h"
#include "../tls/hello.h"
#include "admission.h"
#include "opening.h"
#include "reader.h"
#include "tls_away.h"
#include "tls_worker.h"
#include "transport_tls.h"

enum {
	/* Anybody can cause them, without a login. */
	FAILURES_LOGGED_PER_S = 20,
};

static struct conns *conns_of(const struct tls_newcomer *newcomer)
{
	return newcomer->worker->conns;
}

/* Takes bytes from the kernel that are of no more use: as many, or those that are there. */
static void take(struct tls_newcomer *newcomer, size_t len)
{
	uint8_t *buffer = conns_of(newcomer)->reading.buffer;
	while (len > 0) {
		const ssize_t taken = recv(newcomer->conn->fd, buffer, len, 0);
		if (taken <= 0) {
			return;
		}
		len -= (size_t)taken;
	}
}

/* --- ends --------------------------------------------------------------------------------------
 */

static void let_go(struct tls_newcomer *newcomer)
{
	tls_handshake_destroy(&newcomer->handshake);
	tls_desk_leave(&newcomer->worker->desk, newcomer);
}

void tls_opening_drop(struct tls_newcomer *newcomer)
{
	if (newcomer->handshake || newcomer->stage == TLS_AWAY) {
		stats_add(&conns_of(newcomer)->stats->tls_failed, 1);
	}
	let_go(newcomer);
}

/* Of part of our answer it would make no more than of an alert in clear: then it hears nothing. */
void tls_opening_tell(struct tls_newcomer *newcomer)
{
	uint8_t record[TLS_ALERT_RECORD_LEN];
	if (!newcomer->has_answer || newcomer->is_told) {
		return;
	}
	newcomer->is_told = true;
	if (newcomer->handshake && !tls_opening_is_pending(newcomer)) {
		const size_t len = tls_handshake_seal_alert(newcomer->handshake, record);
		take(newcomer, TLS_RECORD_MAX); /* else the close is a reset, which overtakes it */
		send(newcomer->conn->fd, record, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

/* Its seat is free at once. */
static void end(struct tls_newcomer *newcomer, enum close_reason reason)
{
	tls_opening_tell(newcomer);
	tls_opening_drop(newcomer);
	conn_vanish(conns_of(newcomer), newcomer->conn, reason);
}

static void log_end(const struct tls_newcomer *newcomer, struct log_tally *tally, const char *kind,
	const char *words)
{
	const struct conns *conns = conns_of(newcomer);
	char from[REMOTE_NAME_MAX];
	if (log_admits(tally, LOG_LEVEL_INFO, kind)) {
		remote_name(&newcomer->conn->remote, from);
		log_write(LOG_LEVEL_INFO, conn_table_handle(conns->table, newcomer->conn),
			"no TLS with %s: %s", from, words);
	}
}

static enum close_reason reason_of(enum tls_failure failure)
{
	switch (failure) {
	case TLS_FAILURE_VERSION:
		return CLOSE_REASON_TLS_VERSION;
	case TLS_FAILURE_ALERT:
		return CLOSE_REASON_TLS_ALERT;
	case TLS_FAILURE_OURS:
		return CLOSE_REASON_INTERNAL_ERROR;
	default:
		return CLOSE_REASON_TLS_HANDSHAKE;
	}
}

/* Its client has gone in the middle of it. */
static void abandon(struct tls_newcomer *newcomer)
{
	end(newcomer, CLOSE_REASON_TLS_HANDSHAKE);
}

/* The alert, where there is one, has been written. */
static void fail(struct tls_newcomer *newcomer)
{
	static struct log_tally tally = LOG_TALLY(FAILURES_LOGGED_PER_S);
	const struct tls_fault fault = tls_handshake_fault(newcomer->handshake);
	char words[TLS_FAULT_WORDS_MAX];
	tls_fault_words(&fault, words);
	log_end(newcomer, &tally, "TLS handshake failed", words);
	newcomer->is_told = true;
	take(newcomer, TLS_RECORD_MAX); /* else the close is a reset, which overtakes the alert */
	end(newcomer, reason_of(fault.failure));
}

/* What has come is no hello. A request gets an answer that its sender can read. The newcomer is
 * gone then. */
static void refuse_plain(struct tls_newcomer *newcomer, enum hello_kind kind, struct slice begun)
{
	static struct log_tally tally = LOG_TALLY(FAILURES_LOGGED_PER_S);
	struct conns *conns = conns_of(newcomer);
	struct conn *conn = newcomer->conn;
	if (kind == HELLO_HTTP) {
		const int err = tls_worker_leave(newcomer->worker, conn);
		transport_strip(conn);
		tls_opening_drop(newcomer);
		free(newcomer);
		if (err) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
			return;
		}
		opening_refuse_plain(conns, conn);
		reader_go_on(conns, conn); /* what it still sends is thrown away */
		return;
	}
	const char *advice = other_protocol_advice(begun);
	log_end(newcomer, &tally, "no TLS on a TLS port", advice ? advice : "it speaks none");
	newcomer->is_told = true;
	take(newcomer, begun.len);
	end(newcomer, CLOSE_REASON_TLS_PLAIN);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* What has come so far, which stays where it is, in the worker's buffer as well. Returns false
 * where there is nothing, which may be the end. */
static bool look(struct tls_newcomer *newcomer, struct slice *ret_begun)
{
	struct conns *conns = conns_of(newcomer);
	uint8_t *buffer = conns->reading.buffer;
	const ssize_t len = recv(newcomer->conn->fd, buffer, TLS_RECORD_MAX, MSG_PEEK);
	if (len > 0) {
		*ret_begun = (struct slice){(const char *)buffer, (size_t)len};
		return true;
	}
	if (len == 0 && newcomer->handshake) {
		abandon(newcomer);
	} else if (len == 0) {
		end(newcomer, CLOSE_REASON_PEER_EOF);
	} else if (errno != EAGAIN && errno != EINTR) {
		end(newcomer, CLOSE_REASON_PEER_RESET);
	}
	return false;
}

bool tls_opening_is_pending(const struct tls_newcomer *newcomer)
{
	return newcomer->handshake && tls_handshake_output(newcomer->handshake).len > 0;
}

int tls_opening_write(struct tls_newcomer *newcomer)
{
	while (tls_opening_is_pending(newcomer)) {
		const struct slice output = tls_handshake_output(newcomer->handshake);
		const ssize_t sent =
			send(newcomer->conn->fd, output.data, output.len, MSG_NOSIGNAL);
		if (sent < 0) {
			return errno == EAGAIN ? 0 : -errno;
		}
		tls_handshake_sent(newcomer->handshake, (size_t)sent);
	}
	return 0;
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* Returns whether the line is open. */
static bool open_line(struct tls_newcomer *newcomer)
{
	struct conns *conns = conns_of(newcomer);
	struct conn *conn = newcomer->conn;
	struct tls_secrets secrets;
	tls_handshake_secrets(newcomer->handshake, &secrets);
	int err = tls_worker_leave(newcomer->worker, conn);
	if (!err) {
		err = transport_tls_open(conns, conn, &secrets);
	}
	tls_secrets_wipe(&secrets);
	if (err) {
		end(newcomer, CLOSE_REASON_INTERNAL_ERROR);
		return false;
	}
	stats_add(&conns->stats->tls_done, 1);
	let_go(newcomer);
	free(newcomer);
	return true;
}

/* Once we have answered, its client has time for its own answer. */
static void note_answer(struct tls_newcomer *newcomer)
{
	if (!newcomer->has_answer && tls_handshake_has_answered(newcomer->handshake)) {
		newcomer->has_answer = true;
		newcomer->asked_ms = conns_of(newcomer)->loop->now_ms;
	}
}

/* Of the bytes that were fed some were used. Returns whether the line is open. */
static bool on_progress(
	struct tls_newcomer *newcomer, enum tls_progress progress, size_t fed, size_t used)
{
	take(newcomer, used);
	newcomer->seen = (uint32_t)(fed - used);
	if (tls_opening_write(newcomer) < 0) {
		end(newcomer, CLOSE_REASON_PEER_RESET);
	} else if (progress == TLS_HANDSHAKE_DONE) {
		return open_line(newcomer);
	} else if (progress == TLS_HANDSHAKE_FAILED) {
		fail(newcomer);
	} else if (newcomer->conn->flags & CONN_HUNG_UP) {
		abandon(newcomer);
	} else {
		note_answer(newcomer);
		tls_desk_await(&newcomer->worker->desk, newcomer);
	}
	return false;
}

/* Part of a record is nothing to go on with. */
static bool has_record(struct slice begun)
{
	const size_t len = hello_record_len((const uint8_t *)begun.data, begun.len);
	return len > 0 && len <= begun.len;
}

/* Goes on with its handshake; a signature that takes long is a thread's, for which it may have to
 * wait. Returns whether the line is open. */
static bool feed(struct tls_newcomer *newcomer, struct slice begun)
{
	struct tls_worker *worker = newcomer->worker;
	const uint8_t *data = (const uint8_t *)begun.data;
	if (newcomer->is_slow && !newcomer->has_answer && has_record(begun)) {
		if (!tls_away_send(newcomer, data, begun.len)) {
			tls_desk_wait(&worker->desk, newcomer, worker->conns->loop->now_ms);
		}
		return false;
	}
	size_t used;
	const enum tls_progress progress =
		tls_handshake_feed(newcomer->handshake, data, begun.len, &used);
	reader_note_work(worker->conns);
	return on_progress(newcomer, progress, begun.len, used);
}

/* More has come for its handshake. Returns whether the line is open. */
static bool go_on(struct tls_newcomer *newcomer)
{
	struct slice begun;
	if (look(newcomer, &begun)) {
		return feed(newcomer, begun);
	}
	if (newcomer->has_seat && newcomer->stage == TLS_WAITING) {
		tls_desk_await(&newcomer->worker->desk, newcomer);
	}
	return false;
}

/* What has come is no whole hello: the rest of it is awaited, at no cost. */
static void send_back(struct tls_newcomer *newcomer, size_t seen)
{
	tls_desk_take_out(&newcomer->worker->desk, newcomer);
	newcomer->stage = TLS_SHUT;
	newcomer->seen = (uint32_t)seen;
}

/* Returns whether the line is open. */
static bool begin(struct tls_newcomer *newcomer, struct tls_contexts *contexts, struct slice begun)
{
	struct tls_worker *worker = newcomer->worker;
	struct conns *conns = worker->conns;
	if (admission_is_refused(conns, newcomer->conn) &&
		!tls_quota_take_refusal(worker->desk.quota, conns->loop->now_us)) {
		stats_add(&conns->stats->tls_refused, 1);
		end(newcomer, CLOSE_REASON_TLS_REFUSED);
		return false;
	}
	if (!tls_desk_seat(&worker->desk, newcomer, conns->loop->now_ms)) {
		return false; /* another worker was faster: it waits on */
	}
	if (tls_handshake_create(contexts, &newcomer->handshake) < 0) {
		end(newcomer, CLOSE_REASON_INTERNAL_ERROR);
		return false;
	}
	newcomer->is_slow = tls_contexts_are_slow(contexts);
	return feed(newcomer, begun);
}

/* Its first turn. Returns whether the line is open. */
static bool greet(struct tls_newcomer *newcomer, struct tls_contexts *contexts)
{
	struct slice begun = {NULL, 0};
	size_t record_len;
	if (!look(newcomer, &begun)) {
		send_back(newcomer, 0);
		return false;
	}
	const enum hello_kind kind =
		hello_look((const uint8_t *)begun.data, begun.len, &record_len);
	switch (kind) {
	case HELLO_MORE:
		send_back(newcomer, begun.len);
		break;
	case HELLO_TLS:
		return begin(newcomer, contexts, begun);
	case HELLO_HTTP:
	case HELLO_OTHER:
		refuse_plain(newcomer, kind, begun);
		break;
	}
	return false;
}

/* Its peer has hung up, so that no handshake can come about; what it has said may still tell what
 * it is. The newcomer may be gone then. */
static void see_off(struct tls_newcomer *newcomer)
{
	struct slice begun;
	size_t record_len;
	if (!look(newcomer, &begun)) {
		return;
	}
	const enum hello_kind kind =
		hello_look((const uint8_t *)begun.data, begun.len, &record_len);
	if (newcomer->handshake) {
		abandon(newcomer);
	} else if (kind == HELLO_HTTP || kind == HELLO_OTHER) {
		refuse_plain(newcomer, kind, begun);
	} else {
		end(newcomer, CLOSE_REASON_PEER_EOF);
	}
}

bool tls_opening_on_bytes(struct tls_newcomer *newcomer)
{
	if (newcomer->stage == TLS_AWAY) {
		return false; /* it is looked at when that is back */
	}
	if (newcomer->has_answer) {
		return go_on(newcomer);
	}
	if (newcomer->conn->flags & CONN_HUNG_UP) {
		see_off(newcomer);
	} else if (newcomer->stage != TLS_WAITING) {
		tls_desk_wait(&newcomer->worker->desk, newcomer, conns_of(newcomer)->loop->now_ms);
	}
	return false;
}

bool tls_opening_on_turn(struct tls_newcomer *newcomer, struct tls_contexts *contexts)
{
	return newcomer->handshake ? go_on(newcomer) : greet(newcomer, contexts);
}

bool tls_opening_on_return(struct tls_newcomer *newcomer, const struct tls_step *step)
{
	const struct conn *conn = newcomer->conn;
	if (on_progress(newcomer, step->progress, step->len, step->used)) {
		return true;
	}
	/* What came meanwhile was told to nobody. */
	return conn->state != CONN_DEAD && go_on(newcomer);
}

void tls_opening_end_for_others(struct tls_newcomer *newcomer)
{
	stats_add(&conns_of(newcomer)->stats->tls_dropped, 1);
	tls_opening_tell(newcomer);
	let_go(newcomer); /* it has not failed by itself */
	end(newcomer, CLOSE_REASON_TLS_OVERLOAD);
}
