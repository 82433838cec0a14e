#include "pace.h"

#include <stdlib.h>

#include "../base/least.h"
#include "conn_extra.h"
#include "transport.h"

enum {
	TICK_US = LOOP_TICK_MS * 1000,
	LOOK_TICKS = 1000 / LOOP_TICK_MS,  /* between two looks at one whose rate is used up */
	FULL_TICKS = 60000 / LOOP_TICK_MS, /* that the kernel may hold too much */
	/* Bytes that are too much in any case: of a socket that is hardly read, a kernel takes no
	 * more than some 100 KiB. */
	FULL_LEN_MAX = 65536,
	SEEN_TICKS = 2 * LOOK_TICKS, /* without a look: it has gone on in between */
	/* Bytes of one read. Frames may be as short as 6, so that a few messages more than are left
	 * may be read. */
	LOOK_READ = 256,
	LOOK_READ_MIN = 32, /* a heartbeat's */
	MESSAGE_READ = 16,  /* for each message that is left */
	REFUSE_READ = 1024,
	/* Says that are refused at once in a second, each of these bytes at most, longer ones as
	 * more. */
	REFUSED_PER_S = 50,
	REFUSED_LEN = 1024,
};

/* --- what counts -------------------------------------------------------------------------------
 */

static struct pace *pace_of(const struct conn *conn)
{
	const struct conn_extra *extra = conn_extra_of(conn);
	return extra ? extra->pace : NULL;
}

/* NULL: there is no memory, and the connection ends for it. */
static struct pace *make(struct conns *conns, struct conn *conn)
{
	struct pace *pace = pace_of(conn);
	if (pace) {
		return pace;
	}
	pace = conn_extra_make(conn) < 0 ? NULL : calloc(1, sizeof(*pace));
	if (!pace) {
		conn_close(conns, conn, CLOSE_REASON_INTERNAL_ERROR, 0);
		return NULL;
	}
	conn->extra->pace = pace;
	return pace;
}

static bool is_clear(const struct conns *conns, const struct pace *pace)
{
	const uint64_t now_us = conns->loop->now_us;
	return rate_is_clear(&pace->messages, conns->limits.message_rate, now_us) &&
	       rate_is_clear(&pace->bytes, conns->limits.byte_rate, now_us);
}

static enum pace_finding take(struct conns *conns, struct pace *pace, size_t len)
{
	const uint64_t now_us = conns->loop->now_us;
	const bool was_clear = is_clear(conns, pace);
	rate_take(&pace->messages, conns->limits.message_rate, 1, now_us);
	rate_take(&pace->bytes, conns->limits.byte_rate, len, now_us);
	if (is_clear(conns, pace)) {
		return PACE_WITHIN;
	}
	if (was_clear) {
		pace->look_tick = conns->loop->now_tick + LOOK_TICKS;
	}
	return was_clear ? PACE_USED_UP : PACE_BEYOND;
}

enum pace_finding pace_count(struct conns *conns, struct conn *conn, size_t len)
{
	struct pace *pace = make(conns, conn);
	if (!pace) {
		return PACE_NO_MEMORY;
	}
	const enum pace_finding finding = take(conns, pace, len);
	if (finding == PACE_BEYOND) {
		/* It was read to be refused, and cannot be: no more is read for that for now. */
		rate_take(&pace->refused, REFUSED_PER_S, 2 * RATE_BURST_S * REFUSED_PER_S,
			conns->loop->now_us);
	}
	return finding;
}

