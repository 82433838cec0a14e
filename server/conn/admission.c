#include "admission.h"

#include "../../proto/forwarded.h"
#include "../base/log.h"

/* --- the log -----------------------------------------------------------------------------------
 */

/* Strangers cause these, by the thousand if they like. `what` is static. */
static void warn_of(struct log_tally *tally, const struct conns *conns, const struct conn *conn,
	const char *kind, const char *what)
{
	char from[REMOTE_NAME_MAX];
	if (log_admits(tally, LOG_LEVEL_WARN, kind)) {
		remote_name(&conn->remote, from);
		log_write(
			LOG_LEVEL_WARN, conn_table_handle(conns->table, conn), "%s %s", from, what);
	}
}

static void warn_of_refusal(const struct conns *conns, const struct conn *conn)
{
	static struct log_tally many = LOG_TALLY(1);
	static struct log_tally often = LOG_TALLY(1);
	if (conn->address & CONN_ADDRESS_TOO_MANY) {
		warn_of(&many, conns, conn, "refused by per_ip_connections",
			"has more connections than per_ip_connections allows: refused");
	} else {
		warn_of(&often, conns, conn, "refused by per_ip_openings",
			"opens more connections a second than per_ip_openings allows: refused");
	}
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void note_hold(struct conn *conn, enum address_hold hold)
{
	conn->address |= hold == ADDRESS_HOLD_ADMITTED  ? CONN_ADDRESS_ADMITTED
			 : hold == ADDRESS_HOLD_REFUSED ? CONN_ADDRESS_REFUSED
							: 0;
}

static enum close_reason reason_of(const struct conn *conn)
{
	if (conn->address & CONN_ADDRESS_TOO_MANY) {
		return CLOSE_REASON_ADDRESS_CONNECTIONS;
	}
	return conn->address & CONN_ADDRESS_TOO_OFTEN ? CLOSE_REASON_ADDRESS_OPENINGS
						      : CLOSE_REASON_NONE;
}

static void on_entry(struct conns *conns, struct conn *conn, const struct address_entry *entry)
{
	note_hold(conn, entry->hold);
	switch (entry->verdict) {
	case ADDRESS_WELCOME:
		return;
	case ADDRESS_NO_MEMORY:
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		return;
	case ADDRESS_TOO_MANY:
		conn->address |= CONN_ADDRESS_TOO_MANY;
		break;
	case ADDRESS_TOO_OFTEN:
		conn->address |= CONN_ADDRESS_TOO_OFTEN;
		break;
	}
	if (entry->is_flood) {
		warn_of_refusal(conns, conn);
		conn_cut(conns, conn, reason_of(conn));
	}
}

/* Its address is known for good. */
static void settle(struct conns *conns, struct conn *conn)
{
	conn->address |= CONN_ADDRESS_SETTLED;
	if (conns->addresses && address_limits_are_on(conns->addresses)) {
		const struct address_entry entry = address_limits_enter(
			conns->addresses, &conn->remote, conns->loop->now_us * 1000);
		on_entry(conns, conn, &entry);
	}
}

/* --- whose address -----------------------------------------------------------------------------
 */

static void begin(struct conns *conns, struct conn *conn, bool is_proxied)
{
	static struct log_tally tally = LOG_TALLY(1);
	const bool is_trusted = networks_have_remote(&conns->limits.trusted, &conn->remote);
	if (!is_proxied) {
		if (!is_trusted) {
			settle(conns, conn);
		}
	} else if (is_trusted) {
		conn->address |= CONN_ADDRESS_DUE;
	} else {
		warn_of(&tally, conns, conn, "no trusted proxies",
			"is no trusted proxy, and only those may use a proxy: listener: closed");
		conn_cut(conns, conn, CLOSE_REASON_PROXY_HEADER);
	}
}

int admission_open(struct conns *conns, int fd, const struct remote *remote, uint64_t epoch,
	bool is_beyond, bool is_proxied, bool is_tls, struct conn **ret_conn)
{
	struct conn *conn;
	int err = conn_open(conns, fd, remote, epoch, is_beyond, !is_tls, &conn);
	if (!err) {
		begin(conns, conn, is_proxied);
		*ret_conn = conn;
	}
	return err;
}

void admission_on_header(struct conns *conns, struct conn *conn, const struct proxy_header *header)
{
	conn->address &= (uint8_t)~CONN_ADDRESS_DUE;
	conn->address |= CONN_ADDRESS_PROXIED;
	if (header->names_client) {
		remote_from_ip(&conn->remote, &header->client);
		settle(conns, conn);
	} else {
		/* A proxy that looks whether we live, or a client that it knows nothing of. */
		conn->address |= CONN_ADDRESS_SETTLED | CONN_ADDRESS_EXEMPT;
	}
}

void admission_end_headless(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	static struct log_tally tally = LOG_TALLY(1);
	warn_of(&tally, conns, conn, "without a PROXY header",
		reason == CLOSE_REASON_HANDSHAKE_TIMEOUT
			? "has sent no whole PROXY header in time: closed"
			: "has sent no valid PROXY header: closed");
	conn_cut(conns, conn, reason);
}

static bool is_trusted(const void *context, const uint8_t address[IP_ADDRESS_LEN])
{
	return networks_have(context, address);
}

/* What the proxy says of its client; it is the proxy's own address otherwise. */
static void read_forwarded(
	const struct conns *conns, struct conn *conn, const struct handshake_request *request)
{
	static struct log_tally tally = LOG_TALLY(1);
	const struct forwarded_trust trust = {is_trusted, &conns->limits.trusted};
	struct ip_address client;
	if (forwarded_find(request->fields, conns->limits.forwarded, &trust, &client) ==
		FORWARDED_CLIENT) {
		remote_from_ip(&conn->remote, &client);
	} else if (request->status == 101) {
		warn_of(&tally, conns, conn, "proxies that name no client",
			conns->limits.forwarded == FORWARDED_XFF
				? "is a trusted proxy and names no client in X-Forwarded-For: its "
				  "own address counts"
				: "is a trusted proxy and names no client in Forwarded: its own "
				  "address counts");
	}
}

void admission_on_request(
	struct conns *conns, struct conn *conn, const struct handshake_request *request)
{
	if (!(conn->address & CONN_ADDRESS_SETTLED)) {
		read_forwarded(conns, conn, request);
		settle(conns, conn);
	}
}

/* --- who may come in ---------------------------------------------------------------------------
 */

/* Who names none is no browser: what it says of itself would prove nothing. */
static bool is_origin_allowed(
	const struct origins *origins, const struct handshake_request *request)
{
	return origins->count == 0 || request->origin.count == 0 ||
	       (request->origin.count == 1 && origins_have(origins, request->origin.value));
}

enum close_reason admission_judge(
	struct conns *conns, const struct conn *conn, const struct handshake_request *request)
{
	static struct log_tally tally = LOG_TALLY(1);
	const enum close_reason reason = reason_of(conn);
	if (reason != CLOSE_REASON_NONE) {
		warn_of_refusal(conns, conn);
		return reason;
	}
	if (!is_origin_allowed(&conns->limits.origins, request)) {
		warn_of(&tally, conns, conn, "origins that are not allowed",
			"comes from a web page of an origin that origins does not allow: refused");
		return CLOSE_REASON_ORIGIN;
	}
	return CLOSE_REASON_NONE;
}

bool admission_is_refused(struct conns *conns, struct conn *conn)
{
	if (reason_of(conn) != CLOSE_REASON_NONE) {
		warn_of_refusal(conns, conn);
		return true;
	}
	return conns->refuse_all || !conn_take_place(conns, conn);
}

/* --- counting ----------------------------------------------------------------------------------
 */

void admission_recount(struct conns *conns, struct conn *conn)
{
	const uint8_t counted = CONN_ADDRESS_ADMITTED | CONN_ADDRESS_REFUSED;
	if (conns->addresses && conn->address & CONN_ADDRESS_SETTLED &&
		!(conn->address & (counted | CONN_ADDRESS_EXEMPT))) {
		note_hold(conn, address_limits_adopt(
					conns->addresses, &conn->remote, ADDRESS_HOLD_ADMITTED));
	}
}

void admission_adopt(struct conns *conns, struct conn *conn)
{
	const bool was_refused = conn->address & CONN_ADDRESS_REFUSED;
	conn->address &= (uint8_t)~(CONN_ADDRESS_ADMITTED | CONN_ADDRESS_REFUSED);
	if (!was_refused) {
		admission_recount(conns, conn);
	} else if (conns->addresses) {
		note_hold(conn, address_limits_adopt(
					conns->addresses, &conn->remote, ADDRESS_HOLD_REFUSED));
	}
}
