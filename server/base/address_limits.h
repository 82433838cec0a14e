/* What one address may do on this node: have so many connections, open so many a second. IPv6 is
 * taken by /64, and by /48, which may do 16 times as much.
 *
 * Connections are counted exactly: a slot for each address that is connected, and none for the
 * others. Rates are kept for the 65,536 addresses that were here last; see address_rates.h. Whoever
 * is beyond a limit is to be told so, for which it has to stay for a moment; as many may stay for
 * that as may be connected, or opened, and the rest are not worth it. */
#ifndef TIDEGATE_ADDRESS_LIMITS_H
#define TIDEGATE_ADDRESS_LIMITS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "address_rates.h"
#include "address_table.h"
#include "budget.h"
#include "remote.h"

enum {
	ADDRESS_STRIPES = 64,  /* locks: a connection takes one or two of them, each for a moment */
	ADDRESS_HASH_KEY = 16, /* bytes */
};

enum address_verdict {
	ADDRESS_WELCOME,
	ADDRESS_TOO_MANY,  /* connections */
	ADDRESS_TOO_OFTEN, /* openings */
	ADDRESS_NO_MEMORY,
};

/* As what a connection is counted. */
enum address_hold {
	ADDRESS_HOLD_NONE,
	ADDRESS_HOLD_ADMITTED,
	ADDRESS_HOLD_REFUSED, /* there to be told */
};

/* What comes of a connection.
 * Plain data; the hold is to be given back. */
struct address_entry {
	enum address_verdict verdict;
	enum address_hold hold;
	bool is_flood; /* of one that is refused: too many are, to be told */
};

/* On a cache line of its own. */
struct address_stripe {
	_Alignas(64) pthread_mutex_t lock; /* of the table, and of all sets of its number */
	struct address_table table;
};

/* Owner:  the node.
 * Shared: all workers; set by one thread. */
struct address_limits {
	_Atomic uint32_t connections; /* of one address; 0: no limit, and none are counted */
	_Atomic uint32_t openings;    /* a second, of one address; 0: no limit */
	struct budget *budget;
	struct address_stripe *stripes;
	struct address_rate_set *rates; /* ADDRESS_RATES_SETS; NULL until there is a limit. Under
					 * all locks */
	unsigned char hash_key[ADDRESS_HASH_KEY]; /* random, so that nobody chooses his slot */
};

/* Without limits. Errors: -ENOMEM; address_limits_finish is due all the same. */
int address_limits_init(struct address_limits *limits, struct budget *budget);

/* Frees everything; all holds have been given back. Fine with zeros. */
void address_limits_finish(struct address_limits *limits);

/* Sets the limits. They hold for newcomers; who is connected stays, and is counted from now on if
 * address_limits_adopt says so. Thread: one at a time, beside workers. Errors: -ENOMEM, the limits
 * as they were. */
int address_limits_set(struct address_limits *limits, uint32_t connections, uint32_t openings);

/* Whether there is anything to ask. Thread: any. */
static inline bool address_limits_are_on(const struct address_limits *limits)
{
	return (atomic_load_explicit(&limits->connections, memory_order_relaxed) |
		       atomic_load_explicit(&limits->openings, memory_order_relaxed)) > 0;
}

/* A connection comes from an address. `now_ns` is of a clock that all workers have. Who has no
 * address is welcome. Thread: any. */
struct address_entry address_limits_enter(
	struct address_limits *limits, const struct remote *remote, uint64_t now_ns);

/* Counts a connection that was there before there was a limit, whatever that is, or before there
 * was this process: as admitted or as refused. Returns how it is counted: not at all without a
 * limit of connections, or without memory. Thread: any. */
enum address_hold address_limits_adopt(
	struct address_limits *limits, const struct remote *remote, enum address_hold hold);

/* A connection goes; `hold` is what its coming or its adoption gave. Thread: any. */
void address_limits_leave(
	struct address_limits *limits, const struct remote *remote, enum address_hold hold);

#endif
