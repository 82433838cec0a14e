/* The requests that send messages: to one user, to a room, to all. */
#ifndef TIDEGATE_ADMIN_PUSH_H
#define TIDEGATE_ADMIN_PUSH_H

#include "request.h"

void admin_push_to_user(struct admin_request *request);
void admin_push_to_room(struct admin_request *request);
void admin_push_to_all(struct admin_request *request);

#endif
