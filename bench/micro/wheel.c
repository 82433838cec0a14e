/* Deadlines of one worker's connections, at one and at ten million of them: what a frame costs (one
 * store), what a tick costs (the visits that come up in it), what linking costs. The wheel asks
 * real records of a conn_table, as in timeouts.c, since it is their cache misses that count.
 *
 * Everybody speaks once in 50 s, in random order, under a read deadline of 120 s: each connection
 * is then visited once in 100 s. */
#include <string.h>

#include "../../server/base/loop.h"
#include "../../server/base/timer_wheel.h"
#include "../../server/conn/conn_table.h"
#include "../measure.h"

enum {
	BEAT_TICKS = 50000 / LOOP_TICK_MS,
	READ_TICKS = 120000 / LOOP_TICK_MS + 2, /* with the slack of deadline.c */
	WARM_UP_TICKS = 3 * BEAT_TICKS,
	MEASURED_TICKS = 2 * BEAT_TICKS,
	START_TICK = 1000,
	LINK_RUNS = 5,
	LINKS = 1000000, /* of one run */
};

struct connections {
	uint32_t count;
	uint32_t *order; /* in which they speak */
	struct conn_table *table;
	struct timer_wheel *wheel;
	uint32_t now;
	uint64_t visits;
	uint64_t early; /* visits before the deadline they were linked for: there must be none */
};

static uint32_t visit(void *context, uint32_t index)
{
	struct connections *all = context;
	struct conn *conn = conn_table_at(all->table, index);
	all->visits++;
	all->early += all->now < conn->wheel_tick;
	conn->wheel_tick = conn->last_read_tick + READ_TICKS;
	return conn->wheel_tick;
}

static void link_all(struct connections *all)
{
	for (uint32_t i = 0; i < all->count; i++) {
		struct conn *conn;
		CHECK(conn_table_take(all->table, &conn) == 0);
		CHECK(timer_wheel_reserve(all->wheel, i + 1) == 0);
		conn->last_read_tick = START_TICK;
		conn->wheel_tick = START_TICK + READ_TICKS;
		timer_wheel_link(all->wheel, i, conn->wheel_tick);
	}
}

/* Those whose turn it is in this tick speak. */
static void beat(struct connections *all, uint32_t *done)
{
	uint32_t phase = all->now % BEAT_TICKS;
	uint32_t from = (uint32_t)((uint64_t)all->count * phase / BEAT_TICKS);
	uint32_t until = (uint32_t)((uint64_t)all->count * (phase + 1) / BEAT_TICKS);
	for (uint32_t i = from; i < until; i++) {
		conn_table_at(all->table, all->order[i])->last_read_tick = all->now;
	}
	*done += until - from;
}

static void measure_ticks(struct connections *all, const char *size)
{
	static uint64_t beats[MEASURED_TICKS];
	char line[80];
	uint64_t visits_before = 0;
	uint64_t all_ticks = 0;
	uint64_t longest = 0;
	uint32_t spoken = 0;
	all->now = START_TICK;
	for (uint32_t i = 0; i < WARM_UP_TICKS + MEASURED_TICKS; i++) {
		bool counts = i >= WARM_UP_TICKS;
		if (i == WARM_UP_TICKS) {
			visits_before = all->visits;
			spoken = 0;
		}
		all->now++;
		uint64_t begin = measure_cpu_ns();
		beat(all, &spoken);
		uint64_t between = measure_cpu_ns();
		CHECK(timer_wheel_advance(all->wheel, all->now, UINT32_MAX, visit, all));
		uint64_t end = measure_cpu_ns();
		if (counts) {
			beats[i - WARM_UP_TICKS] = between - begin;
			all_ticks += end - between;
			longest = end - between > longest ? end - between : longest;
		}
	}
	uint64_t visits = all->visits - visits_before;
	/* Once in two heartbeats, and never for nothing. */
	CHECK(visits > all->count * UINT64_C(99) / 100 &&
		visits < all->count * UINT64_C(101) / 100);
	CHECK(all->early == 0);
	snprintf(line, sizeof(line), "%s: a frame, random connection", size);
	measure_times(line, spoken / MEASURED_TICKS, 0, beats, MEASURED_TICKS);
	/* Ticks differ in their visits, so only the sum of all counts. */
	snprintf(line, sizeof(line), "%s: a visit", size);
	measure_times(line, visits, 0, &all_ticks, 1);
	printf("  %.0f visits a tick on average, %.2f ms of work in the longest; a tick is %d ms\n",
		(double)visits / MEASURED_TICKS, (double)longest / 1e6, LOOP_TICK_MS);
}

