/* The request for rooms: page by page, or the first ones of all by some order. */
#ifndef TIDEGATE_ADMIN_ROOM_LIST_H
#define TIDEGATE_ADMIN_ROOM_LIST_H

#include "request.h"

void admin_room_list(struct admin_request *request);

#endif
