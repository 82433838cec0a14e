/* A session's rights for the process that goes on with it, where equal ones are kept once again. */
#ifndef TIDEGATE_RIGHTS_PACK_H
#define TIDEGATE_RIGHTS_PACK_H

#include "../../base/pack.h"
#include "rights.h"

/* Appends a set, or that there is none. Thread: any that holds a reference. */
void rights_pack(const struct rights *rights, struct pack *pack);

/* The same set out of this table; NULL: the session may do everything. The reference is the
 * caller's. Thread: any. Errors: -EINVAL, -ENOMEM. */
int rights_unpack(struct rights_table *table, struct unpack *unpack, struct rights **ret_rights);

#endif
