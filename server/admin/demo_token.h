/* The request for a token, of a demonstration that signs its own. */
#ifndef TIDEGATE_ADMIN_DEMO_TOKEN_H
#define TIDEGATE_ADMIN_DEMO_TOKEN_H

#include "request.h"

void admin_demo_token_make(struct admin_request *request);

#endif
