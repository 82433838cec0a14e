/* The request for the nodes of the cluster, as this one sees them. */
#ifndef TIDEGATE_ADMIN_NODES_H
#define TIDEGATE_ADMIN_NODES_H

#include "request.h"

void admin_nodes_list(struct admin_request *request);

#endif
