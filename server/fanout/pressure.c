#include "pressure.h"

#include "../conn/reader.h"

enum {
	/* Bytes of one read from a feeder, so that what it is worth to each receiver stays well
	 * below their limits; and bytes for each that make it a flooder, when said in one tick. */
	FEED_READ = 16384,
	FLOOD_BYTES = 16384,
};

static uint32_t load32(const _Atomic uint32_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static struct fanout_gauge *own_gauge(const struct pressure *pressure)
{
	return &pressure->node->gauges[pressure->worker];
}

/* --- who feeds ---------------------------------------------------------------------------------
 */

void pressure_note_fed(struct pressure *pressure, struct conn *feeder, size_t bytes)
{
	uint32_t now = pressure->conns->loop->now_tick;
	feeder->flags |= CONN_FEEDER;
	feeder->fed_bytes = (feeder->fed_tick == now ? feeder->fed_bytes : 0) + (uint32_t)bytes;
	feeder->fed_tick = now;
}

static bool backlog_is_over(const struct pressure *pressure)
{
	const struct fanout_node *node = pressure->node;
	size_t high = atomic_load_explicit(&node->backlog_limit, memory_order_relaxed);
	return atomic_load_explicit(&node->backlog, memory_order_relaxed) >
	       (pressure->is_congested ? high / 2 : high);
}

bool pressure_is_high(const struct pressure *pressure)
{
	return pressure->is_congested || backlog_is_over(pressure);
}

static bool is_flooding(const struct pressure *pressure, const struct conn *feeder)
{
	return feeder->fed_tick == pressure->conns->loop->now_tick &&
	       feeder->fed_bytes > FLOOD_BYTES;
}

size_t pressure_may_read(struct pressure *pressure, const struct conn *feeder)
{
	if (pressure_is_high(pressure) || (pressure->is_lagging && is_flooding(pressure, feeder))) {
		atomic_store(&own_gauge(pressure)->holds_back, true);
		return 0;
	}
	return FEED_READ;
}

/* --- gauges ------------------------------------------------------------------------------------
 */

uint64_t pressure_receivers(const struct pressure *pressure, uint32_t own_receivers)
{
	uint64_t receivers = own_receivers;
	for (uint32_t i = 0; i < pressure->node->worker_count; i++) {
		receivers +=
			i == pressure->worker ? 0 : load32(&pressure->node->gauges[i].receivers);
	}
	return receivers;
}

static void publish_gauges(struct pressure *pressure, uint32_t own_receivers)
{
	struct fanout_gauge *gauge = own_gauge(pressure);
	const struct outbox *outbox = pressure->conns->outbox;
	atomic_store_explicit(&gauge->receivers, own_receivers, memory_order_relaxed);
	atomic_store_explicit(&gauge->stalled, outbox->stalled_count, memory_order_relaxed);
	atomic_store_explicit(&gauge->lagging, outbox->lagging_count, memory_order_relaxed);
}

static void read_gauges(struct pressure *pressure)
{
	uint64_t receivers = 0;
	uint64_t lagging = 0;
	bool stalled = false;
	for (uint32_t i = 0; i < pressure->node->worker_count; i++) {
		const struct fanout_gauge *gauge = &pressure->node->gauges[i];
		receivers += load32(&gauge->receivers);
		lagging += load32(&gauge->lagging);
		stalled |= load32(&gauge->stalled) > 0;
	}
	conns_set_others_can_give(pressure->conns, stalled);
	pressure->is_lagging = lagging > 0;
	/* Half of them are most: who sends is a receiver too, of what others say. */
	pressure->is_congested =
		backlog_is_over(pressure) || (lagging > 0 && lagging * 2 >= receivers);
}

static void let_feeders_go_on(struct pressure *pressure)
{
	struct fanout_node *node = pressure->node;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		struct fanout_gauge *gauge = &node->gauges[i];
		if (!atomic_load_explicit(&gauge->holds_back, memory_order_relaxed) ||
			!atomic_exchange(&gauge->holds_back, false)) {
			continue;
		}
		if (i != pressure->worker) {
			mailbox_ring(node->mailboxes[i]);
		}
	}
	reader_unpause(pressure->conns);
}

/* --- the memory limit --------------------------------------------------------------------------
 */

static void set_largest(struct pressure *pressure, size_t largest)
{
	atomic_store_explicit(&own_gauge(pressure)->largest_queue, largest, memory_order_relaxed);
}

/* A worker that has a larger queue than `mine`, or has not looked for its own yet; NULL when none
 * has. Of equals the first one is larger. */
static struct mailbox *holder_of_more(const struct pressure *pressure, size_t mine)
{
	struct fanout_node *node = pressure->node;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		const struct fanout_gauge *gauge = &node->gauges[i];
		size_t other = atomic_load_explicit(&gauge->largest_queue, memory_order_relaxed);
		bool is_unknown = other == 0 && load32(&gauge->stalled) > 0;
		bool is_first = other == mine && other > 1 && i < pressure->worker;
		if (i != pressure->worker && (is_unknown || other > mine || is_first)) {
			return node->mailboxes[i];
		}
	}
	return NULL;
}

/* Cuts off this worker's largest queue if no other worker has a larger one. Those who have not
 * looked for theirs yet are woken first, or the first to notice would cut off whoever is at hand.
 */
static void shed(struct pressure *pressure)
{
	struct conns *conns = pressure->conns;
	size_t mine;
	uint32_t index = outbox_largest(conns->outbox, &mine);
	set_largest(pressure, mine + 1);
	struct mailbox *other = holder_of_more(pressure, mine + 1);
	if (other) {
		mailbox_ring(other);
	} else if (index != CONN_NONE) {
		struct conn *conn = conn_table_at(conns->table, index);
		conn_visit_begin(conns, conn);
		conn_overload(conns, conn, CLOSE_REASON_OVERLOADED);
		conn_visit_end(conns, conn);
	}
}

void pressure_settle(struct pressure *pressure, uint32_t own_receivers)
{
	uint32_t now = pressure->conns->loop->now_tick;
	if (reader_has_paused(pressure->conns)) {
		/* Another worker, content with less, may have rung and so taken the claim back.
		 * Before the gauges are read, for one that lowers them from now on to see it. */
		atomic_store(&own_gauge(pressure)->holds_back, true);
	}
	publish_gauges(pressure, own_receivers);
	read_gauges(pressure);
	if (!pressure->is_congested && !(pressure->is_lagging && pressure->unpaused_tick == now)) {
		/* While some lag, flooders get their share once in a tick. */
		pressure->unpaused_tick = now;
		let_feeders_go_on(pressure);
	}
	if (memory_budget_is_exceeded(pressure->node->budget)) {
		shed(pressure);
	} else {
		set_largest(pressure, 0);
	}
}
