/* A request to the admin port, from its head to its answer.
 *
 * One that needs a worker is suspended: its order goes to the worker's mailbox and comes back to
 * the admin's, so that no thread waits for another. */
#ifndef TIDEGATE_ADMIN_REQUEST_H
#define TIDEGATE_ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <microhttpd.h>

#include "../../proto/user_name.h"
#include "../session/orders.h"
#include "context.h"

enum admin_problem {
#define PROBLEM(name, status, type, title) ADMIN_PROBLEM_##name,
#include "problem.def"
#undef PROBLEM
};

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
	struct MHD_Response *answer;
	unsigned status;
	void *state; /* of the handler, freed with the request */
	struct order order;
	int tries;                                           /* of the order, at its user */
	void (*then)(struct admin_request *request);         /* when the order is back */
	void (*then_of_user)(struct admin_request *request); /* when it has found its user */
};

/* --- answers: each sets request->answer, once --- */

/* Takes over `json`; of NULL it makes a problem. */
void admin_answer_json(struct admin_request *request, unsigned status, json_t *json);

/* `text` is copied. */
void admin_answer_text(struct admin_request *request, unsigned status, const char *text);

/* Takes over `data`, allocated by malloc; of NULL it makes a problem. */
void admin_answer_data(struct admin_request *request, const char *type, char *data, size_t len);

/* Borrows `data`, which stays. */
void admin_answer_static(
	struct admin_request *request, const char *type, const void *data, size_t len);

/* 204. */
void admin_answer_nothing(struct admin_request *request);

/* A problem detail; `detail` says what is wrong with this request. */
void admin_answer_problem(struct admin_request *request, enum admin_problem problem,
	const char *detail, ...) __attribute__((format(printf, 3, 4)));

/* Adds a header to the answer that was made. */
void admin_answer_header(struct admin_request *request, const char *name, const char *value);

/* --- the way in --- */

/* A header's value, the first one's when it comes twice; NULL when it is not there. */
const char *admin_request_header(const struct admin_request *request, const char *name);

/* A query parameter, NULL when it is not there. */
const char *admin_request_query(const struct admin_request *request, const char *name);

/* Whether all query parameters are among `names`, which ends with NULL, and none comes twice; makes
 * a problem else. */
bool admin_request_check_query(struct admin_request *request, const char *const *names);

/* Whether a user may have that name. */
bool admin_request_name_is_valid(const char *name, size_t len);

/* Decodes %XX. Errors: -EINVAL, -ENOBUFS. */
int admin_request_decode(
	const char *text, size_t text_len, char *ret_text, size_t size, size_t *ret_len);

#endif
