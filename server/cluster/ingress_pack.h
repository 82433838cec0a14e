/* What was held back of what others say, for the process that takes this node's place. */
#ifndef TIDEGATE_INGRESS_PACK_H
#define TIDEGATE_INGRESS_PACK_H

#include "../base/pack.h"
#include "ingress.h"

/* Appends what is held, and what has been counted. Thread: the owner, registered, both. */
void ingress_pack(const struct ingress *ingress, struct pack *pack);

/* Goes on with it. Errors: -EINVAL for bytes that make no sense. */
int ingress_unpack(struct ingress *ingress, struct unpack *unpack);

#endif