enum pace_finding pace_ask(struct conns *conns, struct conn *conn, size_t len)
{
	struct pace *pace = make(conns, conn);
	if (!pace) {
		return PACE_NO_MEMORY;
	}
	if (is_clear(conns, pace)) {
		return take(conns, pace, len);
	}
	rate_take(&pace->refused, REFUSED_PER_S, 1 + len / REFUSED_LEN, conns->loop->now_us);
	stats_add(&conns->stats->rate_refusals, 1);
	return PACE_BEYOND;
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* No more than about what is left. */
static size_t left_to_read(const struct conns *conns, const struct pace *pace)
{
	static const struct pace fresh = {.look_tick = 0};
	const struct pace *its = pace ? pace : &fresh;
	const uint64_t now_us = conns->loop->now_us;
	const uint64_t messages = rate_left(&its->messages, conns->limits.message_rate, now_us);
	const uint64_t bytes = rate_left(&its->bytes, conns->limits.byte_rate, now_us);
	uint64_t most = bytes;
	if (messages < most / MESSAGE_READ) {
		most = messages * MESSAGE_READ;
	}
	return most > LOOK_READ ? most : LOOK_READ;
}

/* What is read of one whose rate is used up counts all the same: no more than about a few
 * seconds' worth of the shortest messages, or a low rate would be that of the looks. */
static size_t beyond_to_read(const struct conns *conns, size_t most, uint32_t seconds)
{
	const uint64_t worth = (uint64_t)conns->limits.message_rate * MESSAGE_READ * seconds;
	if (worth == 0 || worth >= most) {
		return most;
	}
	return worth > LOOK_READ_MIN ? worth : LOOK_READ_MIN;
}

size_t pace_may_read(struct conns *conns, struct conn *conn)
{
	struct pace *pace = pace_of(conn);
	if (conn->state != CONN_LIVE) {
		return SIZE_MAX;
	}
	if (!pace || is_clear(conns, pace)) {
		return left_to_read(conns, pace);
	}
	if (conn->flags & CONN_V1 &&
		rate_is_clear(&pace->refused, REFUSED_PER_S, conns->loop->now_us)) {
		return beyond_to_read(conns, REFUSE_READ, RATE_BURST_S);
	}
	if (conns->loop->now_tick < pace->look_tick) {
		return 0;
	}
	pace->look_tick = conns->loop->now_tick + LOOK_TICKS;
	return beyond_to_read(conns, LOOK_READ, 1);
}

/* The first tick that begins with the rate clear, or `latest`. Ticks count from 1. */
static uint32_t clear_tick(const struct conns *conns, const struct rate *rate, uint32_t latest)
{
	const uint64_t clear = rate->clear_us / TICK_US + 2;
	const uint32_t next = conns->loop->now_tick + 1;
	if (clear >= latest) {
		return latest;
	}
	return clear > next ? (uint32_t)clear : next;
}

void pace_hold(struct conns *conns, struct conn *conn)
{
	struct pace *pace = conn->extra->pace;
	const uint32_t latest = pace->look_tick;
	const uint32_t messages = clear_tick(conns, &pace->messages, latest);
	const uint32_t bytes = clear_tick(conns, &pace->bytes, latest);
	pace->wake_tick = messages > bytes ? messages : bytes;
	if (conn->flags & CONN_V1) {
		pace->wake_tick = clear_tick(conns, &pace->refused, pace->wake_tick);
	}
	conn->flags |= CONN_PACED;
	stats_add(&conns->stats->rate_pauses, 1);
	conn_rearm(conns, conn);
}

/* Of one who has hung up anything is: he is not to be there for as long as his words would last. */
static bool is_too_much_held(const struct conns *conns, const struct conn *conn)
{
	return conn->flags & CONN_HUNG_UP ||
	       transport_unread(conn) > least(conns->limits.max_message, FULL_LEN_MAX);
}

bool pace_is_hopeless(struct conns *conns, struct conn *conn)
{
	struct pace *pace = conn->extra->pace;
	const uint32_t now = conns->loop->now_tick;
	if (!is_too_much_held(conns, conn)) {
		pace->full_tick = 0;
		return false;
	}
	if (pace->full_tick == 0 || now - pace->seen_tick > SEEN_TICKS) {
		pace->full_tick = now;
	}
	pace->seen_tick = now;
	return now - pace->full_tick >= FULL_TICKS;
}
