/* Bytes that many lines have queued, known by a number on their way to the next process, so that
 * they travel once and are held once there too.
 *
 * The giver gives each buf a number when a line first names it; the taker knows the bufs it has
 * made of what came by the same numbers. Numbers begin at 0. */
#ifndef TIDEGATE_SHARED_BUFS_H
#define TIDEGATE_SHARED_BUFS_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "buf.h"

enum {
	SHARED_BUFS_MAX = 1 << 24, /* more than one process has ever held, so that a number that
				    * makes no sense costs no memory */
};

/* Owner:  the main thread, in one of the two processes.
 * Shared: never.
 * Freed:  by shared_bufs_destroy. */
struct shared_bufs;

/* None yet. Errors: -ENOMEM. */
int shared_bufs_create(struct shared_bufs **ret_shared);

/* Gives the references back and nulls the giver's pointer. *shared may be NULL. */
void shared_bufs_destroy(struct shared_bufs **shared);

/* How many have a number: those below it. */
uint32_t shared_bufs_count(const struct shared_bufs *shared);

/* --- the giver -------------------------------------------------------------------------------- */

/* The number of a buf, of which a reference is kept: the next one, when it has none yet. Thread: a
 * holder of a reference, the owner. Errors: -ENOMEM; -ENOSPC beyond SHARED_BUFS_MAX. */
int shared_bufs_number(struct shared_bufs *shared, struct buf *buf, uint32_t *ret_number);

/* The next buf that has got a number and was not returned here before, in the order of numbers: to
 * be sent ahead of the lines that name it. NULL: there is none. */
struct buf *shared_bufs_next(struct shared_bufs *shared, uint32_t *ret_number);

/* --- the taker -------------------------------------------------------------------------------- */

/* Makes a buf of bytes that have come, charged to the budget as `kind`. Numbers come in order.
 * Errors: -EINVAL when it is not the next number; -ENOMEM. */
int shared_bufs_put(struct shared_bufs *shared, struct budget *budget, enum budget_kind kind,
	uint32_t number, struct slice bytes);

/* The buf of a number, borrowed; whoever queues it takes a reference. NULL: there is none. */
struct buf *shared_bufs_get(const struct shared_bufs *shared, uint32_t number);

#endif
