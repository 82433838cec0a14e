/* Who is slowed down, and when: back-pressure on those who feed the fan-out, by what they have fed.
 *
 * A connection's account is the bytes that each receiver owes to it: added up as they are made,
 * halved each second, whatever else it says. Beyond a threshold it floods.
 *
 *   backlog over its mark    floods wait
 *   a receiver lags          floods that feed it share a trickle, so that it can catch up or be
 *                            given up on
 *   backlog over twice that  all wait who feed; the threshold falls until the quieter can go on
 *
 * Meanwhile others are read in small pieces, since they may be about to begin.
 *
 * In a cluster each node tells the others how it is there, in the same three steps: floods that
 * feed other nodes share a trickle of their own while one of those is tight, and wait while one is
 * full. Nobody else is slowed down for that, and talk never is.
 *
 * A flood to everybody feeds whoever lags. A flood to rooms or users has been seen to feed somebody
 * who lags in its last read, or not: of those in other rooms it need not know.
 *
 * So a flood is as fast as the slowest of its receivers that keeps reading, and cuts off nobody who
 * does; who does not read slows down floods and never talk. */
#ifndef TIDEGATE_PRESSURE_H
#define TIDEGATE_PRESSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../conn/conns.h"
#include "fanout_node.h"

/* Whom something was said to, as far as that matters to who may go on. */
enum pressure_whom {
	PRESSURE_SOME_LAG = 1 << 0,  /* some of them may lag, now or later */
	PRESSURE_ELSEWHERE = 1 << 1, /* some may be on other nodes */
};

/* What the workers have told of their receivers, in sum. */
struct pressure_sums {
	uint64_t receivers;
	uint64_t lagging;
	bool holds_back; /* some worker has paused feeders */
};

/* Thread: any. */
struct pressure_sums pressure_sum_up(const struct fanout_node *node);

/* Half of them are most: who sends is a receiver too, of what others say. */
static inline bool pressure_most_lag(const struct pressure_sums *sums)
{
	return sums->lagging > 0 && sums->lagging * 2 >= sums->receivers;
}

/* Whether the backlog has passed its mark and, if it had, has not come down to half of it.
 * Thread: any. */
static inline bool pressure_backlog_is_over(const struct fanout_node *node, bool was_over)
{
	const size_t mark = atomic_load_explicit(&node->backlog_limit, memory_order_relaxed);
	const size_t backlog = atomic_load_explicit(&node->backlog, memory_order_relaxed);
	return backlog > (was_over ? mark / 2 : mark);
}

/* Whether floods wait already, and it still grows. Thread: any. */
static inline bool pressure_backlog_is_twice_over(const struct fanout_node *node)
{
	return atomic_load_explicit(&node->backlog, memory_order_relaxed) / 2 >
	       atomic_load_explicit(&node->backlog_limit, memory_order_relaxed);
}

/* Owner:  one worker.
 * Shared: never, but through the node's gauges. */
struct pressure {
	struct fanout_node *node;
	struct conns *conns;
	uint8_t worker;
	bool is_lagging;       /* some receiver, somewhere; as of the last settling */
	bool most_lag;         /* half of the receivers and more */
	bool is_congested;     /* the backlog has passed its mark and not come down to half of it */
	bool is_limited;       /* reads are little, for all */
	bool talk_waits;       /* since the last tick, somebody who does not flood was paused */
	uint8_t elsewhere;     /* that of other nodes; as of the last settling */
	uint32_t tick;         /* of the last settling */
	uint32_t let_read;     /* the flood that was, and has fed nobody since; CONN_NONE */
	uint32_t threshold;    /* bytes of an account beyond which a connection floods */
	uint32_t trickle_left; /* bytes that floods may feed in this tick while a receiver lags */
	uint32_t elsewhere_left; /* the same, while another node is tight */
};

void pressure_init(
	struct pressure *pressure, struct fanout_node *node, struct conns *conns, uint8_t worker);

/* A connection has given the fan-out `bytes` for each receiver: it feeds. `whom`: enum
 * pressure_whom. */
void pressure_note_fed(struct pressure *pressure, struct conn *feeder, size_t bytes, uint8_t whom);

/* How many bytes may be read from a connection now that feeds, or may begin to; 0: none, until
 * paused connections are let go on. */
size_t pressure_may_read(struct pressure *pressure, struct conn *feeder);

/* A batch is on its way: looks at the backlog before more is read. */
void pressure_on_publish(struct pressure *pressure);

/* Whether the backlog is over its mark: a backend, who can be told to come back later, has to. */
bool pressure_is_congested(const struct pressure *pressure);

/* Whether it is, or most of all receivers lag: then that goes for what is for everybody. */
bool pressure_is_high(const struct pressure *pressure);

/* Receivers of the node: our own as given, the others' as of their last turn. */
uint64_t pressure_receivers(const struct pressure *pressure, uint32_t own_receivers);

/* This worker has so many receivers from now on: who asks on another worker counts with them. */
void pressure_note_receivers(struct pressure *pressure, uint32_t own_receivers);

/* Other nodes are so (enum of elsewhere.h) from now on: who waits for them is let go on when they
 * are better off. Thread: the registrar's. */
void pressure_set_elsewhere(struct fanout_node *node, uint8_t level);

/* Once a turn: publishes this worker's gauges, and lets feeders go on when the pressure has fallen,
 * here and elsewhere. */
void pressure_settle(struct pressure *pressure);

#endif
