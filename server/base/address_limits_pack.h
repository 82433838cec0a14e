/* How often addresses have opened connections lately, for the process that goes on with the limits:
 * who was braked is braked there too. Who is connected is counted anew, by address_limits_enter and
 * address_limits_adopt. Buckets that are full again are left out: they say nothing. */
#ifndef TIDEGATE_ADDRESS_LIMITS_PACK_H
#define TIDEGATE_ADDRESS_LIMITS_PACK_H

#include "address_limits.h"
#include "pack.h"

/* Appends the buckets that are not full at `now_ns` of the workers' clock. Thread: any. */
void address_limits_pack(const struct address_limits *limits, uint64_t now_ns, struct pack *pack);

/* Puts them into the place of what there is; without a limit of openings here they are dropped.
 * Addresses are told by the giver's key from then on, so none may have been counted. Thread: one at
 * a time, before there are workers. Errors: -EINVAL, the limits as they were. */
int address_limits_unpack(struct address_limits *limits, struct unpack *unpack);

#endif
