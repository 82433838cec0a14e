#include "requests.h"

#include "../../proto/assert.h"

static uint32_t id_after(uint32_t id)
{
	return id < REQUESTS_ID_MAX ? id + 1 : 1;
}

/* How many ids lie from one to another. They wrap around past 0. */
static uint32_t distance(uint32_t from, uint32_t to)
{
	return to >= from ? to - from : REQUESTS_ID_MAX - from + to;
}

static uint64_t *word_of(struct requests *requests, uint32_t id)
{
	return &requests->waits[id % REQUESTS_SLOTS / 64];
}

static uint64_t bit_of(uint32_t id)
{
	return UINT64_C(1) << id % 64;
}

uint32_t requests_next(struct requests *requests)
{
	const uint32_t next = id_after(requests->newest);
	/* Not by one slot less: the slot of 0, which is no id, is left out where ids wrap around.
	 */
	if (requests->count > 0 && distance(requests->oldest, next) >= REQUESTS_MAX) {
		requests->was_full = true;
		return 0;
	}
	return next;
}

void requests_begin(struct requests *requests, uint32_t id)
{
	ASSERT(id == id_after(requests->newest));
	requests->newest = id;
	if (requests->count++ == 0) {
		requests->oldest = id;
	}
	*word_of(requests, id) |= bit_of(id);
}

bool requests_end(struct requests *requests, uint32_t id)
{
	if (requests->count == 0 || id == 0 || id > REQUESTS_ID_MAX ||
		distance(requests->oldest, id) > distance(requests->oldest, requests->newest) ||
		!(*word_of(requests, id) & bit_of(id))) {
		return false;
	}
	*word_of(requests, id) &= ~bit_of(id);
	requests->count--;
	while (requests->count > 0 &&
		!(*word_of(requests, requests->oldest) & bit_of(requests->oldest))) {
		requests->oldest = id_after(requests->oldest);
	}
	return true;
}

uint32_t requests_give_up(struct requests *requests)
{
	const uint32_t id = requests->count > 0 ? requests->oldest : 0;
	requests_end(requests, id);
	return id;
}

void requests_clear(struct requests *requests)
{
	*requests = (struct requests){.newest = requests->newest};
}

bool requests_take_writable(struct requests *requests)
{
	const bool is_writable =
		requests->was_full &&
		(requests->count == 0 ||
			distance(requests->oldest, requests->newest) < REQUESTS_SLOTS / 2);
	if (is_writable) {
		requests->was_full = false;
	}
	return is_writable;
}
