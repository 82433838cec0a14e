/* Who is slowed down, and when: back-pressure on those who feed the fan-out.
 *
 * When batches are logged faster than they are handed out, or most receivers lag behind, workers
 * stop reading from those who feed until that is over. While a few lag, those who flood are slowed
 * down, and nobody else. Otherwise one flooder would get every receiver cut off instead of himself;
 * and no reader, however slow, can delay those who just talk.
 *
 * Also here: who is cut off while the node's memory limit is passed. */
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
	bool is_lagging;        /* some receiver, somewhere; as of the last settling */
	bool is_congested;      /* as of the last settling */
	uint32_t unpaused_tick; /* when paused feeders were last let go on */
};

/* A connection has given the fan-out `bytes` for each receiver: it feeds. */
void pressure_note_fed(struct pressure *pressure, struct conn *feeder, size_t bytes);

/* How many bytes may be read from a feeder now: none while the backlog has passed the high
 * watermark and not come down to the low one since, or while most receivers lag; only so many in
 * each tick while any does. */
size_t pressure_may_read(struct pressure *pressure, const struct conn *feeder);

/* Whether all who feed are held back. */
bool pressure_is_high(const struct pressure *pressure);

/* Receivers of the node: our own as given, the others' as of their last turn. */
uint64_t pressure_receivers(const struct pressure *pressure, uint32_t own_receivers);

/* Once a turn: publishes this worker's gauges, lets feeders go on when the pressure has fallen,
 * here and elsewhere, and cuts off the largest queue of the node, if it is here, while the memory
 * limit is passed. */
void pressure_settle(struct pressure *pressure, uint32_t own_receivers);

#endif
