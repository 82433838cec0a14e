/* What other nodes have been asked and have not answered yet. Each ask is to one node and has one
 * answer, which may be that none came in time. */
#ifndef TIDEGATE_ASKS_H
#define TIDEGATE_ASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster_types.h"

enum {
	ASKS_LOOK_MS = 50, /* between looks at what is late */
};

struct say_wait;

/* For whom an answer is. */
struct asks_owner {
	struct say_wait *say;      /* of says.h; else NULL */
	struct cluster_call *call; /* of calls.h; else NULL */
};

/* Owner: struct asks. */
struct ask {
	uint64_t id; /* 0: the place is free */
	uint64_t deadline_ms;
	struct asks_owner owner;
	uint32_t next;  /* of those free */
	uint16_t node;  /* in the directory; DIRECTORY_SELF: it cannot be asked */
	uint8_t at_end; /* enum cluster_result, when no answer comes */
	char node_id[CLUSTER_ID_MAX + 1];
};

/* Owner: the cluster. Zeroed: nobody has been asked. */
struct asks {
	struct ask *places;
	uint32_t capacity;
	uint32_t used; /* places that have ever been used */
	uint32_t free; /* the first that is free again, plus 1; 0: none is */
	uint32_t count;
	uint64_t serial;
	uint64_t next_ms; /* no deadline is sooner */
	uint32_t at;      /* how far a look at what is late has come */
	bool is_looking;
};

void asks_finish(struct asks *asks);

/* Keeps an ask, of which all but `id` and `next` is filled in. Errors: -ENOMEM. */
int asks_open(struct asks *asks, const struct ask *ask, uint64_t *ret_id);

/* An answer has come: takes the ask out. Returns false when that node has not been asked this, or
 * too long ago. */
bool asks_take(struct asks *asks, uint64_t id, uint16_t node, struct ask *ret_ask);

/* Takes out one that is late. Returns false when there is none, or it is not time to look. */
bool asks_take_late(struct asks *asks, uint64_t now_ms, struct ask *ret_ask);

/* That node will not answer any more: what it was asked is late. */
void asks_give_up(struct asks *asks, uint16_t node);

/* Takes out all for one call. Returns how many. */
uint32_t asks_forget(struct asks *asks, const struct cluster_call *call);

/* The ms until something may be late; UINT64_MAX: nothing is asked. */
uint64_t asks_due(const struct asks *asks, uint64_t now_ms);

#endif
