#include "transport.h"

#include "conn_extra.h"

int transport_layer(struct conn *conn, const struct transport_ops *ops, void *state)
{
	int err = conn_extra_make(conn);
	if (err) {
		return err;
	}
	conn->extra->transport = ops;
	conn->extra->transport_state = state;
	conn->flags |= CONN_LAYERED;
	return 0;
}

void transport_strip(struct conn *conn)
{
	conn->extra->transport = NULL;
	conn->extra->transport_state = NULL;
	conn->flags &= (uint16_t)~CONN_LAYERED;
}

static const struct transport_ops *layer_of(const struct conn *conn)
{
	return conn->flags & CONN_LAYERED ? conn->extra->transport : NULL;
}

size_t transport_unread(const struct conn *conn)
{
	const struct transport_ops *layer = layer_of(conn);
	return layer ? layer->unread(conn) : transport_plain_unread(conn);
}

bool transport_has_hung_up(const struct conn *conn)
{
	const struct transport_ops *layer = layer_of(conn);
	return layer ? layer->has_hung_up(conn) : transport_plain_has_hung_up(conn);
}

bool transport_progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken)
{
	const struct transport_ops *layer = layer_of(conn);
	return layer ? layer->progress(conn, sent, ret_taken)
		     : transport_plain_progress(conn, sent, ret_taken);
}

int transport_shutdown(struct conn *conn)
{
	const struct transport_ops *layer = layer_of(conn);
	return layer ? layer->shutdown(conn) : transport_plain_shutdown(conn);
}

void transport_close(struct conn *conn, bool reset)
{
	const struct transport_ops *layer = layer_of(conn);
	if (layer) {
		layer->close(conn, reset);
	} else {
		transport_plain_close(conn, reset);
	}
	conn->fd = -1;
}
