/* Who gets a message that is not for everybody: on the side of those who hand out, whom to look at,
 * and whether what stands in a batch is for somebody. */
#ifndef TIDEGATE_RECIPIENTS_H
#define TIDEGATE_RECIPIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../conn/conns.h"
#include "batch.h"
#include "fanout_node.h"

/* One of them: the record is that of the handle for as long as conn_is_of says so. */
struct recipient {
	handle_t handle;
	struct conn *conn;
};

/* A walk over those of one worker that a message is for, or may be: slice by slice, whoever comes
 * and goes in between. All zero at first. */
struct recipients {
	/* A piece of them; places and orders change meanwhile. Behind it there is whatever there
	 * is, which is expected as well. */
	struct recipient sessions[2 * USER_SESSIONS_MAX + 1];
	uint8_t session_count;
	uint8_t session_at; /* the next one */
	bool has_looked;    /* of a user and a sender that piece is all */
	uint16_t version;   /* of a room's part: with another one all is looked at once more */
	uint32_t place;     /* of that part, where the next piece begins */
	uint32_t restarts;  /* of all messages so far, as sessions had changed places */
};

/* Goes on with another message. */
void recipients_begin(struct recipients *walk);

/* Whether message `message` is for the same room as the one before it: whoever has been visited for
 * that has got both. */
bool recipients_are_as_before(const struct batch *batch, uint32_t message);

/* The next connection of this worker's that message `message` may be for, or NULL. Some come twice.
 * Thread: the worker, registered. */
struct conn *recipients_next(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message);

/* Whether recipients_next would have nobody more, as far as that is known without a look: of users
 * it is. */
static inline bool recipients_are_over(const struct recipients *walk)
{
	return walk->has_looked && walk->session_at == walk->session_count;
}

/* Message `message`, if there is one, comes soon: has the record of the connection fetched that it
 * is for, where that is known. */
void recipients_expect(const struct conns *conns, const struct batch *batch, uint32_t message);

/* Bits for the user and the rooms of a connection, by their hashes: where a batch has no chains. */
uint64_t recipients_marks(struct conn *conn);

/* Whether message `message` may be for a connection with those marks. */
static inline bool recipients_may_have(const struct batch *batch, uint32_t message, uint64_t marks)
{
	const struct batch_target *target = &batch->targets[message];
	return marks >> (target->hash & 63) & 1 || target->is_shown || target->aim == BATCH_TO_ALL;
}

/* A connection's user, as batches know users. */
static inline struct batch_user recipients_user(const struct conn *conn)
{
	size_t name_len;
	const char *name = user_entry_name(conn->user, &name_len);
	return (struct batch_user){name, (uint8_t)name_len, conn->user_hash};
}

/* Those messages of a shared batch with chains that may be for a connection, or the first ones of
 * their rows. Returns whether there are any. */
bool recipients_candidates(const struct batch *batch, struct conn *conn, struct batch_set *ret_set);

/* Whether message `message` is for a connection of this worker. */
bool recipients_has(const struct fanout_node *node, uint8_t worker, const struct batch *batch,
	uint32_t message, struct conn *conn);

#endif
