/* The first rooms of a node by the bytes of their names: a page of all that there are. */
#ifndef TIDEGATE_ROOM_NAMES_H
#define TIDEGATE_ROOM_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "../../proto/user_name.h"
#include "../fanout/rooms_list.h"

enum {
	ROOM_NAMES_MAX = 256, /* of a page */
};

/* Plain data. */
struct room_names_row {
	uint32_t users;
	uint32_t sessions;
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

/* Owner: whoever asks. */
struct room_names {
	struct rcu_walk walk;
	uint8_t after_len;
	char after[USER_NAME_MAX]; /* only names behind it */
	uint32_t most;             /* of a page, up to ROOM_NAMES_MAX */
	uint32_t count;
	bool has_more; /* than fit the page */
	struct room_names_row rows[2 * ROOM_NAMES_MAX];
};

/* Empties it. `after` is at most USER_NAME_MAX bytes. */
void room_names_begin(struct room_names *names, struct slice after, uint32_t most);

/* Looks at some more rooms. Thread: registered. Returns 1 when there are more, 0 at the end.
 * Errors: -ENOMEM. */
int room_names_walk(struct room_names *names, struct rooms *rooms);

/* "rooms", and "more": whether others come behind them. Errors: NULL: no memory. */
json_t *room_names_to_json(struct room_names *names);

/* Merges what several nodes have found, all "rooms" of which stand in `sum`, to one page of at most
 * `most`: with "after", the name that leads to the next one, or null. Errors: -ENOMEM. */
int room_names_merge(json_t *sum, uint32_t most);

/* The same of the names in "members". */
int room_names_merge_members(json_t *sum, uint32_t most);

#endif
