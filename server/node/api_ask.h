/* A request of a backend, put to those of the other nodes that it concerns. */
#ifndef TIDEGATE_API_ASK_H
#define TIDEGATE_API_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/mailbox.h"
#include "../cluster/cluster.h"
#include "api_request.h"
#include "outcome.h"

struct node;

enum {
	API_ASK_MS = 2000, /* how long a node's answer is awaited */
};

/* Zero-initialised.
 * Owner:  who asks; while it is under way, the registrar's thread. */
struct api_ask {
	struct mail mail; /* of one from another thread, and of its way back */
	struct mailbox *back;
	uint32_t back_kind;
	enum api_op op;
	enum api_aim aim;       /* whom it concerns: the nodes of a user or room, or all */
	struct slice to;        /* that name; the asker's, like the body */
	struct slice body;      /* as api_request has it */
	struct outcome outcome; /* the others' parts are added to what is there */
	struct cluster_call call;
	void (*then)(struct api_ask *ask);
};

/* Asks, and calls `then` when all have answered or are known to be missing: never from inside. Body
 * and name must stay until this returns. Thread: the registrar's. Errors, where `then` is not
 * called: -EBUSY, -ENOMEM. */
int api_ask_begin(struct api_ask *ask, struct cluster *cluster, const struct node *node,
	void (*then)(struct api_ask *ask));

struct api_ask *api_ask_of(struct mail *mail);

/* What is merged becomes what is answered: pages are sorted and cut to `limit`, the users in a room
 * are those of all nodes. Thread: registered. Errors: -ENOMEM. */
int api_outcome_complete(struct outcome *outcome, enum api_op op, enum api_aim aim,
	struct slice room, uint32_t limit, const struct node *node);

#endif
