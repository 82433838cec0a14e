/* The request for who is logged in: page by page, or the first few in an order that is asked for.
 */
#ifndef TIDEGATE_ADMIN_USER_LIST_H
#define TIDEGATE_ADMIN_USER_LIST_H

#include "request.h"

void admin_user_list(struct admin_request *request);

#endif
