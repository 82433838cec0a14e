#include "opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "admission.h"
#include "transport.h"

enum {
	/* Anybody can cause them, without a login. */
	REFUSALS_LOGGED_PER_S = 20,
};

/* What has come so far: a head's beginning; or, of a postponed request, its head and what lies
 * behind. Owner: its connection. */
struct opening {
	struct http_head_scan scan;
	size_t len;
	size_t capacity;
	char bytes[];
};

/* NULL while nothing is kept. */
static struct opening *kept(const struct conn *conn)
{
	return conn->flags & CONN_HEAD_KEPT ? conn->opening : NULL;
}

static void drop(struct conn *conn)
{
	if (kept(conn)) {
		free(conn->opening);
		conn->opening = NULL;
		conn->flags &= (uint16_t)~CONN_HEAD_KEPT;
	}
}

/* All of a request that has come, wherever it is. */
static struct slice all_of(const struct conn *conn, const uint8_t *data, size_t len)
{
	const struct opening *opening = kept(conn);
	return opening ? (struct slice){opening->bytes, opening->len}
		       : (struct slice){(const char *)data, len};
}

/* --- refusals ----------------------------------------------------------------------------------
 */

/* Nothing of the request itself is told: it may hold secrets. */
static void log_refusal(
	const struct conns *conns, const struct conn *conn, const struct handshake_request *request)
{
	static struct log_tally tally = LOG_TALLY(REFUSALS_LOGGED_PER_S);
	char from[REMOTE_NAME_MAX];
	if (log_admits(&tally, LOG_LEVEL_INFO, "opening refused")) {
		remote_name(&conn->remote, from);
		log_write(LOG_LEVEL_INFO, conn_table_handle(conns->table, conn),
			"opening from %s refused with %u: %s", from, request->status,
			request->detail);
	}
}

static void refuse(struct conns *conns, struct conn *conn, struct handshake_request *request,
	enum close_reason reason)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	if (request->status == 503) {
		request->retry_s =
			places_retry_s(conns->places, &conns->spread, conns->loop->now_ms);
	}
	conn_refuse(conns, conn, answer, handshake_answer(request, answer), reason);
	log_refusal(conns, conn, request);
	drop(conn); /* at once, whatever time the peer takes to go */
}

/* A browser of this machine, with nothing in between: whoever is behind a proxy has come to use the
 * gateway, not to try it out. */
static bool is_welcome(const struct welcome *welcome, const struct conn *conn,
	const struct handshake_request *request)
{
	return request->wants_page && welcome->answer &&
	       (welcome->to_all || (remote_is_loopback(&conn->remote) &&
					   !(conn->address & CONN_ADDRESS_PROXIED) &&
					   request->forwarded.count == 0 &&
					   request->x_forwarded_for.count == 0));
}

static void show_page(
	struct conns *conns, struct conn *conn, const struct handshake_request *request)
{
	const struct welcome *welcome = conns->welcome;
	conn_refuse(conns, conn, welcome->answer,
		request->headers_only ? welcome->head_len : welcome->len, CLOSE_REASON_HTTP_PAGE);
	drop(conn);
}

static const char *why_unavailable(
	const struct conns *conns, const struct conn *conn, enum close_reason reason)
{
	if (reason == CLOSE_REASON_OVERLOADED) {
		return "The memory limit is reached: come back later.";
	}
	if (conns->refuse_all) {
		return "The gateway is about to end: come back later.";
	}
	if (conn->flags & CONN_BEYOND) {
		return "The connection limit is reached: come back later.";
	}
	return "The request could not be judged in time: come back later.";
}

/* Before its request is judged; `begun` is what has come of it. */
static void give_up(struct conns *conns, struct conn *conn, struct slice begun, uint16_t status,
	enum close_reason reason)
{
	struct handshake_request request;
	handshake_give_up(begun, status, &request);
	if (status == 503) {
		request.detail = why_unavailable(conns, conn, reason);
	}
	refuse(conns, conn, &request, reason);
}

