/* The requests about one room: who is in it, and a backend's hand on that. */
#ifndef TIDEGATE_ADMIN_ROOMS_H
#define TIDEGATE_ADMIN_ROOMS_H

#include "request.h"

void admin_rooms_show(struct admin_request *request);
void admin_rooms_put_in(struct admin_request *request);
void admin_rooms_take_out(struct admin_request *request);

#endif
