/* How fast a session may say things, and what is done about more: `message_rate` and `byte_rate`.
 *
 *	within its rates    read as it comes, but no more at once than it may say
 *	used up             not read from until something is left again; in any case a little once a
 *	                    second, so that its pings are seen
 *	used up, v1         a say is refused at once, and the session read on for that, as long as
 *it is not too much of it
 *
 * Whoever is not read from feels it in the end: his kernel has no room. When ours has held more
 * than a message of his for a minute, or anything at all once he has hung up, the session is over.
 *
 * It is the pause of reader.h with another end: nobody lets these go on but the wheel. Messages
 *count when they are whole. Thread: the owner. */
#ifndef TIDEGATE_PACE_H
#define TIDEGATE_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conns.h"

enum pace_finding {
	PACE_WITHIN,
	PACE_USED_UP,   /* it was the last that was left */
	PACE_BEYOND,    /* nothing was left */
	PACE_NO_MEMORY, /* the connection has been closed for it */
};

/* Whether there is a limit. */
static inline bool pace_is_on(const struct conns *conns)
{
	return (conns->limits.message_rate | conns->limits.byte_rate) != 0;
}

/* --- inside a visit --- */

/* A live session has said a message of `len` bytes, which counts whatever becomes of it. */
enum pace_finding pace_count(struct conns *conns, struct conn *conn, size_t len);

/* The same of one that is to be refused when it is PACE_BEYOND, and does not count then. */
enum pace_finding pace_ask(struct conns *conns, struct conn *conn, size_t len);

/* How many bytes may be read from a connection now; 0: none, and pace_hold is due. */
size_t pace_may_read(struct conns *conns, struct conn *conn);

/* It is not read from until the wheel comes by. */
void pace_hold(struct conns *conns, struct conn *conn);

/* The wheel has come by a live session. Returns whether the kernel has held too much of it for too
 * long. */
bool pace_is_hopeless(struct conns *conns, struct conn *conn);

#endif
