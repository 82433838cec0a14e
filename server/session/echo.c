#include "echo.h"

#include "../../proto/frame.h"
#include "../conn/send.h"
#include "session.h"

static void on_request(void *owner, struct conn *conn, const struct handshake_request *request)
{
	struct sessions *sessions = owner;
	char answer[HANDSHAKE_ANSWER_MAX];
	conn_accept(sessions->conns, conn, answer, handshake_answer(request, answer));
}

static void on_message(void *owner, struct conn *conn, const struct message *message)
{
	struct sessions *sessions = owner;
	conn_send(sessions->conns, conn, message->kind == MESSAGE_TEXT ? FRAME_TEXT : FRAME_BINARY,
		message->data, message->len, message->headroom);
}

static void on_catch_up(void *owner, struct conn *conn)
{
	(void)owner;
	(void)conn;
}

static size_t may_read(void *owner, struct conn *conn)
{
	(void)owner;
	(void)conn;
	return SIZE_MAX;
}

static void on_lag(void *owner, struct conn *conn, bool lags)
{
	(void)owner;
	(void)conn;
	(void)lags;
}

const struct conn_ops echo_ops = {
	.request = on_request,
	.message = on_message,
	.catch_up = on_catch_up,
	.ended = session_on_ended,
	.may_read = may_read,
	.lags = on_lag,
};
