#include "unanswered.h"

#include <errno.h>
#include <stdlib.h>

enum {
	FIRST = 16, /* places at first; three quarters of them are taken at most */
};

/* A session that waits. */
struct unanswered_place {
	handle_t handle;
	uint16_t counts[UNANSWERED_KINDS]; /* all 0: the place is free */
};

static const uint16_t limits[UNANSWERED_KINDS] = {
	[UNANSWERED_ID] = UNANSWERED_IDS_MAX,
	[UNANSWERED_REQUEST] = UNANSWERED_REQUESTS_MAX,
};

static bool is_free(const struct unanswered_place *place)
{
	return place->counts[UNANSWERED_ID] == 0 && place->counts[UNANSWERED_REQUEST] == 0;
}

/* Handles are the gateway's own numbers, which nobody chooses: a product spreads them. */
static uint32_t home_of(const struct unanswered *unanswered, handle_t handle)
{
	return (uint32_t)(handle * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (unanswered->capacity - 1);
}

/* Where a session stands, or the free place where it would. */
static uint32_t find(const struct unanswered *unanswered, handle_t handle)
{
	uint32_t at = home_of(unanswered, handle);
	while (!is_free(&unanswered->places[at]) && unanswered->places[at].handle != handle) {
		at = (at + 1) & (unanswered->capacity - 1);
	}
	return at;
}

static int grow(struct unanswered *unanswered)
{
	struct unanswered grown = {
		.capacity = unanswered->capacity ? unanswered->capacity * 2 : FIRST,
		.count = unanswered->count,
	};
	grown.places = calloc(grown.capacity, sizeof(*grown.places));
	if (!grown.places) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < unanswered->capacity; i++) {
		if (!is_free(&unanswered->places[i])) {
			grown.places[find(&grown, unanswered->places[i].handle)] =
				unanswered->places[i];
		}
	}
	free(unanswered->places);
	*unanswered = grown;
	return 0;
}

int unanswered_take(struct unanswered *unanswered, handle_t handle, enum unanswered_kind kind)
{
	if (unanswered->count >= unanswered->capacity / 4 * 3) {
		int err = grow(unanswered);
		if (err) {
			return err;
		}
	}
	struct unanswered_place *place = &unanswered->places[find(unanswered, handle)];
	if (is_free(place)) {
		place->handle = handle;
		unanswered->count++;
	}
	if (place->counts[kind] == limits[kind]) {
		return -EBUSY;
	}
	place->counts[kind]++;
	return 0;
}

/* Those behind it that were pushed on by it move up, so that no search ends too early. */
static void free_place(struct unanswered *unanswered, uint32_t at)
{
	const uint32_t mask = unanswered->capacity - 1;
	for (uint32_t next = (at + 1) & mask; !is_free(&unanswered->places[next]);
		next = (next + 1) & mask) {
		const uint32_t home = home_of(unanswered, unanswered->places[next].handle);
		if (((next - home) & mask) >= ((next - at) & mask)) {
			unanswered->places[at] = unanswered->places[next];
			at = next;
		}
	}
	unanswered->places[at] = (struct unanswered_place){0};
	unanswered->count--;
}

void unanswered_give_back(struct unanswered *unanswered, handle_t handle, enum unanswered_kind kind)
{
	if (unanswered->count == 0 || kind == UNANSWERED_NOTHING) {
		return;
	}
	const uint32_t at = find(unanswered, handle);
	struct unanswered_place *place = &unanswered->places[at];
	if (place->counts[kind] > 0) {
		place->counts[kind]--;
		if (is_free(place)) {
			free_place(unanswered, at);
		}
	}
}

void unanswered_finish(struct unanswered *unanswered)
{
	free(unanswered->places);
	*unanswered = (struct unanswered){.places = NULL};
}
