/* What comes over the line to the other nodes, and what the line says of itself: posted to the
 * mailbox of the thread that the cluster runs on. */
#ifndef TIDEGATE_LINK_MESSAGE_H
#define TIDEGATE_LINK_MESSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"

enum {
	LINK_NAME_MAX = 256, /* bytes of a name or of where to reply, NUL included */
};

enum link_about {
	LINK_FROM_ALL,  /* n1.all, of another node */
	LINK_FROM_NODE, /* n1.node.ID, for this node */
	LINK_REQUEST,   /* api.v1.NAME: a backend asks; `reply` may be empty */
	LINK_ANSWER,    /* to what went LINK_TO_UP with that `ask` */
	/* The state of the line. Messages may still come between DOWN and the next UP: what had
	 * been received before. */
	LINK_UP,      /* `max_payload`; the data is text: the server's address */
	LINK_DOWN,    /* it was up, or it cannot come up, each reason once; the data is text: why */
	LINK_NARROW,  /* the server's `max_payload` is too small, which keeps it down; the data is
		       * text that says which number to change */
	LINK_TROUBLE, /* the server refuses something while the line stays up; the data is text */
	LINK_SETTLED, /* link_settle's `ask`; `is_nobody`: it is not done, for the line is too slow
		       * or has gone down */
};

/* Owner: the thread that takes it out of the mailbox; ended by link_message_free. */
struct link_message {
	struct mail mail;
	enum link_about about;
	bool is_nobody;     /* ANSWER: nobody takes such requests; there is no data */
	uint64_t ask;       /* ANSWER, SETTLED */
	size_t max_payload; /* UP, NARROW; bytes */
	const char *name;   /* REQUEST: what is asked for, "push" or "rooms.list"; else "" */
	const char *reply;  /* REQUEST: where to send the answer, LINK_TO_REPLY; else "" */
	const uint8_t *data;
	size_t len;              /* of the data; behind it stands a NUL that does not count */
	_Atomic size_t *charged; /* what `charge` is taken back from by link_message_free; may be
				    NULL */
	size_t charge;           /* bytes */
};

/* Makes a message in one piece of memory, with copies of name, reply and data, charged with its
 * size where `charged` is not NULL. Thread: any. Errors: -ENOMEM; -ENOBUFS where `charged` would be
 * above `limit`, -ENAMETOOLONG for a name or a reply of LINK_NAME_MAX or more. */
int link_message_create(enum link_about about, const char *name, const char *reply,
	const void *data, size_t len, _Atomic size_t *charged, size_t limit,
	struct link_message **ret_message);

/* Frees it and nulls the giver's pointer. *message may be NULL. Thread: any. */
void link_message_free(struct link_message **message);

#endif
