#include "asks.h"

#include <errno.h>
#include <stdlib.h>

enum {
	PLACES_FIRST = 256,
	PLACES_BITS = 24, /* of an id: the place */
};

void asks_finish(struct asks *asks)
{
	free(asks->places);
	*asks = (struct asks){0};
}

static int grow(struct asks *asks)
{
	const uint32_t capacity = asks->capacity ? asks->capacity * 2 : PLACES_FIRST;
	if (capacity > 1U << PLACES_BITS) {
		return -ENOMEM;
	}
	struct ask *places = realloc(asks->places, capacity * sizeof(*places));
	if (!places) {
		return -ENOMEM;
	}
	asks->places = places;
	asks->capacity = capacity;
	return 0;
}

int asks_open(struct asks *asks, const struct ask *ask, uint64_t *ret_id)
{
	uint32_t place;
	if (asks->free > 0) {
		place = asks->free - 1;
		asks->free = asks->places[place].next;
	} else {
		if (asks->used == asks->capacity && grow(asks) < 0) {
			return -ENOMEM;
		}
		place = asks->used++;
	}
	asks->places[place] = *ask;
	asks->places[place].id = ++asks->serial << PLACES_BITS | place;
	if ((asks->count == 0 && !asks->is_looking) || ask->deadline_ms < asks->next_ms) {
		asks->next_ms = ask->deadline_ms;
	}
	asks->count++;
	*ret_id = asks->places[place].id;
	return 0;
}

static void take_out(struct asks *asks, uint32_t place, struct ask *ret_ask)
{
	struct ask *ask = &asks->places[place];
	*ret_ask = *ask;
	*ask = (struct ask){.next = asks->free};
	asks->free = place + 1;
	asks->count--;
}

bool asks_take(struct asks *asks, uint64_t id, uint16_t node, struct ask *ret_ask)
{
	const uint32_t place = id & ((1U << PLACES_BITS) - 1);
	if (id == 0 || place >= asks->used || asks->places[place].id != id ||
		asks->places[place].node != node) {
		return false;
	}
	take_out(asks, place, ret_ask);
	return true;
}

/* The look has come to its end. */
static void end_look(struct asks *asks, uint64_t now_ms)
{
	asks->is_looking = false;
	/* Not at each turn: what was answered leaves a deadline behind that nothing has. */
	if (asks->next_ms < now_ms + ASKS_LOOK_MS) {
		asks->next_ms = now_ms + ASKS_LOOK_MS;
	}
}

bool asks_take_late(struct asks *asks, uint64_t now_ms, struct ask *ret_ask)
{
	if (!asks->is_looking && (asks->count == 0 || now_ms < asks->next_ms)) {
		return false;
	}
	if (!asks->is_looking) {
		asks->is_looking = true;
		asks->at = 0;
		asks->next_ms = UINT64_MAX;
	}
	while (asks->at < asks->used) {
		const uint32_t place = asks->at++;
		const struct ask *ask = &asks->places[place];
		if (ask->id != 0 && ask->deadline_ms <= now_ms) {
			take_out(asks, place, ret_ask);
			return true;
		}
		if (ask->id != 0 && ask->deadline_ms < asks->next_ms) {
			asks->next_ms = ask->deadline_ms;
		}
	}
	end_look(asks, now_ms);
	return false;
}

void asks_give_up(struct asks *asks, uint16_t node)
{
	for (uint32_t i = 0; i < asks->used; i++) {
		if (asks->places[i].id != 0 && asks->places[i].node == node) {
			asks->places[i].deadline_ms = 0;
			asks->next_ms = 0;
		}
	}
}

uint32_t asks_forget(struct asks *asks, const struct cluster_call *call)
{
	uint32_t count = 0;
	struct ask forgotten;
	for (uint32_t i = 0; i < asks->used; i++) {
		if (asks->places[i].id != 0 && asks->places[i].owner.call == call) {
			take_out(asks, i, &forgotten);
			count++;
		}
	}
	return count;
}

uint64_t asks_due(const struct asks *asks, uint64_t now_ms)
{
	if (asks->count == 0) {
		return UINT64_MAX;
	}
	return asks->next_ms > now_ms ? asks->next_ms - now_ms : 0;
}
