/* The node's one account of memory: how much is held, of which kind, and how much may be.
 *
 * What connections hold (their heads, messages and queues) has one limit in common. Over it the
 * connection with the most goes, wherever on the node it is: each worker tells the account how much
 * its own largest holds; see holders.h. What belongs to no connection has a cap of its own: batches
 * are bounded by the backlog, bodies are refused when there is no room, joins beyond a part of the
 * limit, and pools, which do not count, are given back before it comes to the limit.
 *
 * What a closing connection holds counts as gone: it is promised back, so that nobody else has to
 * go for it. */
#ifndef TIDEGATE_BUDGET_H
#define TIDEGATE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of stats.def, in its order. */
enum budget_kind {
#define MEMORY(kind, field, metric, json, help) BUDGET_##kind,
#include "stats.def"
	BUDGET_KINDS,
};

#define BUDGET_NOBODY UINT32_MAX /* no worker's connections hold anything */

/* What one worker tells the others. On a cache line of its own. */
struct budget_gauge {
	_Alignas(
		64) _Atomic size_t largest; /* bytes that its largest holder has; 0: none has any */
};

/* Owner:  the gateway.
 * Shared: all threads. The amounts are relaxed: a limit that holds to within what is under way. */
struct budget {
	_Atomic size_t held[BUDGET_KINDS]; /* bytes */
	_Atomic size_t leaving;            /* of them, those of closing connections */
	_Atomic ptrdiff_t counted; /* all of them but pools and what is leaving; below zero while
				    * what was promised has come and is still taken for a promise */
	_Atomic size_t limit;      /* bytes; may change while running */
	uint32_t worker_count;
	struct budget_gauge *gauges; /* of the workers, by id */
};

/* Without a limit. Errors: -ENOMEM; budget_finish is due all the same. */
int budget_init(struct budget *budget, uint32_t worker_count);

void budget_finish(struct budget *budget);

/* Notes that more of a kind is held, or less. Thread: any, all below. */
void budget_change(struct budget *budget, enum budget_kind kind, ptrdiff_t bytes);

/* Notes that more is promised back, or less. */
void budget_promise(struct budget *budget, ptrdiff_t bytes);

static inline size_t budget_held(const struct budget *budget, enum budget_kind kind)
{
	return atomic_load_explicit(&budget->held[kind], memory_order_relaxed);
}

/* All that counts against the limit. */
static inline size_t budget_used(const struct budget *budget)
{
	ptrdiff_t counted = atomic_load_explicit(&budget->counted, memory_order_relaxed);
	return counted > 0 ? (size_t)counted : 0;
}

/* Whether `bytes` more would stay within the limit. */
static inline bool budget_has_room(const struct budget *budget, size_t bytes)
{
	size_t limit = atomic_load_explicit(&budget->limit, memory_order_relaxed);
	size_t used = budget_used(budget);
	return used <= limit && bytes <= limit - used;
}

static inline bool budget_is_exceeded(const struct budget *budget)
{
	return !budget_has_room(budget, 0);
}

/* Whether it would be exceeded if pools counted: they are to be given back then, each by its owner,
 * and nobody has to go for them. */
static inline bool budget_is_tight(const struct budget *budget)
{
	return !budget_has_room(budget, budget_held(budget, BUDGET_POOLS));
}

/* The worker whose largest holder is the largest of the node, of equals the first one;
 * BUDGET_NOBODY. */
uint32_t budget_worker_of_largest(const struct budget *budget);

#endif
