/* How many have come lately of those who may come in a second, for the process that goes on letting
 * them in. Places themselves are taken anew by whoever has one. Thread: any. */
#ifndef TIDEGATE_PLACES_PACK_H
#define TIDEGATE_PLACES_PACK_H

#include "../base/pack.h"
#include "places.h"

void places_pack(const struct places *places, struct pack *pack);

/* Errors: -EINVAL, the places as they were. */
int places_unpack(struct places *places, struct unpack *unpack);

#endif
