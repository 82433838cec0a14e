/* A request's order to a worker: sent, awaited without anybody waiting, and sent again when its
 * user has moved meanwhile. */
#ifndef TIDEGATE_ADMIN_ASKS_H
#define TIDEGATE_ADMIN_ASKS_H

#include <stdint.h>

#include "request.h"

/* Posts request->order to a worker, suspends the request, and calls `then` when the order is back;
 * that makes an answer, or sends again. Thread: the admin thread. */
void admin_asks_send(
	struct admin_request *request, uint8_t worker, void (*then)(struct admin_request *request));

/* The same to the worker where the user request->name is logged in; the answer is "offline" when
 * there is none, and `then` is not called. */
void admin_asks_send_to_user(
	struct admin_request *request, void (*then)(struct admin_request *request));

/* An order has come back. Thread: the admin thread. */
void admin_asks_on_mail(struct mail *mail);

#endif
