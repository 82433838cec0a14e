/* What was lost on the way from one source, told by the numbers of its messages. README.md,
 * "Numbers".
 *
 * A source counts what it publishes to all from 1 on, and for each incarnation of each other node
 * what it publishes to that one alone, from 1 on too. The latter also carry the number of the last
 * one to all before them. A source goes on counting as long as it runs, even when the other node
 * was down meanwhile; so both sides keep these numbers for as long as they run. Pure: no clock, no
 * log. Thread: the owner's. */
#ifndef TIDEGATE_NUMBERS_H
#define TIDEGATE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* What was heard of one incarnation of a source.
 * Owner: whoever holds what is known of that source. Zeroed: nothing heard yet. */
struct numbers {
	uint64_t all;   /* of the last one to all that is known of */
	uint64_t alone; /* of the last one to this node alone; 0: none */
	bool has_all;   /* where this node came in is known: what was before is no loss */
};

enum numbers_verdict {
	NUMBERS_IN_ORDER,
	NUMBERS_GAP,  /* this one is to be acted on; some before it are lost */
	NUMBERS_SEEN, /* this one or a later one came before: to be dropped */
};

/* A message came that was published to all: `number`, `all_number` of its header are the same.
 * `ret_lost` gets how many are missing before it; 0 without a gap. */
enum numbers_verdict numbers_on_all(struct numbers *numbers, uint64_t number, uint64_t *ret_lost);

/* A message came to this node alone. */
enum numbers_verdict numbers_on_alone(
	struct numbers *numbers, uint64_t all_number, uint64_t number, uint64_t *ret_lost);

/* A heartbeat says which number was the last one to this node alone: so the last ones are missed
 * too when none comes behind them. Returns how many are lost. */
uint64_t numbers_on_sent(struct numbers *numbers, uint64_t number);

#endif
