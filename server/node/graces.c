#include "graces.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "events.h"

enum {
	BUCKETS_MIN = 64,
};

struct grace {
	struct grace *next;            /* of its bucket */
	struct grace *older, *younger; /* in the order in which they went */
	uint64_t gone_ms;
	uint32_t hash;
	struct presence *gone;
};

struct graces {
	struct budget *budget;
	const struct user_table *users;
	struct grace *oldest, *youngest;
	struct grace **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t count;
};

static size_t size_of(const struct presence *gone)
{
	return sizeof(struct grace) + sizeof(struct grace *) + sizeof(*gone) + gone->name_len +
	       gone->device_len;
}

/* --- by user and device ------------------------------------------------------------------------
 */

/* Devices of a user are few. */
static uint32_t hash_of(const struct graces *graces, struct slice user)
{
	return user_table_hash(graces->users, user.data, user.len);
}

static struct grace **bucket_of(const struct graces *graces, uint32_t hash)
{
	return &graces->buckets[hash & (graces->bucket_count - 1)];
}

/* Where the pointer to it stands, or would. */
static struct grace **find(
	const struct graces *graces, uint32_t hash, struct slice user, struct slice device)
{
	struct grace **at = bucket_of(graces, hash);
	while (*at && ((*at)->hash != hash || !slice_equals(presence_user((*at)->gone), user) ||
			      !slice_equals(presence_device((*at)->gone), device))) {
		at = &(*at)->next;
	}
	return at;
}

/* Where there is no memory for more buckets, the chains get longer. */
static void grow(struct graces *graces)
{
	const uint32_t count = graces->bucket_count * 2;
	struct grace **fresh = calloc(count, sizeof(struct grace *));
	if (!fresh) {
		return;
	}
	free(graces->buckets);
	graces->buckets = fresh;
	graces->bucket_count = count;
	for (struct grace *grace = graces->oldest; grace; grace = grace->younger) {
		struct grace **bucket = bucket_of(graces, grace->hash);
		grace->next = *bucket;
		*bucket = grace;
	}
}

/* --- life --------------------------------------------------------------------------------------
 */

int graces_create(struct budget *budget, const struct user_table *users, struct graces **ret_graces)
{
	struct graces *graces = calloc(1, sizeof(*graces));
	struct grace **buckets = calloc(BUCKETS_MIN, sizeof(struct grace *));
	if (!graces || !buckets) {
		free(graces);
		free(buckets);
		return -ENOMEM;
	}
	graces->budget = budget;
	graces->users = users;
	graces->buckets = buckets;
	graces->bucket_count = BUCKETS_MIN;
	*ret_graces = graces;
	return 0;
}

void graces_destroy(struct graces **graces)
{
	struct presence *gone;
	if (!*graces) {
		return;
	}
	while ((gone = graces_take_due(*graces, UINT64_MAX, 0))) {
		presence_free(&gone);
	}
	free((*graces)->buckets);
	free(*graces);
	*graces = NULL;
}

/* --- coming and going --------------------------------------------------------------------------
 */

static void unlink_age(struct graces *graces, struct grace *grace)
{
	*(grace->older ? &grace->older->younger : &graces->oldest) = grace->younger;
	*(grace->younger ? &grace->younger->older : &graces->youngest) = grace->older;
}

static struct presence *take(struct graces *graces, struct grace **at)
{
	struct grace *grace = *at;
	if (!grace) {
		return NULL;
	}
	struct presence *gone = grace->gone;
	*at = grace->next;
	unlink_age(graces, grace);
	graces->count--;
	events_give_memory(graces->budget, size_of(gone));
	free(grace);
	return gone;
}

static void link_youngest(struct graces *graces, struct grace *grace)
{
	grace->older = graces->youngest;
	*(graces->youngest ? &graces->youngest->younger : &graces->oldest) = grace;
	graces->youngest = grace;
}

int graces_add(struct graces *graces, struct presence **gone, uint64_t now_ms)
{
	const uint32_t hash = hash_of(graces, presence_user(*gone));
	struct presence *before = graces_take(graces, presence_user(*gone), presence_device(*gone));
	presence_free(&before);
	if (!events_take_memory(graces->budget, size_of(*gone))) {
		return -ENOBUFS;
	}
	struct grace *grace = malloc(sizeof(*grace));
	if (!grace) {
		events_give_memory(graces->budget, size_of(*gone));
		return -ENOMEM;
	}
	if (graces->count >= graces->bucket_count) {
		grow(graces);
	}
	struct grace **bucket = bucket_of(graces, hash);
	*grace = (struct grace){.next = *bucket, .gone_ms = now_ms, .hash = hash, .gone = *gone};
	*bucket = grace;
	link_youngest(graces, grace);
	graces->count++;
	*gone = NULL;
	return 0;
}

const struct presence *graces_find(
	const struct graces *graces, struct slice user, struct slice device)
{
	struct grace *grace =
		graces->count > 0 ? *find(graces, hash_of(graces, user), user, device) : NULL;
	return grace ? grace->gone : NULL;
}

const struct presence *graces_next(
	const struct graces *graces, uint32_t hash, const struct presence *after)
{
	bool is_behind = !after;
	for (struct grace *at = *bucket_of(graces, hash); at; at = at->next) {
		if (at->hash == hash && is_behind) {
			return at->gone;
		}
		is_behind |= at->gone == after;
	}
	return NULL;
}

struct presence *graces_take(struct graces *graces, struct slice user, struct slice device)
{
	return graces->count > 0 ? take(graces, find(graces, hash_of(graces, user), user, device))
				 : NULL;
}

struct presence *graces_take_due(struct graces *graces, uint64_t now_ms, uint64_t grace_ms)
{
	struct grace *oldest = graces->oldest;
	if (!oldest || now_ms - oldest->gone_ms < grace_ms) {
		return NULL;
	}
	return take(graces, find(graces, oldest->hash, presence_user(oldest->gone),
				    presence_device(oldest->gone)));
}

int graces_wait_ms(const struct graces *graces, uint64_t now_ms, uint64_t grace_ms)
{
	if (!graces->oldest) {
		return -1;
	}
	uint64_t past_ms = now_ms - graces->oldest->gone_ms;
	uint64_t left_ms = past_ms < grace_ms ? grace_ms - past_ms : 0;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

void graces_look(const struct graces *graces,
	void (*look)(void *context, const struct presence *gone, uint64_t gone_ms), void *context)
{
	for (const struct grace *grace = graces->oldest; grace; grace = grace->younger) {
		look(context, grace->gone, grace->gone_ms);
	}
}

uint32_t graces_count(const struct graces *graces)
{
	return graces->count;
}
