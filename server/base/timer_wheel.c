/* Every list is a ring of nodes named by number, its head a node as well, so that linking and
 * unlinking know no special case:
 *
 *     0        1     2      3 .. 1026   1027 ..
 *     nobody   due   late   slots       entries
 *
 * `due` holds what has come up and waits for its visit. `late` holds what was linked to a tick that
 * had already come up, until the next advance: a visit that always names such a tick thus cannot
 * keep an advance going. A slot is one tick of [collected, collected + TIMER_WHEEL_SLOTS). */
#include "timer_wheel.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"

enum {
	NOBODY = 0, /* so that zeroed memory is unlinked */
	HEAD_DUE = 1,
	HEAD_LATE = 2,
	HEAD_SLOTS = 3,
	ENTRIES = HEAD_SLOTS + TIMER_WHEEL_SLOTS,
	CHUNK_NODES = 4096,
};

/* Both NOBODY when unlinked. */
struct node {
	uint32_t prev;
	uint32_t next;
};

struct timer_wheel {
	uint32_t collected; /* ticks before this one have been moved to `due` */
	uint32_t visited;   /* ticks before this one have been moved and wholly visited */
	uint32_t entry_count;
	uint32_t chunk_count;
	struct node *
		*chunks; /* each CHUNK_NODES; zeroed, so that the kernel gives pages when used */
};

static struct node *node_at(const struct timer_wheel *wheel, uint32_t id)
{
	return &wheel->chunks[id / CHUNK_NODES][id % CHUNK_NODES];
}

static uint32_t entry_id(const struct timer_wheel *wheel, uint32_t index)
{
	ASSERT(index < wheel->entry_count);
	return ENTRIES + index;
}

static void ring_init(struct timer_wheel *wheel, uint32_t head)
{
	*node_at(wheel, head) = (struct node){.prev = head, .next = head};
}

static bool ring_is_empty(const struct timer_wheel *wheel, uint32_t head)
{
	return node_at(wheel, head)->next == head;
}

static void ring_append(struct timer_wheel *wheel, uint32_t head, uint32_t id)
{
	struct node *end = node_at(wheel, head);

	*node_at(wheel, id) = (struct node){.prev = end->prev, .next = head};
	node_at(wheel, end->prev)->next = id;
	end->prev = id;
}

static void ring_remove(struct timer_wheel *wheel, uint32_t id)
{
	struct node *node = node_at(wheel, id);

	node_at(wheel, node->prev)->next = node->next;
	node_at(wheel, node->next)->prev = node->prev;
	*node = (struct node){.prev = NOBODY, .next = NOBODY};
}

/* Moves the whole ring `from` to the end of the ring `to`. */
static void ring_splice(struct timer_wheel *wheel, uint32_t to, uint32_t from)
{
	struct node *target = node_at(wheel, to);
	struct node *source = node_at(wheel, from);

	if (ring_is_empty(wheel, from)) {
		return;
	}
	node_at(wheel, target->prev)->next = source->next;
	node_at(wheel, source->next)->prev = target->prev;
	node_at(wheel, source->prev)->next = to;
	target->prev = source->prev;
	ring_init(wheel, from);
}

static uint32_t slot_of(uint32_t tick)
{
	return HEAD_SLOTS + tick % TIMER_WHEEL_SLOTS;
}

int timer_wheel_create(uint32_t now, struct timer_wheel **ret_wheel)
{
	struct timer_wheel *wheel = calloc(1, sizeof(*wheel));
	if (!wheel || timer_wheel_reserve(wheel, 1) < 0) {
		timer_wheel_destroy(&wheel);
		return -ENOMEM;
	}
	wheel->collected = now + 1;
	wheel->visited = now + 1;
	for (uint32_t head = HEAD_DUE; head < ENTRIES; head++) {
		ring_init(wheel, head);
	}
	*ret_wheel = wheel;
	return 0;
}

void timer_wheel_destroy(struct timer_wheel **wheel)
{
	struct timer_wheel *given = *wheel;
	*wheel = NULL;
	if (!given) {
		return;
	}
	for (uint32_t i = 0; i < given->chunk_count; i++) {
		free(given->chunks[i]);
	}
	free(given->chunks);
	free(given);
}

int timer_wheel_reserve(struct timer_wheel *wheel, uint32_t count)
{
	ASSERT(count <= UINT32_MAX - ENTRIES);
	uint32_t chunks_needed = (ENTRIES + count - 1) / CHUNK_NODES + 1;

	if (chunks_needed > wheel->chunk_count) {
		struct node **chunks =
			reallocarray(wheel->chunks, chunks_needed, sizeof(*wheel->chunks));
		if (!chunks) {
			return -ENOMEM;
		}
		wheel->chunks = chunks;
	}
	while (wheel->chunk_count < chunks_needed) {
		struct node *chunk = calloc(CHUNK_NODES, sizeof(*chunk));
		if (!chunk) {
			return -ENOMEM;
		}
		wheel->chunks[wheel->chunk_count++] = chunk;
	}
	if (count > wheel->entry_count) {
		wheel->entry_count = count;
	}
	return 0;
}

void timer_wheel_link(struct timer_wheel *wheel, uint32_t index, uint32_t tick)
{
	uint32_t id = entry_id(wheel, index);
	uint32_t horizon = wheel->collected + TIMER_WHEEL_SLOTS - 1;

	timer_wheel_unlink(wheel, index);
	if (tick < wheel->collected) {
		ring_append(wheel, HEAD_LATE, id);
	} else {
		ring_append(wheel, slot_of(tick < horizon ? tick : horizon), id);
	}
}

void timer_wheel_unlink(struct timer_wheel *wheel, uint32_t index)
{
	if (timer_wheel_is_linked(wheel, index)) {
		ring_remove(wheel, entry_id(wheel, index));
	}
}

bool timer_wheel_is_linked(const struct timer_wheel *wheel, uint32_t index)
{
	return node_at(wheel, entry_id(wheel, index))->next != NOBODY;
}

/* Makes due what has come up by `now`, in the order of its ticks. At most once around the wheel,
 * however long the jump: after that all slots are empty. */
static void collect(struct timer_wheel *wheel, uint32_t now)
{
	ring_splice(wheel, HEAD_DUE, HEAD_LATE);
	if (now < wheel->collected) {
		return;
	}
	uint32_t passed = now - wheel->collected + 1;
	uint32_t slots = passed < TIMER_WHEEL_SLOTS ? passed : TIMER_WHEEL_SLOTS;
	for (uint32_t i = 0; i < slots; i++) {
		ring_splice(wheel, HEAD_DUE, slot_of(wheel->collected + i));
	}
	wheel->collected = now + 1;
}

bool timer_wheel_advance(struct timer_wheel *wheel, uint32_t now, uint32_t visits_max,
	timer_wheel_visit *visit, void *context)
{
	collect(wheel, now);
	/* The front is looked up anew each time: a visit may have taken out any other entry. */
	for (uint32_t visits = 0; !ring_is_empty(wheel, HEAD_DUE); visits++) {
		if (visits == visits_max) {
			return false;
		}
		uint32_t id = node_at(wheel, HEAD_DUE)->next;
		ring_remove(wheel, id);
		uint32_t tick = visit(context, id - ENTRIES);
		if (tick != TIMER_WHEEL_NONE) {
			timer_wheel_link(wheel, id - ENTRIES, tick);
		}
	}
	wheel->visited = wheel->collected;
	return true;
}

uint32_t timer_wheel_next(const struct timer_wheel *wheel)
{
	return wheel->visited;
}