void opening_refuse(
	struct conns *conns, struct conn *conn, uint16_t status, enum close_reason reason)
{
	if (transport_is_shut(conn)) {
		conn_vanish(conns, conn, reason);
	} else {
		give_up(conns, conn, all_of(conn, NULL, 0), status, reason);
	}
}

void opening_refuse_plain(struct conns *conns, struct conn *conn)
{
	struct handshake_request request;
	handshake_give_up((struct slice){NULL, 0}, 400, &request);
	request.detail = "Plain HTTP on a port for TLS: use wss://.";
	refuse(conns, conn, &request, CLOSE_REASON_TLS_PLAIN);
}

/* --- the request -------------------------------------------------------------------------------
 */

/* Whether the floor above is to answer; it is answered otherwise. */
static bool take_request(struct conns *conns, struct conn *conn, struct slice head,
	struct handshake_request *ret_request)
{
	handshake_judge(head, ret_request);
	admission_on_request(conns, conn, ret_request);
	if (conn->state == CONN_DEAD) {
		return false;
	}
	if (is_welcome(conns->welcome, conn, ret_request)) {
		show_page(conns, conn, ret_request);
		return false;
	}
	if (ret_request->status != 101) {
		refuse(conns, conn, ret_request, CLOSE_REASON_HTTP_REFUSED);
		return false;
	}
	if (conns->refuse_all || !conn_take_place(conns, conn)) {
		give_up(conns, conn, head, 503, CLOSE_REASON_UNAVAILABLE);
		return false;
	}
	return true;
}

/* By a Close, which a browser can read. */
static void turn_away(struct conns *conns, struct conn *conn,
	const struct handshake_request *request, enum close_reason reason)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(conns, conn, answer, handshake_answer(request, answer));
	if (reason == CLOSE_REASON_ORIGIN) {
		conn_close(conns, conn, reason, 0);
	} else {
		conn_overload(conns, conn, reason);
	}
}

static void on_head(struct conns *conns, struct conn *conn, struct slice head)
{
	struct handshake_request request;
	if (!take_request(conns, conn, head, &request)) {
		return;
	}
	enum close_reason reason = admission_judge(conns, conn, &request);
	if (reason != CLOSE_REASON_NONE) {
		turn_away(conns, conn, &request, reason);
		return;
	}
	conns->ops->request(conns->owner, conn, &request);
	ASSERT(conn->state != CONN_OPENING);
}

/* Keeps what has come of a head for its next piece. */
static int keep(struct conn *conn, const uint8_t *data, size_t len)
{
	struct opening *opening = kept(conn);
	size_t used = opening ? opening->len : 0;
	if (!opening || opening->capacity - used < len) {
		size_t capacity = opening ? opening->capacity : 512;
		while (capacity < used + len) {
			capacity *= 2;
		}
		struct opening *grown = realloc(opening, sizeof(*grown) + capacity);
		if (!grown) {
			return -ENOMEM;
		}
		if (!opening) {
			*grown = (struct opening){.scan.state = HTTP_HEAD_REQUEST};
		}
		grown->capacity = capacity;
		conn->opening = opening = grown;
		conn->flags |= CONN_HEAD_KEPT;
	}
	memcpy(opening->bytes + used, data, len);
	opening->len += len;
	return 0;
}

struct slice opening_kept(const struct conn *conn)
{
	return all_of(conn, NULL, 0);
}

int opening_adopt(struct conn *conn, struct slice begun)
{
	/* Its head is looked at from the beginning when more has come. */
	return begun.len > 0 ? keep(conn, (const uint8_t *)begun.data, begun.len) : 0;
}

/* Where its head stands. */
static enum http_head_progress scan(
	const struct conn *conn, struct slice all, size_t max_head, struct slice *ret_head)
{
	struct http_head_scan fresh = {.state = HTTP_HEAD_REQUEST};
	return http_head_scan(
		kept(conn) ? &conn->opening->scan : &fresh, all.data, all.len, max_head, ret_head);
}

