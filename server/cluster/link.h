/* The line to the other nodes and to backends, as the cluster sees it: it may be NATS
 * (link_nats.h), or a network that a test plays.
 *
 * At most once: what is sent while the line is down, or beyond what may wait, is lost and counted.
 * Who must know of what is lost numbers its messages. */
#ifndef TIDEGATE_LINK_H
#define TIDEGATE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINK_TEXT_MAX = 256, /* bytes of what is said of the line, NUL included */
};

/* Where a message goes, below the prefix. */
enum link_to {
	LINK_TO_ALL,    /* n1.all: all other nodes, never this one */
	LINK_TO_NODE,   /* n1.node.NAME: the node of that name */
	LINK_TO_EVENTS, /* events.ID, of this node: who listens */
	LINK_TO_UP,     /* up: one of those who answer requests; the answer comes as LINK_ANSWER */
	LINK_TO_REPLY,  /* NAME as it stands, without the prefix: where a LINK_REQUEST is answered
			 */
};

struct link_header {
	const char *name;
	const char *value; /* no CR, no LF */
};

/* What is to be sent. Owner: who sends; copied. */
struct link_parcel {
	enum link_to to;
	const char *name;                  /* TO_NODE, TO_REPLY */
	uint64_t ask;                      /* TO_UP: comes back with the answer */
	const struct link_header *headers; /* TO_UP; may be NULL */
	size_t header_count;
	const void *data;
	size_t len;
};

/* Why a message was lost on this side of the line. */
enum link_lost {
#define LINK_LOST(name, text) LINK_LOST_##name,
#include "link_lost.def"
	LINK_LOST_COUNT,
};

/* What is told of a line. */
struct link_status {
	bool is_up;
	size_t max_payload; /* bytes; 0 while it is down */
	uint64_t ups;       /* times that it has come up */
	const char *server; /* that it is up with, or tries; borrowed from the link */
	uint64_t taken;     /* messages that link_send has taken */
	size_t out_bytes;   /* waiting to be sent */
	size_t in_bytes;    /* received, not freed yet */
	uint64_t sent, received;
	uint64_t lost[LINK_LOST_COUNT]; /* messages, each from 0 on */
};

struct link;

struct link_ops {
	int (*send)(struct link *link, const struct link_parcel *parcel);
	void (*serve)(struct link *link, bool serves);
	void (*look)(struct link *link, struct link_status *ret_status);
	int (*settle)(struct link *link, uint64_t ask);
	void (*count_on)(struct link *link, const struct link_status *before);
	void (*stop)(struct link *link);
	void (*destroy)(struct link *link);
};

/* The first member of what is behind the line.
 *
 * Owner:  who created it.
 * Shared: any thread sends and looks. */
struct link {
	const struct link_ops *ops;
};

/* The word for the label `reason` of /metrics. Thread: any. */
const char *link_lost_name(enum link_lost lost);

/* Sends a message: it is copied, and given to the network by another thread. Those of one thread
 * go out in the order in which they were sent. Never waits. Thread: any. Errors, each counted as
 * lost: -ENOTCONN the line is down, -ENOBUFS too much waits, -EMSGSIZE more than the network takes,
 * -ENOMEM. */
static inline int link_send(struct link *link, const struct link_parcel *parcel)
{
	return link->ops->send(link, parcel);
}

/* Whether requests of backends are taken, from now on and each time that the line comes up; they
 * are not at first. A node that is about to leave says no: the others take them. Never waits.
 * Thread: the owner. */
static inline void link_serve(struct link *link, bool serves)
{
	link->ops->serve(link, serves);
}

/* Thread: any. */
static inline void link_look(struct link *link, struct link_status *ret_status)
{
	link->ops->look(link, ret_status);
}

/* Has LINK_SETTLED posted, with `ask`, when the network has all that was sent by now, and all that
 * it had for this node by then has been posted, as have the requests that it has given this node
 * since link_serve said no. Of several the last one counts. Never waits. Thread: the owner. Errors:
 * -ENOTCONN: the line is down. */
static inline int link_settle(struct link *link, uint64_t ask)
{
	return link->ops->settle(link, ask);
}

/* Goes on with what another process has counted: `sent`, `received` and `lost` are added. Thread:
 * the owner. */
static inline void link_count_on(struct link *link, const struct link_status *before)
{
	link->ops->count_on(link, before);
}

/* Sends what waits, for a third of a second at most, and closes the line; takes no longer than a
 * second whatever the network does. Nothing is posted from there on; what is in the mailbox, the
 * owner takes and frees. Thread: the owner. */
static inline void link_stop(struct link *link)
{
	link->ops->stop(link);
}

/* Frees the line and nulls the giver's pointer; it is stopped, and all its messages are freed.
 * *link may be NULL. Thread: the owner. */
static inline void link_destroy(struct link **link)
{
	struct link *given = *link;

	*link = NULL;
	if (given) {
		given->ops->destroy(given);
	}
}

#endif
