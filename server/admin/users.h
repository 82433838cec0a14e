/* The requests about users: each makes an answer, or has an order sent for it. */
#ifndef TIDEGATE_ADMIN_USERS_H
#define TIDEGATE_ADMIN_USERS_H

#include "request.h"

/* What is told of one user. Errors: NULL: no memory. */
json_t *admin_users_to_json(const struct order_user *user);

void admin_users_show(struct admin_request *request);
void admin_users_close(struct admin_request *request);
void admin_users_cut(struct admin_request *request);
void admin_users_mute(struct admin_request *request);

#endif
