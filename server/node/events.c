#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"

/* One that is kept. Its names follow. */
struct kept {
	struct event event;
	char names[];
};

struct events {
	struct budget *budget;
	uint64_t first;
	uint64_t next;
	struct kept *ring[EVENTS_MAX]; /* by number */
};

/* --- memory ------------------------------------------------------------------------------------
 */

bool events_take_memory(struct budget *budget, size_t bytes)
{
	size_t limit = atomic_load_explicit(&budget->limit, memory_order_relaxed);
	size_t most = limit / EVENTS_MEMORY_PART;
	most = most > EVENTS_MEMORY_MIN ? most : EVENTS_MEMORY_MIN;
	if (bytes > most || budget_held(budget, BUDGET_EVENTS) > most - bytes) {
		return false;
	}
	budget_change(budget, BUDGET_EVENTS, (ptrdiff_t)bytes);
	return true;
}

void events_give_memory(struct budget *budget, size_t bytes)
{
	budget_change(budget, BUDGET_EVENTS, -(ptrdiff_t)bytes);
}

static size_t size_of(const struct event *event)
{
	return sizeof(struct kept) + event->name.len + event->device.len;
}

static void drop_oldest(struct events *events)
{
	struct kept **place = &events->ring[events->first % EVENTS_MAX];
	if (*place) {
		events_give_memory(events->budget, size_of(&(*place)->event));
		free(*place);
		*place = NULL;
	}
	events->first++;
}

/* Makes room as old ones go. Returns whether there is some then. */
static bool make_room(struct events *events, size_t bytes)
{
	if (events->next - events->first == EVENTS_MAX) {
		drop_oldest(events);
	}
	while (!events_take_memory(events->budget, bytes)) {
		if (events->first == events->next) {
			return false;
		}
		drop_oldest(events);
	}
	return true;
}

/* --- life --------------------------------------------------------------------------------------
 */

int events_create(struct budget *budget, struct events **ret_events)
{
	struct events *events = calloc(1, sizeof(*events));
	if (!events) {
		return -ENOMEM;
	}
	events->budget = budget;
	events->first = 1;
	events->next = 1;
	*ret_events = events;
	return 0;
}

void events_destroy(struct events **events)
{
	if (!*events) {
		return;
	}
	while ((*events)->first < (*events)->next) {
		drop_oldest(*events);
	}
	free(*events);
	*events = NULL;
}

/* --- the ring ----------------------------------------------------------------------------------
 */

/* Errors: NULL. */
static struct kept *keep(const struct event *event)
{
	struct kept *kept = malloc(size_of(event));
	if (!kept) {
		return NULL;
	}
	kept->event = *event;
	kept->event.name.data = kept->names;
	kept->event.device.data = kept->names + event->name.len;
	if (event->name.len > 0) {
		memcpy(kept->names, event->name.data, event->name.len);
	}
	if (event->device.len > 0) {
		memcpy(kept->names + event->name.len, event->device.data, event->device.len);
	}
	return kept;
}

uint64_t events_add(struct events *events, const struct event *event)
{
	const size_t bytes = size_of(event);
	const bool has_room = make_room(events, bytes);
	struct kept *kept = has_room ? keep(event) : NULL;
	if (has_room && !kept) {
		events_give_memory(events->budget, bytes);
	}
	events->ring[events->next % EVENTS_MAX] = kept;
	events->next++;
	while (!kept && events->first < events->next) {
		drop_oldest(events);
	}
	return events->next - 1;
}

void events_begin_at(struct events *events, uint64_t next)
{
	while (events->first < events->next) {
		drop_oldest(events);
	}
	events->first = next;
	events->next = next;
}

uint64_t events_next(const struct events *events)
{
	return events->next;
}

uint64_t events_first(const struct events *events)
{
	return events->first;
}

struct event events_at(const struct events *events, uint64_t seq)
{
	ASSERT(seq >= events->first && seq < events->next);
	return events->ring[seq % EVENTS_MAX]->event;
}
