#include "transport_pack.h"

#include <errno.h>

#include "tls_door.h"
#include "tls_worker.h"
#include "transport_tls.h"

static const struct transport_ops *layer_of(const struct conn *conn)
{
	return conn->flags & CONN_LAYERED ? conn->extra->transport : NULL;
}

bool transport_may_move(const struct conn *conn)
{
	const struct transport_ops *layer = layer_of(conn);
	return !layer || (layer->may_move && layer->may_move(conn));
}

void transport_pack(const struct conn *conn, struct pack *pack)
{
	const struct transport_ops *layer = layer_of(conn);
	pack_u8(pack, layer ? layer->kind : TRANSPORT_PLAIN);
	if (layer) {
		layer->pack(conn, pack);
	}
}

int transport_unpack(struct conns *conns, struct conn *conn, struct unpack *unpack)
{
	const uint8_t kind = unpack_below(unpack, TRANSPORT_KINDS);
	if (unpack->failed) {
		return -EINVAL;
	}
	switch ((enum transport_kind)kind) {
	case TRANSPORT_PLAIN:
		return 0;
	case TRANSPORT_TLS_LINE:
		return transport_tls_adopt(conns, conn, unpack);
	case TRANSPORT_TLS_DOOR:
		return tls_door_adopt(conns, conn);
	case TRANSPORT_OWN:
	case TRANSPORT_KINDS:
		break;
	}
	return -EINVAL;
}

void transport_let_go(struct conn *conn)
{
	const struct transport_ops *layer = layer_of(conn);
	if (layer) {
		layer->let_go(conn);
		transport_strip(conn);
	}
}

void transport_pack_over(struct conns *conns)
{
	if (conns->tls) {
		conns->tls->is_packed = false;
	}
}
