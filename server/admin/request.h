/* A request to the admin port: what came, and how far its answer is.
 *
 * One that needs a worker is suspended: its order goes to the worker's mailbox and comes back to
 * the admin's, so that no thread waits for another. */
#ifndef TIDEGATE_ADMIN_REQUEST_H
#define TIDEGATE_ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "../../proto/user_name.h"
#include "../session/orders.h"
#include "answer.h"
#include "context.h"

enum admin_method {
	ADMIN_GET, /* HEAD too: the library leaves the body out */
	ADMIN_POST,
	ADMIN_DELETE,
	ADMIN_METHOD_COUNT,
	ADMIN_OTHER = ADMIN_METHOD_COUNT,
};

struct admin_route;

/* Owner:  the admin thread; its order, a worker while it is away.
 * Freed:  when the library says that the request is over. */
struct admin_request {
	struct admin_context *context;
	struct MHD_Connection *connection;
	const struct admin_route *route; /* NULL when there is none */
	enum admin_method method;
	char path[1024];              /* as it came, cut; not decoded */
	char name[USER_NAME_MAX + 1]; /* NAME of the path, decoded */
	size_t name_len;
	uint8_t *body;
	size_t body_len;
	size_t body_capacity;
	bool is_waiting;      /* suspended */
	bool asks_for_drain;  /* once it is answered */
	bool ends_connection; /* what follows cannot be told from its body */
	struct admin_answer answer;
	void *state; /* of the handler, freed with the request */
	struct order order;
	int tries;                                           /* of the order, at its user */
	void (*then)(struct admin_request *request);         /* when the order is back */
	void (*then_of_user)(struct admin_request *request); /* when it has found its user */
};

/* A header's value, the first one's when it comes twice; NULL when it is not there. */
const char *admin_request_header(const struct admin_request *request, const char *name);

/* --- query parameters --- */

/* One as it came, NULL when it is not there. */
const char *admin_request_query(const struct admin_request *request, const char *name);

/* Whether all of them are among `names`, which ends with NULL, and none comes twice; makes a
 * problem else. */
bool admin_request_check_query(struct admin_request *request, const char *const *names);

/* Takes a number, which may be left out, or empty: *number stays then. Makes a problem, and returns
 * false, when it is none from `min` to `max`. */
bool admin_request_take_number(struct admin_request *request, const char *name, uint32_t min,
	uint32_t max, uint32_t *number);

/* Takes a text, decoded and with a NUL, which may be left out: it is empty then. Makes a problem,
 * and returns false, when it has more than `max` bytes. */
bool admin_request_take_text(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len);

#endif
