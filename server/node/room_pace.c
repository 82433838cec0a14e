#include "room_pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/user_name.h"

enum {
	EVERY_MS = 1000,
	BUCKETS_MIN = 64,
	DUE_MAX = 256, /* rooms that a turn looks at */
	HASTY_MAX =
		8, /* of a room in a second that are told at once: one client alone may make more */
};

/* A room that others have been told of lately. */
struct paced {
	struct paced *next;    /* of its bucket */
	struct paced *younger; /* told of later */
	uint64_t key;
	uint64_t told_ms;
	struct room_figures told;
	bool has_changed; /* since then */
	uint8_t hasty;    /* tellings of this second beside the first */
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

struct room_pace {
	const struct room_pace_ops *ops;
	void *context;
	struct paced *oldest, *youngest;
	struct paced **buckets; /* by the key, which is a hash */
	uint32_t bucket_count;  /* a power of two */
	uint32_t count;
};

/* --- life --------------------------------------------------------------------------------------
 */

int room_pace_create(const struct room_pace_ops *ops, void *context, struct room_pace **ret_pace)
{
	struct room_pace *pace = calloc(1, sizeof(*pace));
	struct paced **buckets = calloc(BUCKETS_MIN, sizeof(struct paced *));
	if (!pace || !buckets) {
		free(pace);
		free(buckets);
		return -ENOMEM;
	}
	*pace = (struct room_pace){
		.ops = ops, .context = context, .buckets = buckets, .bucket_count = BUCKETS_MIN};
	*ret_pace = pace;
	return 0;
}

void room_pace_destroy(struct room_pace **pace)
{
	if (!*pace) {
		return;
	}
	for (struct paced *room = (*pace)->oldest; room;) {
		struct paced *younger = room->younger;
		free(room);
		room = younger;
	}
	free((*pace)->buckets);
	free(*pace);
	*pace = NULL;
}

/* --- by key ------------------------------------------------------------------------------------
 */

static struct paced **bucket_of(struct room_pace *pace, uint64_t key)
{
	return &pace->buckets[key & (pace->bucket_count - 1)];
}

/* Where the pointer to it stands, or would. Of two rooms with the same key the one is told as the
 * other. */
static struct paced **find(struct room_pace *pace, uint64_t key)
{
	struct paced **at = bucket_of(pace, key);
	while (*at && (*at)->key != key) {
		at = &(*at)->next;
	}
	return at;
}

/* Where there is no memory for more buckets, the chains get longer. */
static void grow(struct room_pace *pace)
{
	const uint32_t count = pace->bucket_count * 2;
	struct paced **fresh = calloc(count, sizeof(struct paced *));
	if (!fresh) {
		return;
	}
	free(pace->buckets);
	pace->buckets = fresh;
	pace->bucket_count = count;
	for (struct paced *room = pace->oldest; room; room = room->younger) {
		struct paced **bucket = bucket_of(pace, room->key);
		room->next = *bucket;
		*bucket = room;
	}
}

/* --- telling -----------------------------------------------------------------------------------
 */

static void link_youngest(struct room_pace *pace, struct paced *room)
{
	room->younger = NULL;
	*(pace->youngest ? &pace->youngest->younger : &pace->oldest) = room;
	pace->youngest = room;
}

/* Where there is no memory to remember it, it is told of once more than need be. */
static void remember(struct room_pace *pace, struct slice name, uint64_t key,
	struct room_figures figures, uint64_t now_ms)
{
	struct paced *room = malloc(sizeof(*room));
	if (!room) {
		return;
	}
	if (pace->count >= pace->bucket_count) {
		grow(pace);
	}
	struct paced **bucket = bucket_of(pace, key);
	*room = (struct paced){.next = *bucket,
		.key = key,
		.told_ms = now_ms,
		.told = figures,
		.name_len = (uint8_t)name.len};
	memcpy(room->name, name.data, name.len);
	*bucket = room;
	link_youngest(pace, room);
	pace->count++;
}

/* Whether the difference is one of those that are told at once. */
static bool is_urgent(struct room_figures told, struct room_figures now)
{
	return (told.users == 0) != (now.users == 0) || told.is_watched != now.is_watched;
}

static bool is_another(struct room_figures told, struct room_figures now)
{
	return told.users != now.users || told.is_watched != now.is_watched;
}

void room_pace_on_change(struct room_pace *pace, struct slice name, uint64_t key, uint64_t now_ms)
{
	const struct room_figures now = pace->ops->look(pace->context, name, key);
	struct paced *room = *find(pace, key);
	if (!room) {
		pace->ops->tell(pace->context, key, now);
		remember(pace, name, key, now, now_ms);
	} else if (is_urgent(room->told, now) && room->hasty < HASTY_MAX) {
		pace->ops->tell(pace->context, key, now);
		room->told = now;
		room->has_changed = false;
		room->hasty++;
	} else {
		room->has_changed = is_another(room->told, now);
	}
}

static void tell_now(struct room_pace *pace, struct paced *room)
{
	const struct slice name = {room->name, room->name_len};
	room->told = pace->ops->look(pace->context, name, room->key);
	room->has_changed = false;
	pace->ops->tell(pace->context, room->key, room->told);
}

void room_pace_tell_all(struct room_pace *pace)
{
	for (struct paced *room = pace->oldest; room; room = room->younger) {
		if (room->has_changed) {
			tell_now(pace, room);
		}
	}
}

/* The oldest one's second is over. */
static void settle(struct room_pace *pace, uint64_t now_ms)
{
	struct paced *room = pace->oldest;
	pace->oldest = room->younger;
	pace->youngest = pace->oldest ? pace->youngest : NULL;
	if (room->has_changed) {
		room->told_ms = now_ms;
		room->hasty = 0;
		tell_now(pace, room);
		link_youngest(pace, room);
	} else {
		*find(pace, room->key) = room->next;
		pace->count--;
		free(room);
	}
}

int room_pace_turn(struct room_pace *pace, uint64_t now_ms)
{
	for (int i = 0; pace->oldest && now_ms - pace->oldest->told_ms >= EVERY_MS; i++) {
		if (i == DUE_MAX) {
			return 0;
		}
		settle(pace, now_ms);
	}
	return pace->oldest ? (int)(EVERY_MS - (now_ms - pace->oldest->told_ms)) : -1;
}
