/* What a worker does on a backend's behalf: an order comes by mailbox, is carried out within one
 * turn, and goes back by mailbox with its result. Nothing is allocated for it here. */
#ifndef TIDEGATE_ORDERS_H
#define TIDEGATE_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../../proto/user_name.h"
#include "../base/mailbox.h"
#include "../base/remote.h"
#include "../conn/conns.h"
#include "../fanout/fanout.h"
#include "../user/user_table.h"
#include "ended.h"
#include "sessions.h"

enum {
	ORDER_SLOTS_MAX = 256, /* records of the connection table that one order looks at */
};

enum order_action {
	ORDER_PUSH,      /* a message to one session */
	ORDER_BROADCAST, /* one to all */
	ORDER_SAY,       /* one to a room */
	ORDER_SHOW,      /* one session, behind those that are listed already */
	ORDER_LIST,      /* sessions of this worker, from a record of its table on */
	ORDER_PUT_IN,    /* makes a session a member of a room */
	ORDER_TAKE_OUT,  /* and that no more */
	ORDER_CLOSE,     /* ends a session with a Close */
	ORDER_KICK,      /* ends it as a newer login of its user would: that is on another node */
	ORDER_CUT,       /* resets it, as if the network were cut */
	ORDER_MUTE,      /* reads on, sends nothing, until told otherwise */
	ORDER_ENDED,     /* a copy of the last ones that ended */
};

enum order_result {
	ORDER_DONE,
	ORDER_GONE,     /* the handle is stale: the user may be elsewhere by now */
	ORDER_OVERFLOW, /* over a limit, or muted: nothing was appended, nobody cut off */
	ORDER_NO_ROOM,  /* nobody is in it */
	ORDER_CLASSIC,  /* the session does not speak tidegate.v1 */
	ORDER_NOT_IN,   /* it is no member */
	ORDER_FULL,     /* it is in as many rooms as it may */
	ORDER_RESULTS,
};

/* One session as it is now. Plain data. */
struct order_user {
	uint64_t epoch; /* its place in the order of acceptance */
	uint64_t connected_ms;
	uint64_t idle_ms;
	uint64_t queue_bytes;
	uint64_t token_left_ms; /* until its token ends; UINT64_MAX: it has none */
	struct remote remote;
	uint8_t worker;
	bool speaks_v1;
	uint16_t rooms; /* that it is in */
	uint8_t name_len;
	uint8_t device_len;
	char name[USER_NAME_MAX];
	char device[DEVICE_NAME_MAX];
};

/* Owner:  who gives it, until posted; then the worker, until it is back.
 * What it points to is the giver's, and left alone while it is away. */
struct order {
	struct mail mail;
	struct mailbox *back; /* where it returns to, as mail of back_kind */
	uint32_t back_kind;
	enum order_action action;
	enum order_result result;
	handle_t handle;  /* of the session: push, show, put in, take out, close, kick, cut, mute */
	const char *name; /* of its user; of a list, what names must begin with */
	size_t name_len;
	struct slice room;        /* of say, put in, take out */
	struct slice from;        /* of say: in whose name; maybe empty */
	uint8_t opcode;           /* of a push or broadcast */
	uint8_t *payload;         /* of that, of what is said, or of the Close */
	size_t payload_len;       /* bytes */
	uint8_t *v1_packet;       /* of a push: what who speaks tidegate.v1 gets in its place */
	size_t v1_packet_len;     /* bytes; 0: the same as all */
	uint64_t receivers;       /* of a broadcast or say, in sessions: result */
	uint32_t room_users;      /* of say, put in, take out: result */
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
	struct sessions *sessions;
	const struct ended *ended; /* NULL: none are kept */
};

/* Carries an order out and sends it back. Thread: the owner. */
void orders_carry_out(struct orders *orders, struct order *order);

/* The order of a mail that came back, or arrived. */
struct order *order_of(struct mail *mail);

#endif
