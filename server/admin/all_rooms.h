/* The request for the rooms of all nodes: page by page, by the bytes of their names. */
#ifndef TIDEGATE_ADMIN_ALL_ROOMS_H
#define TIDEGATE_ADMIN_ALL_ROOMS_H

#include "request.h"

#define ADMIN_ALL_ROOMS "nodes" /* the query parameter that asks for it */

void admin_all_rooms_list(struct admin_request *request);

#endif
