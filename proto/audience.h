/* Whom a message is for, as tidegate.v1 writes it: nothing for everybody, `@NAME` for a user,
 * `#ROOM` for a room. PROTOCOL section 6. */
#ifndef TIDEGATE_AUDIENCE_H
#define TIDEGATE_AUDIENCE_H

#include "slice.h"
#include "user_name.h"

enum {
	AUDIENCE_MAX = 1 + USER_NAME_MAX, /* bytes as it is written */
};

enum audience_kind {
	AUDIENCE_EVERYBODY,
	AUDIENCE_USER,
	AUDIENCE_ROOM,
	AUDIENCE_INVALID, /* no such mark, or a name that nobody may have */
};

struct audience {
	enum audience_kind kind;
	struct slice
		name; /* of the user or room, borrowed; rooms are named under the rule of users */
};

/* Thread: any. */
struct audience audience_of(struct slice written);

#endif
