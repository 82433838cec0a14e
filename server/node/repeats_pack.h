/* The ids of messages that were pushed lately, for the process that takes this node's place: who
 * sends one again makes no double there either. */
#ifndef TIDEGATE_REPEATS_PACK_H
#define TIDEGATE_REPEATS_PACK_H

#include "../base/pack.h"
#include "repeats.h"

void repeats_pack(const struct repeats *repeats, struct pack *pack);

/* Of one that remembers nothing yet. Errors: -EINVAL for bytes that make no sense; what there is no
 * memory for is not remembered. */
int repeats_unpack(struct repeats *repeats, struct unpack *unpack);

#endif
