/* Cipher contexts that are lent to the lines that talk. One takes some 1 KB, so an idle line has
 * none, and making a context ready for another line's key costs about as much as four small
 * records.
 *
 * A line has one place where it may have two of its own, one for each direction; whoever talks next
 * at that place has them. It gets them with the second read within a second or two, so that who
 * says something now and then takes none. Everybody else uses the worker's spare one, for one
 * visit: so does a fan-out's pass, which takes nobody's place.
 *
 * Thread: the worker, all below. */
#ifndef TIDEGATE_TLS_KEYS_H
#define TIDEGATE_TLS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/tls_line.h"
#include "../base/budget.h"

enum {
	TLS_KEYS_PLACES = 1024, /* a power of two */
	TLS_KEYS_SWEEP = 256,   /* places that a sweep looks at */
};

/* A context, and whose key it has: with the end of that line the key is wiped, wherever it is. */
struct tls_lent {
	struct tls_aead aead;
	const struct tls_line *line; /* NULL: there is no context */
	bool is_current; /* of a place: set since its line has come, or with it behind a KeyUpdate
			  */
};

/* Where the lines of certain indexes meet. */
struct tls_place {
	const struct tls_line *line; /* who has read last; NULL: nobody lately */
	struct tls_lent reads; /* stays when the line changes, with the key of the one before */
	struct tls_lent writes;
	bool comes_often; /* `line` has read more than once */
	bool is_silent;   /* since the last sweep */
};

/* Zeros are one without contexts.
 * Owner:  one worker.
 * Shared: never. */
struct tls_keys {
	/* For whoever has none of its own, of each suite: making it ready does not allocate. */
	struct tls_lent spares[TLS_SUITE_COUNT];
	uint32_t taken_count;   /* places that have a line or contexts */
	uint32_t context_count; /* all that there are */
	uint32_t charged_count; /* of them, those the budget knows of */
	uint32_t sweep_at;
	struct tls_place places[TLS_KEYS_PLACES];
};

/* The context to open a line's records with; it is the line's until its visit ends. `index` is its
 * connection's. The line has the place now. NULL: there is no memory. */
struct tls_aead *tls_keys_to_read(
	struct tls_keys *keys, uint32_t index, const struct tls_line *line);

/* The same to seal them with. Takes nobody's place. */
struct tls_aead *tls_keys_to_write(
	struct tls_keys *keys, uint32_t index, const struct tls_line *line);

/* A line ends: its keys are wiped. */
void tls_keys_forget(struct tls_keys *keys, uint32_t index, const struct tls_line *line);

/* Frees the contexts of those who have been silent since the sweep of their place before this one.
 * Looks at a quarter of the places: four times a second that is a second. */
void tls_keys_sweep(struct tls_keys *keys);

/* Frees all contexts; whoever needs one gets another. */
void tls_keys_empty(struct tls_keys *keys);

/* Charges the budget with the contexts that there are now. */
void tls_keys_charge(struct tls_keys *keys, struct budget *budget);

#endif
