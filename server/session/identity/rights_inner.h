/* What sets of rights are made of: for rights.c and rights_pack.c. */
#ifndef TIDEGATE_RIGHTS_INNER_H
#define TIDEGATE_RIGHTS_INNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../proto/slice.h"

struct rights_table;

enum {
	RIGHTS_STORED_MAX = 1056, /* bytes of all patterns there may be, and of their lengths */
};

/* What is equal when two sets are: see `compare`. */
struct rights_head {
	bool may_broadcast;
	bool may_request;
	uint8_t say_count;
	uint8_t join_count;
	uint16_t stored_len;
};

struct rights {
	struct rights_table *table; /* NULL: kept for ever */
	struct rights *next;        /* in its bucket */
	_Atomic uint32_t references;
	uint32_t hash;
	struct rights_head head;
	const uint8_t *stored; /* those of `say`, then of `join`: a byte of length and the bytes */
	uint8_t own[];         /* what `stored` points to */
};

/* A set being read. */
struct rights_draft {
	struct rights_head head;
	size_t patterns; /* so far, equal ones included */
	size_t bytes;
	uint8_t stored[RIGHTS_STORED_MAX];
};

/* Whether there is a name, or an audience, that a pattern fits. */
bool rights_can_fit_name(struct slice pattern);
bool rights_can_fit_audience(struct slice pattern);

/* Takes patterns in, at most RIGHTS_PATTERNS_MAX, which are sorted for it: those of `say` first,
 * then those of `join`. Errors: -EINVAL: one that `can_fit` does not like, or more than there may
 * be. */
int rights_draft_store(struct rights_draft *draft, struct slice *patterns, size_t count,
	bool (*can_fit)(struct slice pattern), uint8_t *ret_count);

/* Another reference to the one set that is equal. Errors: NULL: no memory. */
struct rights *rights_intern(struct rights_table *table, const struct rights_draft *draft);

#endif
