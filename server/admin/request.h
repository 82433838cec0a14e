/* A request to the admin port: what came, and how far its answer is.
 *
 * One that needs a worker waits: its order goes to the worker's mailbox and comes back to
 * the admin's, so that no thread waits for another. */
#ifndef TIDEGATE_ADMIN_REQUEST_H
#define TIDEGATE_ADMIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/user_name.h"
#include "../node/api_ask.h"
#include "../node/errand.h"
#include "answer.h"
#include "context.h"
#include "head.h"

enum admin_method {
	ADMIN_GET, /* HEAD too, which is answered without a body */
	ADMIN_POST,
	ADMIN_PUT,
	ADMIN_DELETE,
	ADMIN_METHOD_COUNT,
	ADMIN_OTHER = ADMIN_METHOD_COUNT,
};

/* The query parameters that stand for a path's NAME and ROOM, which are ADMIN_REQUEST_NAMELESS
 * then: clients take `.` and `..` out of paths, however they are encoded (WHATWG URL section 4.4).
 */
#define ADMIN_REQUEST_NAME     "name"
#define ADMIN_REQUEST_ROOM     "room"
#define ADMIN_REQUEST_NAMELESS "-"

struct admin_by;
struct admin_line;
struct admin_request;
struct admin_route;

/* Owner:  the admin thread; its order, a worker while it is away.
 * Freed:  by the line it came over, when it has been answered. */
struct admin_request {
	struct admin_context *context;
	struct admin_line *line;   /* that it came over */
	const struct admin_by *by; /* that line's other end */
	const char *caller;        /* in whose name it says that it asks; NULL: it says nothing */
	bool is_let_in; /* it comes from where it may, with a token where one is asked for */
	bool has_wrong_token;
	struct admin_head head;
	const struct admin_route *route; /* NULL when there is none */
	enum admin_method method;
	bool takes_name;              /* the route is one with a NAME */
	bool takes_room;              /* and with a ROOM */
	char name[USER_NAME_MAX + 1]; /* that NAME, decoded: of a user */
	char room[USER_NAME_MAX + 1]; /* that ROOM, decoded */
	size_t name_len;
	size_t room_len;
	uint8_t *body;
	size_t body_len;
	size_t body_capacity;
	uint64_t body_skipped; /* bytes thrown away */
	bool is_waiting;       /* for its order to come back */
	/* Who asked may have gone while it waits: answers it soon. NULL: that is so anyway. */
	void (*hurry)(struct admin_request *request);
	bool asks_for_drain;                        /* once it is answered */
	bool asks_for_upgrade;                      /* likewise */
	bool ends_connection;                       /* what follows cannot be told from its body */
	void (*on_answer)(struct admin_line *line); /* when one that has waited is answered */
	struct admin_answer answer;
	void *state; /* of the handler, freed with the request */
	struct errand errand;
	void (*then)(struct admin_request *request); /* when its order is back */
	struct api_ask ask;                          /* of other nodes */
	char *asked;                                 /* in these words */
	uint32_t list_limit; /* of a list that several nodes make: names of a page */
	bool is_asking;      /* the ask is under way */
	bool is_out;         /* the order or the ask is */
	uint64_t reached;    /* sessions that have had it, on all nodes */
	void (*give)(struct admin_request *request, json_t *sum); /* when all have answered */
};

/* A header's value, the first one's when it comes twice; NULL when it is not there. */
const char *admin_request_header(const struct admin_request *request, const char *name);

/* --- query parameters --- */

/* Whether one is there. */
bool admin_request_has(const struct admin_request *request, const char *name);

/* Whether all of them are among `names`, which ends with NULL, or one that stands for the
 * path's NAME or ROOM, and none comes twice; makes a problem else. */
bool admin_request_check_query(struct admin_request *request, const char *const *names);

/* Takes a number, which may be left out, or empty: *number stays then. Makes a problem, and returns
 * false, when it is none from `min` to `max`. */
bool admin_request_take_number(struct admin_request *request, const char *name, uint32_t min,
	uint32_t max, uint32_t *number);

/* Takes a text, decoded and with a NUL, which may be left out: it is empty then. '+' is a plus.
 * Makes a problem, and returns false, when it has more than `max` bytes. */
bool admin_request_take_text(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len);

/* Takes one of `choices`, which ends with NULL, by its index; it may be left out, or empty: *choice
 * stays then. Makes a problem, and returns false, when it is none of them. */
bool admin_request_take_choice(struct admin_request *request, const char *name,
	const char *const *choices, uint32_t *choice);

/* The same of what people read: '+' is a blank, as forms and many libraries write it, and is one in
 * the whole query from then on. */
bool admin_request_take_prose(struct admin_request *request, const char *name, size_t max,
	char *ret_text, size_t *ret_len);

#endif