/* Of the bytes that came last `kept_len` are kept already. */
static void keep_postponed(
	struct conns *conns, struct conn *conn, const uint8_t *data, size_t len, size_t kept_len)
{
	if (conn->flags & CONN_HUNG_UP) {
		conn_vanish(conns, conn, CLOSE_REASON_PEER_EOF);
	} else if (keep(conn, data + kept_len, len - kept_len) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	} else {
		conn_note_held(conns, conn);
	}
}

/* Returns how many bytes belonged to the head, or were kept. */
static size_t on_head_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	size_t max_head = conns->limits.max_head;
	size_t before = kept(conn) ? conn->opening->len : 0;
	size_t kept_len = 0;
	if (kept(conn)) {
		/* The limit may have become lower. */
		size_t most = before < max_head ? max_head - before : 0;
		kept_len = len < most ? len : most;
		if (keep(conn, data, kept_len) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
			return len;
		}
	}
	struct slice all = all_of(conn, data, len);
	struct slice head;
	switch (scan(conn, all, max_head, &head)) {
	case HTTP_HEAD_COMPLETE:
		on_head(conns, conn, head);
		if (conn->state == CONN_POSTPONED) {
			keep_postponed(conns, conn, data, len, kept_len);
			return len;
		}
		drop(conn);
		if (conn->holder != HOLDER_NONE) {
			conn_note_held(conns, conn);
		}
		return head.len - before;
	case HTTP_HEAD_MALFORMED:
		give_up(conns, conn, all, 400, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_TOO_LONG:
		give_up(conns, conn, all, 431, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_MORE:
		if (!kept(conn) && keep(conn, data, len) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		} else {
			conn_note_held(conns, conn);
		}
		break;
	}
	return len;
}

/* Keeps what has come of a PROXY header for its next piece. */
static void keep_header(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	if (keep(conn, data, len) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	} else {
		conn_note_held(conns, conn);
	}
}

/* Returns how many bytes belonged to the PROXY header; all of them where it goes on, or is none. */
static size_t on_header_bytes(
	struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	size_t before = kept(conn) ? conn->opening->len : 0;
	struct proxy_header header;
	if (before > 0) {
		keep_header(conns, conn, data, len);
		if (conn->state == CONN_DEAD) {
			return len;
		}
	}
	const struct slice all = all_of(conn, data, len);
	switch (proxy_header_read((const uint8_t *)all.data, all.len, &header)) {
	case PROXY_HEADER_COMPLETE:
		break;
	case PROXY_HEADER_MALFORMED:
		admission_end_headless(conns, conn, CLOSE_REASON_PROXY_HEADER);
		return len;
	case PROXY_HEADER_MORE:
		if (before == 0) {
			keep_header(conns, conn, data, len);
		}
		return len;
	}
	drop(conn);
	if (conn->holder != HOLDER_NONE) {
		conn_note_held(conns, conn);
	}
	admission_on_header(conns, conn, &header);
	return header.len - before;
}

size_t opening_on_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	size_t used = 0;
	if (conn->address & CONN_ADDRESS_DUE) {
		used = on_header_bytes(conns, conn, data, len);
	}
	if (used == len || conn->state != CONN_OPENING) {
		return len;
	}
	return used + on_head_bytes(conns, conn, data + used, len - used);
}

/* It has been found before. */
static struct slice postponed_head(const struct conn *conn)
{
	struct slice head;
	/* The limit that held then may have become lower. */
	enum http_head_progress progress = scan(conn, all_of(conn, NULL, 0), SIZE_MAX, &head);
	ASSERT(progress == HTTP_HEAD_COMPLETE);
	return head;
}

bool opening_recall(struct conns *conns, struct conn *conn, struct handshake_request *ret_request)
{
	return take_request(conns, conn, postponed_head(conn), ret_request);
}

size_t opening_take_behind(struct conns *conns, struct conn *conn)
{
	if (!kept(conn)) {
		return 0; /* refused by us */
	}
	struct slice head = postponed_head(conn);
	size_t len = conn->opening->len - head.len;
	memcpy(conns->reading.buffer, head.data + head.len, len);
	drop(conn);
	conn_note_held(conns, conn);
	return len;
}
