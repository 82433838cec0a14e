#include "rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

enum {
	SIZE_FIRST = 4,
};

void rooms_finish(struct rooms *rooms)
{
	free(rooms->rooms);
	*rooms = (struct rooms){0};
}

struct wanted_room *rooms_find(const struct rooms *rooms, struct slice name)
{
	for (size_t i = 0; i < rooms->count; i++) {
		if (slice_equals(wanted_room_name(&rooms->rooms[i]), name)) {
			return &rooms->rooms[i];
		}
	}
	return NULL;
}

struct wanted_room *rooms_find_id(const struct rooms *rooms, uint32_t id)
{
	for (size_t i = 0; i < rooms->count; i++) {
		if (rooms->rooms[i].id == id) {
			return &rooms->rooms[i];
		}
	}
	return NULL;
}

static int reserve_one(struct rooms *rooms)
{
	if (rooms->count == TG_ROOMS_MAX) {
		return -ENOSPC;
	}
	if (rooms->count < rooms->size) {
		return 0;
	}
	const size_t size = rooms->size ? 2 * rooms->size : SIZE_FIRST;
	struct wanted_room *moved = reallocarray(rooms->rooms, size, sizeof(*moved));
	if (!moved) {
		return -ENOMEM;
	}
	rooms->rooms = moved;
	rooms->size = size;
	return 0;
}

/* One that no room has. */
static uint32_t draw_id(struct rooms *rooms)
{
	do {
		rooms->id_last = rooms->id_last == UINT32_MAX || rooms->id_last == 0
					 ? ROOMS_ID_MIN
					 : rooms->id_last + 1;
	} while (rooms_find_id(rooms, rooms->id_last));
	return rooms->id_last;
}

int rooms_add(struct rooms *rooms, struct slice name, struct wanted_room **ret_room)
{
	ASSERT(name.len <= USER_NAME_MAX && !rooms_find(rooms, name));
	const int err = reserve_one(rooms);
	if (err < 0) {
		return err;
	}
	const uint32_t id = draw_id(rooms);
	struct wanted_room *room = &rooms->rooms[rooms->count++];
	*room = (struct wanted_room){.id = id, .name_len = (uint8_t)name.len};
	memcpy(room->name, name.data, name.len);
	*ret_room = room;
	return 0;
}

void rooms_remove(struct rooms *rooms, struct wanted_room *room)
{
	*room = rooms->rooms[--rooms->count];
}
