/* The request for the connections that ended last. */
#ifndef TIDEGATE_ADMIN_ENDED_H
#define TIDEGATE_ADMIN_ENDED_H

#include "request.h"

void admin_ended_list(struct admin_request *request);

#endif