static void relink(struct connections *all, uint64_t *times)
{
	uint64_t state = 5;
	for (uint32_t run = 0; run < LINK_RUNS; run++) {
		uint64_t begin = measure_cpu_ns();
		for (uint32_t i = 0; i < LINKS; i++) {
			uint32_t ahead = (uint32_t)(measure_random(&state) % READ_TICKS);
			timer_wheel_link(all->wheel, all->order[i], all->now + 1 + ahead);
		}
		times[run] = measure_cpu_ns() - begin;
	}
}

static void unlink_some(struct connections *all, uint64_t *times)
{
	for (uint32_t run = 0; run < LINK_RUNS; run++) {
		uint64_t begin = measure_cpu_ns();
		for (uint32_t i = 0; i < LINKS; i++) {
			timer_wheel_unlink(all->wheel, all->order[i]);
		}
		times[run] = measure_cpu_ns() - begin;
		for (uint32_t i = 0; i < LINKS; i++) {
			CHECK(!timer_wheel_is_linked(all->wheel, all->order[i]));
			timer_wheel_link(all->wheel, all->order[i], all->now + 1 + i % READ_TICKS);
		}
	}
}

static void link_some(struct connections *all, uint64_t *times)
{
	for (uint32_t run = 0; run < LINK_RUNS; run++) {
		for (uint32_t i = 0; i < LINKS; i++) {
			timer_wheel_unlink(all->wheel, all->order[i]);
		}
		uint64_t begin = measure_cpu_ns();
		for (uint32_t i = 0; i < LINKS; i++) {
			timer_wheel_link(all->wheel, all->order[i], all->now + 1 + i % READ_TICKS);
		}
		times[run] = measure_cpu_ns() - begin;
		for (uint32_t i = 0; i < LINKS; i++) {
			CHECK(timer_wheel_is_linked(all->wheel, all->order[i]));
		}
	}
}

static void measure_links(struct connections *all, const char *size)
{
	static const struct {
		const char *name;
		void (*run)(struct connections *all, uint64_t *times);
	} kinds[] = {{"move, random", relink}, {"unlink, random", unlink_some},
		{"link, random", link_some}};
	uint64_t times[LINK_RUNS];
	char line[80];
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		kinds[i].run(all, times);
		snprintf(line, sizeof(line), "%s: %s", size, kinds[i].name);
		measure_times(line, LINKS, 0, times, LINK_RUNS);
	}
}

static void measure_size(const char *size, uint32_t count)
{
	struct connections all = {.count = count, .order = measure_shuffled(count)};
	char line[80];
	CHECK(conn_table_create(0, &all.table) == 0);
	CHECK(timer_wheel_create(START_TICK, &all.wheel) == 0);
	size_t before = measure_resident();
	uint64_t begin = measure_cpu_ns();
	link_all(&all);
	uint64_t time = measure_cpu_ns() - begin;
	snprintf(line, sizeof(line), "%s: take a record and link it", size);
	measure_times(line, count, 0, &time, 1);
	printf("  %.1f bytes resident for a record and its link\n",
		(double)(measure_resident() - before) / count);
	measure_ticks(&all, size);
	measure_links(&all, size);
	timer_wheel_destroy(&all.wheel);
	conn_table_destroy(&all.table);
	free(all.order);
}

int main(void)
{
	measure_begin("timer wheel");
	measure_size("1 M", 1000000);
	measure_size("10 M", 10000000);
	return 0;
}
