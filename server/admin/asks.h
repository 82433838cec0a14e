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
 * all had it, at once where there are none: request->errand.results says how many there were of
 * each. */
void admin_asks_send_to_user(
	struct admin_request *request, void (*then)(struct admin_request *request));

/* What this node has made of the request, `part`, is merged with what the other nodes make of it,
 * where there are any: `want` makes the request as the cluster's API has it, and `give` an answer
 * of the sum, which it takes over. `part` is as deeds.h makes them; NULL: no memory. Where nobody
 * has done it the answer is a problem, and `give` is not called. */
void admin_asks_merge(struct admin_request *request, enum api_op op, enum api_aim aim, json_t *part,
	json_t *(*want)(const struct admin_request *request),
	void (*give)(struct admin_request *request, json_t *sum));

/* For `want`: adds the user and his device, or the room, of the path to `json`, which may be NULL.
 * Returns it. Errors: NULL: no memory. */
json_t *admin_asks_add_user(json_t *json, const struct admin_request *request);
json_t *admin_asks_add_room(json_t *json, const struct admin_request *request);

/* While `give` runs: notes for the log how many sessions have had it, a number of the sum. */
void admin_asks_note_reached(struct admin_request *request, const json_t *sum, const char *name);

/* While `give` runs: whether all nodes have answered. */
bool admin_asks_is_whole(const struct admin_request *request);

/* An order has come back; what others have made of a request has. Thread: the admin thread. */
void admin_asks_on_mail(struct mail *mail);
void admin_asks_on_merged(struct mail *mail);

#endif
