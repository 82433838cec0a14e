/* What the admin port knows of the gateway, for the process that goes on with it: since when it
 * runs, under which name, and what has been counted. Thread: the admin thread, or one that stands
 * in for it.
 */
#ifndef TIDEGATE_ADMIN_CONTEXT_PACK_H
#define TIDEGATE_ADMIN_CONTEXT_PACK_H

#include "../base/pack.h"
#include "context.h"

void admin_context_pack(const struct admin_context *context, struct pack *pack);

/* Errors: -EINVAL, -ENOMEM, the context as it was. */
int admin_context_unpack(struct admin_context *context, struct unpack *unpack);

#endif
