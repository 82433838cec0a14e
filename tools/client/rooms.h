/* The rooms a login is to be in, on each line anew. PROTOCOL section 6. */
#ifndef TIDEGATE_CLIENT_ROOMS_H
#define TIDEGATE_CLIENT_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../../proto/user_name.h"
#include "tidegate-client.h"

/* Ids of joins are the higher half: they stay in use for as long as the room does. */
#define ROOMS_ID_MIN UINT32_C(0x80000000)

struct wanted_room {
	uint32_t id;      /* of each of its joins */
	bool is_told;     /* who comes and goes */
	uint8_t name_len; /* bytes */
	char name[USER_NAME_MAX];
};

/* Owner:  a login.
 * Shared: never. Zero-initialised is the start. */
struct rooms {
	struct wanted_room *rooms;
	size_t count;
	size_t size;      /* rooms allocated */
	uint32_t id_last; /* 0: none was given out yet */
};

void rooms_finish(struct rooms *rooms);

/* Borrowed until the next change. NULL: it is not wanted. */
struct wanted_room *rooms_find(const struct rooms *rooms, struct slice name);
struct wanted_room *rooms_find_id(const struct rooms *rooms, uint32_t id);

static inline struct slice wanted_room_name(const struct wanted_room *room)
{
	return (struct slice){room->name, room->name_len};
}

/* Adds one, which is not there yet and has a valid name, under an id of its own.
 * Errors: -ENOSPC: there are TG_ROOMS_MAX; -ENOMEM. */
int rooms_add(struct rooms *rooms, struct slice name, struct wanted_room **ret_room);

/* Takes it out; it is gone with that, and the others may lie elsewhere. */
void rooms_remove(struct rooms *rooms, struct wanted_room *room);

#endif
