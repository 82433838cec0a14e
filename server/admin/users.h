/* The requests about users: each makes an answer, or has an order sent for it. */
#ifndef TIDEGATE_ADMIN_USERS_H
#define TIDEGATE_ADMIN_USERS_H

#include "request.h"

void admin_users_list(struct admin_request *request);
void admin_users_show(struct admin_request *request);
void admin_users_close(struct admin_request *request);
void admin_users_cut(struct admin_request *request);
void admin_users_mute(struct admin_request *request);

#endif
