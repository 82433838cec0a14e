/* What a user means: login, messages, the kick by a newer login, the end.
 *
 * Two sets of manners over the same connections: users who talk to each other, and the echo that
 * conformance suites and load generators need. */
#ifndef TIDEGATE_SESSION_H
#define TIDEGATE_SESSION_H

#include <stdint.h>

#include "../base/mailbox.h"
#include "../conn/conns.h"
#include "../fanout/fanout.h"
#include "../user/user_table.h"
#include "ended.h"

/* The sessions of one worker; what conns->owner points to.
 * Owner:  one worker.
 * Shared: never; the user table is. */
struct sessions {
	struct conns *conns;
	struct fanout *fanout;
	struct user_table *users;
	struct mailbox **mailboxes; /* of all workers, by id */
	uint32_t kick_kind;         /* of the mail that carries a kick */
	struct ended *ended;        /* where ends are kept; NULL: nowhere */
};

/* `owner` is a struct sessions. */
extern const struct conn_ops session_ops;
extern const struct conn_ops session_echo_ops;

/* A kick has arrived for one of this worker's connections, or for one that was. Thread: the owner.
 */
void session_on_kick(struct sessions *sessions, struct mail *mail);

/* A kick that arrives when its worker has ended. Thread: registered with the user table. */
void session_dispose_kick(struct user_table *users, struct mail *mail);

#endif
