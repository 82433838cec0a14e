/* What a worker does on a backend's behalf: an order comes by mailbox, is carried out within one
 * turn, and goes back by mailbox with its result. Nothing is allocated for it here. */
#ifndef TIDEGATE_ORDERS_H
#define TIDEGATE_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/user_name.h"
#include "../base/mailbox.h"
#include "../base/remote.h"
#include "../conn/conns.h"
#include "../fanout/fanout.h"
#include "../user/user_table.h"
#include "ended.h"

enum {
	ORDER_SLOTS_MAX = 256, /* records of the connection table that one order looks at */
};

enum order_action {
	ORDER_PUSH,      /* a message to one user */
	ORDER_BROADCAST, /* one to all */
	ORDER_SHOW,      /* one user */
	ORDER_LIST,      /* users of this worker, from a record of its table on */
	ORDER_CLOSE,     /* ends a user's connection with a Close */
	ORDER_CUT,       /* resets it, as if the network were cut */
	ORDER_MUTE,      /* reads on, sends nothing, until told otherwise */
	ORDER_ENDED,     /* a copy of the last ones that ended */
};

enum order_result {
	ORDER_DONE,
	ORDER_GONE,     /* the handle is stale: the user may be elsewhere by now */
	ORDER_OVERFLOW, /* over a limit, or muted: nothing was appended, nobody cut off */
};

/* One user as he is now. Plain data. */
struct order_user {
	uint64_t connected_ms;
	uint64_t idle_ms;
	uint64_t queue_bytes;
	struct remote remote;
	uint8_t worker;
	uint8_t name_len;
	char name[USER_NAME_MAX];
};

/* Owner:  who gives it, until posted; then the worker, until it is back.
 * What it points to is the giver's, and left alone while it is away. */
struct order {
	struct mail mail;
	struct mailbox *back; /* where it returns to, as mail of back_kind */
	uint32_t back_kind;
	enum order_action action;
	enum order_result result;
	handle_t handle;  /* of the user's connection: push, show, close, cut, mute */
	const char *name; /* his; of a list, what names must begin with */
	size_t name_len;
	uint8_t opcode;           /* of a push or broadcast */
	uint8_t *payload;         /* of that, or of the Close */
	size_t payload_len;       /* bytes */
	uint64_t receivers;       /* of a broadcast: result */
	bool is_muted;            /* of a mute */
	struct order_user *users; /* of a list or show: result */
	uint32_t cursor;          /* the next record to look at; CONN_NONE at the end */
	struct ended *ended;      /* of the ended: result */
	uint32_t capacity;        /* of users */
	uint32_t count;           /* of those filled in */
};

/* Owner:  one worker.
 * Shared: never. */
struct orders {
	uint8_t worker;
	struct conns *conns;
	struct fanout *fanout;
	struct user_table *users;
	const struct ended *ended; /* NULL: none are kept */
};

/* Carries an order out and sends it back. Thread: the owner. */
void orders_carry_out(struct orders *orders, struct order *order);

/* The order of a mail that came back, or arrived. */
struct order *order_of(struct mail *mail);

#endif
