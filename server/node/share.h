/* This node's share in a request of a backend: carried out by the workers, and told as a part of
 * the outcome. */
#ifndef TIDEGATE_SHARE_H
#define TIDEGATE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "api_request.h"
#include "errand.h"
#include "repeats.h"

/* What all shares of a node have in common.
 * Owner:  the thread that they are carried out on. */
struct shares {
	struct node *node;
	const char *name;        /* of the node */
	struct mailbox *mailbox; /* where orders come back to, as mail of that kind */
	uint32_t mail_kind;
	uint64_t rooms_max; /* that a session may be in */
	uint64_t now_ms;    /* of the loop */
	struct repeats repeats;
	uint32_t under_way;
};

struct room_names;

/* Owner:  who begins it, until `then` is called. */
struct share {
	struct shares *shares;
	struct errand errand;
	struct api_request *request;
	uint64_t repeat_key;      /* of a push with an id; else 0 */
	bool is_noted;            /* as under way */
	uint8_t *payload;         /* of a Close, freed with it */
	struct order_user *users; /* of a look at sessions, likewise */
	struct room_names *rooms; /* of a list of rooms, likewise */
	void (*then)(struct share *share, json_t *part);
};

/* Carries it out; the request must stay. `then` is called with the part, which it takes over, maybe
 * at once; NULL: no memory. Thread: the owner of the mailbox, registered. */
void share_begin(struct share *share, struct shares *shares, struct api_request *request,
	void (*then)(struct share *share, json_t *part));

#endif
