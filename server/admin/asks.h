/* A request's order to a worker: sent, awaited without anybody waiting, and, where it is for a
 * user, sent to each of his sessions, and again when one of them has moved meanwhile. */
#ifndef TIDEGATE_ADMIN_ASKS_H
#define TIDEGATE_ADMIN_ASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

#define ADMIN_ASKS_DEVICE "device" /* the query parameter of admin_asks_take_device */

/* Posts request->order to a worker, suspends the request, and calls `then` when the order is back;
 * that makes an answer, or sends again. Thread: the admin thread. */
void admin_asks_send(
	struct admin_request *request, uint8_t worker, void (*then)(struct admin_request *request));

/* Suspends the request likewise, and calls `then` when others have had their turn: for what the
 * admin thread does itself, a piece at a time. */
void admin_asks_go_on_later(
	struct admin_request *request, void (*then)(struct admin_request *request));

/* Reads for which of the user's devices the request is: for all where it says nothing, for the one
 * without a name where that is empty. Makes a problem, and returns false, of what is no device. */
bool admin_asks_take_device(struct admin_request *request);

/* The same of a request that takes no other parameter: one that is misspelt must not make it a
 * request for all devices. */
bool admin_asks_take_device_only(struct admin_request *request);

/* Sends the order to each session of the user request->name, one after the other, or to those of
 * one device. Who moves meanwhile is followed, but no device gets it twice. `then` is called when
 * some session had it, whatever came of that: request->round.results says how many there were of
 * each. The answer is "offline" when there is none, and `then` is not called. */
void admin_asks_send_to_user(
	struct admin_request *request, void (*then)(struct admin_request *request));

/* An order has come back. Thread: the admin thread. */
void admin_asks_on_mail(struct mail *mail);

#endif
