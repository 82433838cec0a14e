/* Whose address a connection has, and whether it may come in.
 *
 *   open ──┬─ the socket's own address: its limits
 *          ├─ a listener for the PROXY protocol: on_header, then its limits
 *          └─ a trusted proxy: on_request, then its limits
 *   its request ─> on_request ─> judge
 *
 * What is beyond a limit is told so by a Close behind the 101, which a browser can read, once its
 * request has come. PROTOCOL sections 1 and 5. Thread: the owner, all below. */
#ifndef TIDEGATE_ADMISSION_H
#define TIDEGATE_ADMISSION_H

#include <stdbool.h>

#include "../../proto/proxy_header.h"
#include "conns.h"

/* Opens a connection, as conn_open does; `is_proxied`: at a listener for the PROXY protocol, so
 * that it begins with a PROXY header; `is_tls`: at one for TLS, so that nobody watches it before
 * tls_door_open, which is to follow. It may have ended by then. */
int admission_open(struct conns *conns, int fd, const struct remote *remote, uint64_t epoch,
	bool is_beyond, bool is_proxied, bool is_tls, struct conn **ret_conn);

/* Whether it would be refused whatever it said: no place, draining, or the limits of its address,
 * which the log has by then. */
bool admission_is_refused(struct conns *conns, struct conn *conn);

/* The PROXY header that was awaited has come. May end it. */
void admission_on_header(struct conns *conns, struct conn *conn, const struct proxy_header *header);

/* What has come is no PROXY header, or none has come in time. Ends it, and says so in the log. */
void admission_end_headless(struct conns *conns, struct conn *conn, enum close_reason reason);

/* Its request has come, of whatever status: who is behind a trusted proxy is known now. May end it.
 */
void admission_on_request(
	struct conns *conns, struct conn *conn, const struct handshake_request *request);

/* Whether a valid upgrade is let in, as far as its address and its origin go: CLOSE_REASON_NONE, or
 * why not, which the log has by then. */
enum close_reason admission_judge(
	struct conns *conns, const struct conn *conn, const struct handshake_request *request);

/* The limits may have come while it was there: it is counted from now on. */
void admission_recount(struct conns *conns, struct conn *conn);

/* It was there, and was counted, in another process: it is counted in the same way here. */
void admission_adopt(struct conns *conns, struct conn *conn);

#endif
