/* What backends ask of the cluster over NATS, and what other nodes ask of this one on their behalf:
 * carried out here by the workers, elsewhere by those nodes, and answered as one. PREFIX.api.v1.
 *
 *   LINK_REQUEST ──> job ─┬─> share ──> workers of this node     ┐
 *                         └─> api_ask ──> those of other nodes ──┴─> outcome ──> LINK_TO_REPLY
 *   another node's ask ─> job ──> share ───────────────────────────> cluster_answer
 *   a packet 123 ───────> job ─┬─> share, api_ask ─────────────────> packet 124
 *   HTTP ─────────────────────> api_ask; the rest is the admin port's
 */
#ifndef TIDEGATE_API_H
#define TIDEGATE_API_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/mailbox.h"
#include "../config/config.h"
#include "api_ask.h"
#include "api_types.h"

struct api;
struct link;
struct link_message;
struct node;

/* Sets node->outward, so that workers ask, and cluster, link and api of the node. Errors: -ENOMEM.
 */
int api_create(const struct api_setup *setup, const struct config *config, struct api **ret_api);

/* Takes over what may change while running. */
void api_configure(struct api *api, const struct config *config);

/* Forgets what waits for other nodes, and nulls the giver's pointer; no order is with a worker any
 * more, and no worker asks any more. *api may be NULL. Thread: registered. */
void api_destroy(struct api **api);

/* --- thread: the registrar's, registered --- */

/* The begin of a turn. */
void api_set_time(struct api *api, uint64_t now_ms);

/* A LINK_REQUEST or LINK_ANSWER; it stays the caller's. */
void api_on_message(struct api *api, const struct link_message *message);

/* A LINK_REQUEST that this process will not carry out, and nobody else: whoever asks is told to ask
 * again. It stays the caller's. */
void api_refuse(struct api *api, const struct link_message *message);

/* What another node asks, see cluster_ops.call. */
void api_on_call(struct api *api, uint16_t node, uint64_t ask, uint8_t op, struct slice body);

/* One of enum api_mail has come. */
void api_on_mail(struct api *api, struct mail *mail);

/* Frees one that is left in the mailbox at the end. */
void api_dispose(struct api *api, struct mail *mail);

/* Returns the ms until it is due again, or -1. */
int api_turn(struct api *api);

/* Whether orders are with workers: they have to come back before the end. */
bool api_is_busy(const struct api *api);

/* Whether something is under way that somebody waits for: here, at other nodes or at a backend. */
bool api_is_asking(const struct api *api);

/* Backends that were asked are waited for no more. */
void api_give_up(struct api *api);

/* Thread: any. */
const struct api_stats *api_stats(const struct api *api);
const struct requests_stats *api_requests_stats(const struct api *api);

#endif
