/* Bytes on their way to many: counted references, and the node's account of what they take. */
#ifndef TIDEGATE_BUF_H
#define TIDEGATE_BUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may be held in memory for peers who have not taken it yet.
 * Owner:  the gateway.
 * Shared: all workers; relaxed atomics, a limit that holds to within what is under way. */
struct memory_budget {
	_Atomic size_t used;  /* bytes */
	_Atomic size_t limit; /* bytes; may change while running */
};

static inline void memory_budget_take(struct memory_budget *budget, size_t bytes)
{
	atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
}

static inline void memory_budget_give(struct memory_budget *budget, size_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

static inline bool memory_budget_is_exceeded(struct memory_budget *budget)
{
	return atomic_load_explicit(&budget->used, memory_order_relaxed) >
	       atomic_load_explicit(&budget->limit, memory_order_relaxed);
}

/* Owner:  whoever holds a reference; written only while there is one.
 * Freed:  with the last reference. */
struct buf {
	_Atomic uint32_t refs;
	uint32_t capacity; /* bytes at `data` */
	uint32_t len;      /* bytes filled */
	struct memory_budget *budget;
	size_t footprint; /* bytes taken from the budget */
	uint8_t *data;
};

/* Allocates a buf at the front of `prefix` bytes (at least sizeof(struct buf)) that belong to the
 * caller's own struct, with `capacity` bytes of data behind it, one reference, charged to `budget`.
 * Thread: any. Errors: -ENOMEM. */
int buf_create(
	struct memory_budget *budget, size_t prefix, uint32_t capacity, struct buf **ret_buf);

/* Thread: any holder of a reference. */
static inline struct buf *buf_ref(struct buf *buf)
{
	atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
	return buf;
}

/* Gives back a reference and nulls the giver's pointer. *buf may be NULL. Thread: any holder. */
void buf_unref(struct buf **buf);

/* Whether the caller holds the only reference, and so may write again. Thread: any holder. */
bool buf_is_exclusive(const struct buf *buf);

#endif
