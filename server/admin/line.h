/* One connection to the admin port: requests come in, one behind the other, and answers go out.
 *
 *        ┌──────────────────────────────────────────────┐
 *        v                                              │
 *      HEAD ──> BODY ──> (handler) ──> WAITING ──> ANSWERING ──> LEAVING
 *        └──────────────────┴──────────────────────────^
 *
 * Nothing is read while a request waits for its worker, or while its answer is not taken. Of one
 * that may wait long the peer's end is seen all the same: it waits no longer then. */
#ifndef TIDEGATE_ADMIN_LINE_H
#define TIDEGATE_ADMIN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/http_head.h"
#include "audit.h"
#include "clients.h"
#include "context.h"
#include "intake.h"
#include "request.h"
#include "socket.h"

enum admin_line_state {
	ADMIN_LINE_HEAD,      /* a request's head is to come */
	ADMIN_LINE_BODY,      /* its body is */
	ADMIN_LINE_WAITING,   /* its order is with a worker */
	ADMIN_LINE_ANSWERING, /* its answer goes out */
	ADMIN_LINE_LEAVING,   /* all is said; what still comes is thrown away */
	ADMIN_LINE_ENDED,     /* to be destroyed */
};

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_line {
	struct admin_client client; /* among all of them */
	struct admin_clients *clients;
	struct admin_context *context;
	void (*on_answer)(struct admin_line *line); /* when a request that has waited is answered */
	void *owner;                                /* of that */
	struct admin_socket socket;
	struct admin_by by;
	enum admin_line_state state;
	uint32_t watched; /* events that epoll reports */
	bool peer_has_ended;
	bool has_more; /* to be done without a byte from the peer */

	/* in: a request's head, and behind it what has not been looked at */
	char *in;
	size_t in_len;
	size_t in_capacity;
	size_t head_len; /* 0 while it is to come */
	struct http_head_scan scan;
	struct admin_intake intake;
	struct admin_request *request;

	/* out */
	char *head_out;
	size_t head_out_len;
	size_t sent; /* bytes of head and body */
	bool keeps_alive;
	size_t skipped; /* bytes thrown away while leaving */
};

/* For a socket that was accepted from `address`, which it takes over; for TLS where the context has
 * certificates. Errors: NULL for want of memory; the socket stays the caller's. */
struct admin_line *admin_line_create(struct admin_context *context, struct admin_clients *clients,
	int fd, const struct sockaddr_storage *address);

/* Ends the connection and frees it; it must not be WAITING. */
void admin_line_destroy(struct admin_line *line);

/* Reads once, and does what there is to be done. */
void admin_line_read(struct admin_line *line);

/* Does what there is to be done without reading: when an answer has been made, or more of one is
 * taken. */
void admin_line_run(struct admin_line *line);

/* Whether one of the events that it wants is a reason to read, and not to run. */
bool admin_line_is_reading(const struct admin_line *line);

/* The events to wait for; 0: none, not even its end. */
uint32_t admin_line_wants(const struct admin_line *line);

#endif
