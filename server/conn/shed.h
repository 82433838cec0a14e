/* Over the node's memory limit the connection that holds the most is closed, wherever it is. */
#ifndef TIDEGATE_SHED_H
#define TIDEGATE_SHED_H

#include <stdbool.h>
#include <stdint.h>

#include "conns.h"

/* Once a turn: tells the node how much the largest holder of this worker has. Where memory
 * `is_tight`, as budget_is_tight says, gives up spare readers, then, while the limit is passed and
 * that holder is the largest of the node, closes it, at most `most` of them. Returns which worker
 * has to go on, this one perhaps; BUDGET_NOBODY when none has to, or nobody is left who holds
 * anything. Thread: the owner. */
uint32_t shed_largest(struct conns *conns, bool is_tight, uint32_t most);

#endif
