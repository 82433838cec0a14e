#include "pressure.h"

#include "../conn/reader.h"

enum {
	TICKS_PER_S = 1000 / LOOP_TICK_MS,
	SECONDS_MAX = 32, /* after which nothing is left of an account */
	/* Bytes of one read: from who feeds, so that what it is worth to each receiver stays well
	 * below their limits; from anybody while floods wait or trickle; and while all wait. */
	FEED_READ = 16384,
	TRICKLE_READ = 4096,
	LITTLE_READ = 1024,
	/* Bytes of an account that make a flood: at most, and when quieter ones have to wait. */
	FLOOD_MAX = 65536,
	FLOOD_MIN = 1024,
	TRICKLE = 65536, /* bytes for each receiver, of all floods of a worker in one tick */
	TRICKLE_ELSEWHERE = 32768, /* of those that feed other nodes, since several feed one */
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

/* Takes off the account what the seconds have halved. */
static uint32_t fed_lately(const struct pressure *pressure, struct conn *feeder)
{
	uint32_t ticks = (uint16_t)(pressure->conns->loop->now_tick - feeder->fed_tick);
	uint32_t seconds = ticks / TICKS_PER_S;
	if (seconds > 0) {
		feeder->fed_bytes = seconds < SECONDS_MAX ? feeder->fed_bytes >> seconds : 0;
		feeder->fed_tick += (uint16_t)(seconds * TICKS_PER_S);
	}
	return feeder->fed_bytes;
}

static uint32_t sum_up(uint32_t account, size_t bytes)
{
	return bytes < UINT32_MAX - account ? account + (uint32_t)bytes : UINT32_MAX;
}

static uint32_t take_away(uint32_t from, size_t bytes)
{
	return bytes < from ? from - (uint32_t)bytes : 0;
}

/* What its last read was for is what its next one will be for: nobody knows before it is read. */
static __attribute__((noinline)) void note_flood(
	struct pressure *pressure, struct conn *feeder, size_t bytes, uint8_t whom)
{
	if (pressure->let_read == feeder->index) {
		pressure->let_read = CONN_NONE;
		feeder->feeds_lag = false;
		feeder->feeds_elsewhere = false;
	}
	if (whom & PRESSURE_SOME_LAG) {
		feeder->feeds_lag = true;
		pressure->trickle_left = take_away(pressure->trickle_left, bytes);
	}
	if (whom & PRESSURE_ELSEWHERE) {
		feeder->feeds_elsewhere = true;
		pressure->elsewhere_left = take_away(pressure->elsewhere_left, bytes);
	}
}

void pressure_note_fed(struct pressure *pressure, struct conn *feeder, size_t bytes, uint8_t whom)
{
	feeder->fed_bytes = sum_up(fed_lately(pressure, feeder), bytes);
	feeder->flags |= CONN_FEEDER;
	if (feeder->fed_bytes > pressure->threshold) {
		note_flood(pressure, feeder, bytes, whom);
	}
}

static bool backlog_is_over(const struct pressure *pressure)
{
	return pressure_backlog_is_over(pressure->node, pressure->is_congested);
}

static bool backlog_is_twice_over(const struct pressure *pressure)
{
	return pressure_backlog_is_twice_over(pressure->node);
}

bool pressure_is_congested(const struct pressure *pressure)
{
	return backlog_is_over(pressure);
}

bool pressure_is_high(const struct pressure *pressure)
{
	return backlog_is_over(pressure) || pressure->most_lag;
}

static bool waits_for_lag(const struct pressure *pressure, const struct conn *flood)
{
	return pressure->is_lagging && flood->feeds_lag && pressure->trickle_left == 0;
}

static bool waits_for_elsewhere(const struct pressure *pressure, const struct conn *flood)
{
	return pressure->elsewhere != ELSEWHERE_EASY && flood->feeds_elsewhere &&
	       (pressure->elsewhere == ELSEWHERE_FULL || pressure->elsewhere_left == 0);
}

static bool must_wait(struct pressure *pressure, const struct conn *feeder, uint32_t fed)
{
	if (backlog_is_twice_over(pressure)) {
		pressure->talk_waits |= fed <= pressure->threshold;
		return true;
	}
	return fed > pressure->threshold &&
	       (backlog_is_over(pressure) || waits_for_lag(pressure, feeder) ||
		       waits_for_elsewhere(pressure, feeder));
}

/* Some of those that a flood is for, here or elsewhere, may have to be waited for. */
static bool is_to_trickle(const struct pressure *pressure, const struct conn *flood)
{
	return pressure->is_lagging ||
	       (pressure->elsewhere != ELSEWHERE_EASY && flood->feeds_elsewhere);
}

size_t pressure_may_read(struct pressure *pressure, struct conn *feeder)
{
	uint32_t fed = fed_lately(pressure, feeder);
	if (must_wait(pressure, feeder, fed)) {
		atomic_store(&own_gauge(pressure)->holds_back, true);
		return 0;
	}
	if (fed == 0) {
		feeder->flags &= (uint16_t)~CONN_FEEDER;
		feeder->feeds_lag = false;
		feeder->feeds_elsewhere = false;
	}
	pressure->let_read = feeder->index;
	return fed > pressure->threshold && is_to_trickle(pressure, feeder) ? TRICKLE_READ
									    : FEED_READ;
}

/* While floods wait, somebody else may be about to begin; heartbeats and openings pass. */
static void limit_reads(struct pressure *pressure)
{
	size_t most = CONN_READ_BUFFER;
	if (backlog_is_twice_over(pressure)) {
		most = LITTLE_READ;
	} else if (pressure->is_lagging || backlog_is_over(pressure)) {
		most = TRICKLE_READ;
	}
	pressure->is_limited = most < CONN_READ_BUFFER;
	reader_limit(pressure->conns, most);
}

void pressure_on_publish(struct pressure *pressure)
{
	limit_reads(pressure);
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

void pressure_note_receivers(struct pressure *pressure, uint32_t own_receivers)
{
	atomic_store_explicit(&pressure->node->gauges[pressure->worker].receivers, own_receivers,
		memory_order_relaxed);
}

static void publish_gauges(struct pressure *pressure)
{
	struct fanout_gauge *gauge = own_gauge(pressure);
	const struct outbox *outbox = pressure->conns->outbox;
	atomic_store_explicit(&gauge->lagging, outbox->lagging_count, memory_order_relaxed);
}

struct pressure_sums pressure_sum_up(const struct fanout_node *node)
{
	struct pressure_sums sums = {.receivers = 0};
	for (uint32_t i = 0; i < node->worker_count; i++) {
		const struct fanout_gauge *gauge = &node->gauges[i];
		sums.receivers += load32(&gauge->receivers);
		sums.lagging += load32(&gauge->lagging);
		sums.holds_back |= atomic_load_explicit(&gauge->holds_back, memory_order_relaxed);
	}
	return sums;
}

/* Returns whether some worker holds back feeders. */
static bool read_gauges(struct pressure *pressure)
{
	const struct pressure_sums sums = pressure_sum_up(pressure->node);
	pressure->is_lagging = sums.lagging > 0;
	pressure->most_lag = pressure_most_lag(&sums);
	pressure->is_congested = backlog_is_over(pressure);
	if (pressure->node->elsewhere) {
		pressure->elsewhere = elsewhere_pressure(pressure->node->elsewhere);
	}
	return sums.holds_back;
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

void pressure_set_elsewhere(struct fanout_node *node, uint8_t level)
{
	const uint8_t before = atomic_exchange(&node->elsewhere->pressure, level);
	for (uint32_t i = 0; level < before && i < node->worker_count; i++) {
		if (atomic_load(&node->gauges[i].holds_back)) {
			mailbox_ring(node->mailboxes[i]);
		}
	}
}

/* Once a tick: a fresh trickle; and where talk had to wait, only the quieter ones are talk now. */
static void begin_tick(struct pressure *pressure)
{
	if (pressure->talk_waits && pressure->threshold > FLOOD_MIN) {
		pressure->threshold /= 2;
	} else if (!pressure->talk_waits && pressure->threshold < FLOOD_MAX) {
		pressure->threshold *= 2;
	}
	pressure->talk_waits = false;
	pressure->trickle_left = TRICKLE;
	pressure->elsewhere_left = TRICKLE_ELSEWHERE;
}

/* While some lag, or other nodes are not easy, floods are let go once in a tick; while the backlog
 * is over, nobody is. */
static bool may_go_on(const struct pressure *pressure, bool is_new_tick)
{
	return !pressure->is_congested &&
	       (is_new_tick || (!pressure->is_lagging && pressure->elsewhere == ELSEWHERE_EASY));
}

void pressure_settle(struct pressure *pressure)
{
	uint32_t now = pressure->conns->loop->now_tick;
	bool is_new_tick = pressure->tick != now;
	if (reader_has_paused(pressure->conns)) {
		/* Another worker, content with less, may have rung and so taken the claim back.
		 * Before the gauges are read, for one that lowers them from now on to see it. */
		atomic_store(&own_gauge(pressure)->holds_back, true);
	}
	publish_gauges(pressure);
	bool held_back = read_gauges(pressure);
	if (is_new_tick) {
		pressure->tick = now;
		begin_tick(pressure);
	}
	if (pressure->is_limited || pressure->is_lagging || pressure->is_congested) {
		limit_reads(pressure);
	}
	if (held_back && may_go_on(pressure, is_new_tick)) {
		let_feeders_go_on(pressure);
	}
}

void pressure_init(
	struct pressure *pressure, struct fanout_node *node, struct conns *conns, uint8_t worker)
{
	*pressure = (struct pressure){
		.node = node,
		.conns = conns,
		.worker = worker,
		.tick = conns->loop->now_tick,
		.let_read = CONN_NONE,
		.threshold = FLOOD_MAX,
		.trickle_left = TRICKLE,
		.elsewhere_left = TRICKLE_ELSEWHERE,
	};
}
