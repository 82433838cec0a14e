/* Bytes on their way to many, with counted references and charged to the node's budget. */
#ifndef TIDEGATE_BUF_H
#define TIDEGATE_BUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "budget.h"

/* Owner:  whoever holds a reference; written only while there is one.
 * Freed:  with the last reference. */
struct buf {
	_Atomic uint32_t refs;
	uint32_t capacity; /* bytes at `data` */
	uint32_t len;      /* bytes filled */
	enum budget_kind kind;
	struct budget *budget;
	size_t footprint; /* bytes taken from the budget */
	uint8_t *data;
};

/* Allocates a buf at the front of `prefix` bytes (at least sizeof(struct buf)) that belong to the
 * caller's own struct, with `capacity` bytes of data behind it, one reference, charged to `budget`
 * as `kind`. Thread: any. Errors: -ENOMEM. */
int buf_create(struct budget *budget, enum budget_kind kind, size_t prefix, uint32_t capacity,
	struct buf **ret_buf);

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
