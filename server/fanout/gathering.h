/* When a pass over the receivers begins: at once, or a moment later because more is on its way.
 *
 * A pass costs each receiver a system call, whether it brings one text or sixty. With several
 * workers each has read a part of what was said at the same time, and the others' part comes by
 * mail: a pass that begins at once brings half as much, twice as often. So where the last pass
 * brought many texts, the next one waits for the rest: half as long as the last one took, two
 * milliseconds at most.
 *
 * Nobody who just talks waits: the pass before must have been dense and must have ended just now.
 */
#ifndef TIDEGATE_GATHERING_H
#define TIDEGATE_GATHERING_H

#include <stdbool.h>
#include <stdint.h>

/* Owner:  a worker's fan-out. All zero: nothing has been handed out yet.
 * Shared: never. */
struct gathering {
	uint32_t texts;        /* of the last pass */
	uint64_t took_us;      /* the last pass */
	uint64_t ended_us;     /* the last pass */
	uint64_t began_us;     /* the pass under way */
	uint64_t waiting_from; /* us; 0: it does not wait */
};

/* For how many us the next pass, of `texts` so far, still waits; 0: it begins now. */
uint32_t gathering_wait_us(struct gathering *gathering, uint32_t texts, uint64_t now_us);

void gathering_pass_begins(struct gathering *gathering, uint64_t now_us);

/* Only for a pass that most receivers had something from. */
void gathering_pass_ends(struct gathering *gathering, uint32_t texts, uint64_t now_us);

#endif
