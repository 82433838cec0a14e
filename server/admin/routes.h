/* What can be asked for: one table of paths and methods. */
#ifndef TIDEGATE_ADMIN_ROUTES_H
#define TIDEGATE_ADMIN_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "../../proto/slice.h"
#include "request.h"

enum {
	ADMIN_ALLOW_MAX = 64, /* bytes of an Allow header, NUL included */
};

/* What a route changes. */
enum admin_deed {
	ADMIN_DEED_NONE,
#define DEED(name, word) ADMIN_DEED_##name,
#include "deed.def"
#undef DEED
};

struct admin_route {
	enum admin_method method;
	const char *path; /* NAME, a user's, and ROOM stand for any one segment each */
	bool is_open;     /* no token is asked for */
	bool is_page;     /* a link elsewhere may lead here */
	bool is_demo;     /* only there with --demo */
	bool is_limited;  /* counts against the rate */
	bool takes_body;
	enum admin_deed deed;                          /* of all that are no GET */
	void (*handle)(struct admin_request *request); /* makes an answer, or has it wait for one */
};

/* What stands in a path for NAME and ROOM, not decoded; without data where there is none. */
struct admin_path_names {
	struct slice name;
	struct slice room;
};

/* Finds the route of a path that is not decoded yet. Returns NULL when there is none; ret_allow
 * then lists the methods that the path would take, and is empty for one that is unknown.
 * Thread: any. */
const struct admin_route *admin_routes_find(enum admin_method method, const char *path,
	bool has_demo, struct admin_path_names *ret_names, char ret_allow[ADMIN_ALLOW_MAX]);

#endif
