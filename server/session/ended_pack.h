/* The last connections that ended, for the process that goes on: those of all workers, dealt out to
 * its own, of which there may be more or fewer. So that one worker's lot pushes out nobody while
 * there is room with another, they are dealt in the order of their ends, one after the other. */
#ifndef TIDEGATE_ENDED_PACK_H
#define TIDEGATE_ENDED_PACK_H

#include <stdint.h>

#include "../base/pack.h"
#include "ended.h"

/* Appends what all of them have. Thread: one that stands in for all workers. */
void ended_pack(const struct ended *const *of, uint32_t count, struct pack *pack);

/* Puts it behind what is there. With a `count` of 0 it is read and dropped. Thread: likewise.
 * Errors: -EINVAL, -ENOMEM; what is there stays as it was. */
int ended_unpack(struct ended *const *of, uint32_t count, struct unpack *unpack);

#endif
