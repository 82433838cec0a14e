/* What one user says to another, for their sessions of this node: packet 112, or the text message
 * to those of the other's that are classic; and 112 to the sender's other sessions that speak
 * tidegate.v1, so that they show it too. PROTOCOL section 6.
 *
 * The sender's own session may be on this node or on another one. */
#ifndef TIDEGATE_TO_USER_H
#define TIDEGATE_TO_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../user/user_table.h"
#include "posting.h"

/* Borrowed for a call. */
struct to_user {
	struct batch_user from;
	uint32_t device; /* user_entry_device_hash of the sender */
	handle_t sender; /* his session, or TO_USER_NO_SENDER when it is elsewhere */
	uint64_t sent_ms;
	struct slice name; /* of the other */
	struct slice text;
	bool is_only_shown; /* to the sender's other sessions: the user is on another node */
	bool is_alone;      /* the sender has no other session on this node, for certain */
};

#define TO_USER_NO_SENDER handle_make(HANDLE_WORKER_RESERVED, 0, 0)

/* Of one user, but for the sender's own. */
struct to_user_sessions {
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count;
	uint32_t classic;
};

/* Who of this node would get it. */
struct to_user_reach {
	uint32_t hash; /* of the other */
	struct to_user_sessions theirs;
	struct to_user_sessions own;
};

/* Thread: registered. */
void to_user_look(const struct fanout_node *node, const struct to_user *said,
	struct to_user_reach *ret_reach);

/* Puts it; with `is_shown` for the sender's others too. Tells how many bytes it has put for each of
 * them. Errors: -ENOMEM. */
int to_user_put(struct posting *posting, const struct to_user *said,
	const struct to_user_reach *reach, bool is_shown, size_t *ret_bytes);

/* Whether some of those lag. */
bool to_user_some_lag(const struct fanout_node *node, const struct to_user *said,
	const struct to_user_reach *reach, bool is_shown);

#endif
