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
	uint32_t tick;         /* of the last settling */
	uint32_t let_read;     /* the flood that was, and has fed nobody since; CONN_NONE */
	uint32_t threshold;    /* bytes of an account beyond which a connection floods */
	uint32_t trickle_left; /* bytes that floods may feed in this tick while a receiver lags */
};

void pressure_init(
	struct pressure *pressure, struct fanout_node *node, struct conns *conns, uint8_t worker);

/* A connection has given the fan-out `bytes` for each receiver: it feeds. With `some_lag` one of
 * them may lag, now or later. */
void pressure_note_fed(struct pressure *pressure, struct conn *feeder, size_t bytes, bool some_lag);

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

/* Once a turn: publishes this worker's gauges, and lets feeders go on when the pressure has fallen,
 * here and elsewhere. */
void pressure_settle(struct pressure *pressure);

#endif
