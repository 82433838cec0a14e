/* The node's places for connections.
 *
 * Whoever is accepted takes a place. Where there is none, a few may stay beyond the limit to be
 * refused: with the request read, which makes sure that the 503 arrives. Should a place be free by
 * then, they take it instead. Each is given back when its socket is closed, so that places are
 * descriptors, too. */
#ifndef TIDEGATE_PLACES_H
#define TIDEGATE_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/spread.h"

/* Owner:  the gateway.
 * Shared: all acceptors and workers. */
struct places {
	_Atomic uint32_t max;
	_Atomic uint32_t taken;
	_Atomic uint32_t refusals_max;
	_Atomic uint32_t refusals;
	_Atomic uint32_t openings;         /* a second; 0: no limit */
	_Atomic uint64_t openings_full_ns; /* when there are as many as may come at once */
	_Atomic uint64_t back_ms; /* draining: when to come back, by the loop's clock; else 0 */
};

/* All may be taken at once by different threads: what they return is true for one only. */

/* Takes one of those that may come this second, or of a second's saved up. False: they come too
 * fast. Thread: any; `now_us` is the loop's. */
bool places_take_opening(struct places *places, uint64_t now_us);

/* Takes a place. False: there is none. Thread: any. */
bool places_take(struct places *places);

/* Takes one beyond the limit. False: there is none either. Thread: any. */
bool places_take_refusal(struct places *places);

/* Takes a place for one from beyond the limit. False: there is none. Thread: any. */
bool places_promote(struct places *places);

/* Counts one that another process had counted, whether or not there is a place. Thread: any. */
void places_adopt(struct places *places, bool is_refusal);

/* Gives back a place, or one beyond the limit. Thread: any. */
void places_give(struct places *places, bool is_refusal);

/* Draining: nobody who is refused should come back before that. Thread: any. */
void places_set_back_ms(struct places *places, uint64_t back_ms);

/* What a 503 says in its Retry-After, in seconds. PROTOCOL section 1. Thread: any; `spread` is its
 * own. */
uint32_t places_retry_s(const struct places *places, struct spread *spread, uint64_t now_ms);

#endif
