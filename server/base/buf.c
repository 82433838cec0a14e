#include "buf.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "../../proto/assert.h"

int buf_create(struct budget *budget, enum budget_kind kind, size_t prefix, uint32_t capacity,
	struct buf **ret_buf)
{
	ASSERT(prefix >= sizeof(struct buf));
	struct buf *buf = malloc(prefix + capacity);
	if (!buf) {
		return -ENOMEM;
	}
	*buf = (struct buf){
		.refs = 1,
		.capacity = capacity,
		.kind = kind,
		.budget = budget,
		/* What the allocator rounds up to is held as well, up to a quarter more. */
		.footprint = malloc_usable_size(buf),
		.data = (uint8_t *)buf + prefix,
	};
	budget_change(budget, kind, (ptrdiff_t)buf->footprint);
	*ret_buf = buf;
	return 0;
}

void buf_unref(struct buf **buf)
{
	struct buf *given = *buf;
	*buf = NULL;
	/* Released so that the last holder, who acquires, frees after all others have read. */
	if (!given || atomic_fetch_sub_explicit(&given->refs, 1, memory_order_acq_rel) > 1) {
		return;
	}
	budget_change(given->budget, given->kind, -(ptrdiff_t)given->footprint);
	free(given);
}

bool buf_is_exclusive(const struct buf *buf)
{
	return atomic_load_explicit(&buf->refs, memory_order_acquire) == 1;
}
