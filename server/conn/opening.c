#include "opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

/* What has come so far: a head's beginning; or, of a postponed request, its head and what lies
 * behind. Owner: its connection. */
struct opening {
	struct http_head_scan scan;
	size_t len;
	size_t capacity;
	char bytes[];
};

void opening_refuse(
	struct conns *conns, struct conn *conn, uint16_t status, enum close_reason reason)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	size_t len = handshake_refusal(status, conns->limits.retry_s, answer);
	conn_refuse(conns, conn, answer, len, reason);
}

/* Whether the floor above is to answer; it is answered otherwise. */
static bool take_request(struct conns *conns, struct conn *conn, struct slice head,
	struct handshake_request *ret_request)
{
	handshake_judge(head, ret_request);
	if (ret_request->status != 101) {
		char answer[HANDSHAKE_ANSWER_MAX];
		size_t len = handshake_answer(ret_request, answer);
		conn_refuse(conns, conn, answer, len, CLOSE_REASON_HTTP_REFUSED);
		return false;
	}
	if (conns->refuse_all || conn->flags & CONN_REFUSED) {
		opening_refuse(conns, conn, 503, CLOSE_REASON_UNAVAILABLE);
		return false;
	}
	return true;
}

static void on_head(struct conns *conns, struct conn *conn, struct slice head)
{
	struct handshake_request request;
	if (take_request(conns, conn, head, &request)) {
		conns->ops->request(conns->owner, conn, &request);
		ASSERT(conn->state != CONN_OPENING);
	}
}

/* NULL while nothing is kept. */
static struct opening *kept(const struct conn *conn)
{
	return conn->flags & CONN_HEAD_KEPT ? conn->opening : NULL;
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

static void drop(struct conn *conn)
{
	if (kept(conn)) {
		free(conn->opening);
		conn->opening = NULL;
		conn->flags &= (uint16_t)~CONN_HEAD_KEPT;
	}
}

/* Where the head stands, wherever its bytes are. */
static enum http_head_progress scan(
	const struct conn *conn, const uint8_t *data, size_t len, struct slice *ret_head)
{
	struct opening *opening = kept(conn);
	if (opening) {
		return http_head_scan(
			&opening->scan, opening->bytes, opening->len, HANDSHAKE_HEAD_MAX, ret_head);
	}
	struct http_head_scan fresh = {.state = HTTP_HEAD_REQUEST};
	return http_head_scan(&fresh, (const char *)data, len, HANDSHAKE_HEAD_MAX, ret_head);
}

/* Of the bytes that came last `kept_len` are kept already. */
static void keep_postponed(
	struct conns *conns, struct conn *conn, const uint8_t *data, size_t len, size_t kept_len)
{
	if (conn->flags & CONN_HUNG_UP) {
		conn_vanish(conns, conn, CLOSE_REASON_PEER_EOF);
	} else if (keep(conn, data + kept_len, len - kept_len) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	}
}

size_t opening_on_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	size_t before = kept(conn) ? conn->opening->len : 0;
	size_t kept_len = 0;
	if (kept(conn)) {
		size_t most = HANDSHAKE_HEAD_MAX - before;
		kept_len = len < most ? len : most;
		if (keep(conn, data, kept_len) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
			return len;
		}
	}
	struct slice head;
	switch (scan(conn, data, len, &head)) {
	case HTTP_HEAD_COMPLETE:
		on_head(conns, conn, head);
		if (conn->state == CONN_POSTPONED) {
			keep_postponed(conns, conn, data, len, kept_len);
			return len;
		}
		drop(conn);
		return head.len - before;
	case HTTP_HEAD_MALFORMED:
		opening_refuse(conns, conn, 400, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_TOO_LONG:
		opening_refuse(conns, conn, 431, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_MORE:
		if (!kept(conn) && keep(conn, data, len) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		}
		break;
	}
	return len;
}

/* It has been found before. */
static struct slice postponed_head(const struct conn *conn)
{
	struct slice head;
	enum http_head_progress progress = scan(conn, NULL, 0, &head);
	ASSERT(progress == HTTP_HEAD_COMPLETE);
	return head;
}

bool opening_recall(struct conns *conns, struct conn *conn, struct handshake_request *ret_request)
{
	return take_request(conns, conn, postponed_head(conn), ret_request);
}

size_t opening_take_behind(struct conns *conns, struct conn *conn)
{
	struct slice head = postponed_head(conn);
	size_t len = conn->opening->len - head.len;
	memcpy(conns->reading.buffer, head.data + head.len, len);
	drop(conn);
	return len;
}
