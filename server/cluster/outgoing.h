/* What waits to be sent over the line: bounded, many producers, one thread that sends. */
#ifndef TIDEGATE_OUTGOING_H
#define TIDEGATE_OUTGOING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "link.h"

enum {
	OUTGOING_SUBJECT_MAX = 512, /* bytes, NUL included */
};

/* One message on its way, with its subject written out, in one piece of memory.
 * Owner: the queue; from outgoing_take on who sends it, ended by outgoing_free. */
struct parcel {
	struct mail mail;
	size_t size; /* bytes of memory */
	const char *subject;
	const char *reply; /* empty: none */
	const struct link_header *headers;
	size_t header_count;
	const void *data;
	size_t len;
};

/* Owner:  the link.
 * Shared: any thread puts; one takes. */
struct outgoing {
	struct mailbox *mailbox;
	const char *prefix, *id; /* not owned */
	size_t limit;            /* bytes */
	_Atomic size_t bytes;    /* waiting */
};

/* Errors: -ENOMEM, -EMFILE or -ENFILE. */
int outgoing_init(struct outgoing *ret_outgoing, const char *prefix, const char *id, size_t limit);

/* Frees the queue and what is in it. Thread: the one that takes, or there is none any more. */
void outgoing_finish(struct outgoing *outgoing);

/* Copies a message to the end of the queue. Thread: any. Errors: -ENOBUFS beyond the limit,
 * -ENOMEM; -EINVAL for a name or a header that NATS would not take for one. */
int outgoing_put(struct outgoing *outgoing, const struct link_parcel *parcel);

/* Takes the oldest. Thread: the one that sends. */
enum mailbox_status outgoing_take(struct outgoing *outgoing, struct parcel **ret_parcel);

/* Frees it and nulls the giver's pointer. Thread: the one that sends. */
void outgoing_free(struct outgoing *outgoing, struct parcel **parcel);

/* Takes and frees all that is there; returns how many. Thread: the one that sends. */
uint64_t outgoing_drop(struct outgoing *outgoing);

#endif
