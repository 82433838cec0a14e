/* What the API remembers and has counted, for the process that takes this node's place. */
#ifndef TIDEGATE_API_PACK_H
#define TIDEGATE_API_PACK_H

#include "../base/pack.h"
#include "api.h"

/* Nothing is under way. Thread: the owner, both. */
void api_pack(const struct api *api, struct pack *pack);

/* Errors: -EINVAL for bytes that make no sense. */
int api_unpack(struct api *api, struct unpack *unpack);

#endif
