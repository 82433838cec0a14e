#include "conn_extra.h"

#include <errno.h>
#include <stdlib.h>

int conn_extra_make(struct conn *conn)
{
	if (conn->flags & CONN_EXTRA) {
		return 0;
	}
	struct conn_extra *extra = calloc(1, sizeof(*extra));
	if (!extra) {
		return -ENOMEM;
	}
	extra->rooms = conn->rooms;
	conn->extra = extra;
	conn->flags |= CONN_EXTRA;
	return 0;
}

void conn_extra_free(struct conn *conn)
{
	if (conn->flags & CONN_EXTRA) {
		free(conn->extra->pace);
		free(conn->extra);
		conn->extra = NULL;
		conn->flags &= (uint16_t)~(CONN_EXTRA | CONN_LAYERED);
	}
}
