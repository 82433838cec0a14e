#include "opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What has come so far. Owner: its connection. */
struct opening {
	struct http_head_scan scan;
	size_t len;
	size_t capacity;
	char head[];
};

static void refuse_status(
	struct conns *conns, struct conn *conn, uint16_t status, enum close_reason reason)
{
	char answer[HANDSHAKE_ANSWER_MAX];
	size_t len = handshake_refusal(status, conns->limits.retry_s, answer);
	conn_refuse(conns, conn, answer, len, reason);
}

static void on_head(struct conns *conns, struct conn *conn, struct slice head)
{
	struct handshake_request request;
	handshake_judge(head, &request);
	if (request.status != 101) {
		char answer[HANDSHAKE_ANSWER_MAX];
		size_t len = handshake_answer(&request, answer);
		conn_refuse(conns, conn, answer, len, CLOSE_REASON_HTTP_REFUSED);
	} else if (conns->refuse_all || conn->flags & CONN_REFUSED) {
		refuse_status(conns, conn, 503, CLOSE_REASON_UNAVAILABLE);
	} else {
		conns->ops->request(conns->owner, conn, &request);
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
	memcpy(opening->head + used, data, len);
	opening->len += len;
	return 0;
}

static void drop(struct conn *conn)
{
	free(conn->opening);
	conn->opening = NULL;
	conn->flags &= (uint16_t)~CONN_HEAD_KEPT;
}

/* Where the head stands, wherever its bytes are. */
static enum http_head_progress scan(
	struct conn *conn, const uint8_t *data, size_t len, struct slice *ret_head)
{
	struct opening *opening = kept(conn);
	if (opening) {
		return http_head_scan(
			&opening->scan, opening->head, opening->len, HANDSHAKE_HEAD_MAX, ret_head);
	}
	struct http_head_scan fresh = {.state = HTTP_HEAD_REQUEST};
	return http_head_scan(&fresh, (const char *)data, len, HANDSHAKE_HEAD_MAX, ret_head);
}

size_t opening_on_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len)
{
	size_t before = kept(conn) ? conn->opening->len : 0;
	if (kept(conn)) {
		/* One byte more than a head may have, for the scan to tell that it is too long. */
		size_t most = HANDSHAKE_HEAD_MAX + 1 - before;
		if (keep(conn, data, len < most ? len : most) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
			return len;
		}
	}
	struct slice head;
	switch (scan(conn, data, len, &head)) {
	case HTTP_HEAD_COMPLETE:
		on_head(conns, conn, head);
		if (kept(conn)) {
			drop(conn);
		}
		return head.len - before;
	case HTTP_HEAD_MALFORMED:
		refuse_status(conns, conn, 400, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_TOO_LONG:
		refuse_status(conns, conn, 431, CLOSE_REASON_HTTP_REFUSED);
		break;
	case HTTP_HEAD_MORE:
		if (!kept(conn) && keep(conn, data, len) < 0) {
			conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		}
		break;
	}
	return len;
}
