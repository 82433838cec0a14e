/* What this node's API asks of other nodes, and what theirs ask of this one's. */
#ifndef TIDEGATE_CALLS_H
#define TIDEGATE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "asks.h"
#include "peers.h"
#include "sender.h"

/* Owner: the cluster. */
struct calls {
	struct directory *directory;
	struct peers *peers;
	struct sender *sender;
	struct asks *asks;
	uint32_t under_way; /* asks */
	bool is_joined;
};

/* See cluster_ask. */
int calls_ask(struct calls *calls, const struct cluster_target *target, uint8_t op,
	struct slice body, uint64_t timeout_ms, struct cluster_call *call);

/* A node has answered an ask, or has not. */
void calls_on_answer(struct calls *calls, const struct ask *ask, uint8_t result, uint32_t count,
	struct slice body);

void calls_forget(struct calls *calls, struct cluster_call *call);

/* Answers another node. */
void calls_answer(struct calls *calls, struct peer *peer, uint64_t ask, uint8_t result,
	uint32_t count, struct slice body);

#endif
