/* A queue that goes on in another process: its pieces in order, the shared ones by number, and
 * where the frame under way stands. How much the peer had taken is found out anew. Thread: the
 * owner. */
#ifndef TIDEGATE_TX_QUEUE_PACK_H
#define TIDEGATE_TX_QUEUE_PACK_H

#include "../base/pack.h"
#include "../base/shared_bufs.h"
#include "tx_queue.h"

/* Appends a queue that is not final. Bufs that it refers to get their numbers in `shared`. Errors:
 * -ENOMEM, -ENOSPC. */
int tx_queue_pack(const struct tx_queue *queue, struct shared_bufs *shared, struct pack *pack);

/* Makes the queue again; its bufs are those of `shared`. What lies behind the frame under way is
 * taken as it is. Errors: -EINVAL: nothing that was packed looks so; -ENOMEM. */
int tx_queue_unpack(
	struct unpack *unpack, const struct shared_bufs *shared, struct tx_queue **ret_queue);

#endif
