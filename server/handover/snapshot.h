/* What is handed over, written by the giver and read by the taker: the node's own state, bytes that
 * many lines have queued, and the lines.
 *
 * Both sides are done by main alone. The giver's threads are parked and at rest: no mail, no batch
 * and no answer is under way. The taker's have not been started. Nothing is taken from the giver
 * before it has said GO: it only reads here, until snapshot_release.
 *
 * --- LINES: a record for each line ---
 *
 *	giver                               taker
 *	                                    the worker with the least load is chosen
 *	u16   descriptor, by its place      is taken out of the message
 *	part  conn_pack                     conn_unpack: record, layer, accounts
 *	part  session_pack, if it is live   session_unpack: user, rights, rooms
 *	                                    conn_unpacked: deadlines, lists, what it holds
 *
 * They go in the order in which their sockets were accepted, so that a user's sessions enter the
 * table as they came. Bytes that several queue go ahead in BUFFERS: number, kind, bytes.
 *
 * --- NODE ---
 *
 * How many lines there are, how many handshakes are cut, since when it has rested, then the
 * sections of snapshot_node.c, each a tag and a part, in the order of that table. It comes before
 * the lines, so that a taker whose giver is killed knows its node.
 *
 * Each part is read to its end, or the message is wrong. */
#ifndef TIDEGATE_SNAPSHOT_H
#define TIDEGATE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/handle.h"
#include "channel.h"

struct acceptor;
struct admin;
struct node;
struct registrar;
struct serving;

/* Of a process on either side: what there is to be handed over, and where it is put. Borrowed. */
struct snapshot_parts {
	struct node *node;
	struct serving *workers[HANDLE_WORKERS_MAX]; /* worker_serving, by id */
	uint32_t worker_count;
	struct acceptor **acceptors;
	uint32_t acceptor_count;
	struct registrar *registrar; /* NULL: there is none */
	struct admin *admin;         /* likewise */
	uint64_t rested_us; /* the giver's: since when it is at rest, by the machine's clock */
};

/* What has been sent, or has come. Plain data. */
struct snapshot_totals {
	uint32_t lines;
	uint32_t buffers; /* shared ones */
};

/* --- the giver: snapshot_send.c --- */

/* The giver's walk over its lines.
 * Owner:  main, from snapshot_begin to snapshot_finish. */
struct snapshot;

/* Finds out which lines move, in which order. All threads are parked and at rest. Errors: -ENOMEM.
 */
int snapshot_begin(const struct snapshot_parts *parts, struct snapshot **ret_snapshot);

/* How many lines move. */
uint32_t snapshot_lines_count(const struct snapshot *snapshot);

/* Sends NODE. Errors: -ENOMEM, and those of channel_send. */
int snapshot_send_node(struct snapshot *snapshot, struct channel *channel);

/* Sends the next lines, with the shared bytes that they name before them, and takes the taker's
 * ACKs as they come. Returns 1 while there are more, 0 when all have gone and are acknowledged, or
 * -errno: -ECANCELED: the taker has said NOT_NOW, which is channel->message; else as channel_send
 * and channel_receive. */
int snapshot_send_more(struct snapshot *snapshot, struct channel *channel);

/* Sends END. Errors: as channel_send. */
int snapshot_send_end(struct snapshot *snapshot, struct channel *channel);

/* How many of them have been sent. */
uint32_t snapshot_lines_sent(const struct snapshot *snapshot);

/* After GO: the lines are the taker's. They are forgotten here, and their sockets are closed
 * without a word. The threads are still parked. */
void snapshot_release(struct snapshot *snapshot);

/* Nulls the giver's pointer; without snapshot_release all lines are as they were. The threads are
 * still parked. *snapshot may be NULL. */
void snapshot_finish(struct snapshot **snapshot);

/* --- the taker: snapshot_receive.c --- */

/* What has come so far.
 * Owner:  main, from snapshot_taking_begin to snapshot_taking_finish.
 * Shared: never. */
struct snapshot_taking {
	struct snapshot_parts parts;
	struct shared_bufs *shared;
	bool has_node;      /* NODE has come */
	bool has_all;       /* END has come, and it is right */
	uint32_t promised;  /* lines, as NODE says: those that have not come are lost */
	uint64_t rested_us; /* as NODE says: since when the giver is at rest */
	struct snapshot_totals totals;
	char why[HANDOVER_TEXT_MAX]; /* after an error: what was wrong, for people */
};

/* Errors: -ENOMEM. */
int snapshot_taking_begin(struct snapshot_taking *taking, const struct snapshot_parts *parts);

/* Takes in the message that has come, which is one of NODE, BUFFERS, LINES and END, and installs
 * what is in it. It does not answer: ACK is due after BUFFERS and LINES, HAVE_ALL after END. After
 * an error the taker cannot go on: it says NOT_NOW with `why`, and exits without ending its lines
 * (_exit, not serving_finish, which would say something to them). Errors: -EBADMSG,
 * -EINVAL, -ENOMEM, -ENOSPC. */
int snapshot_take(struct snapshot_taking *taking, struct channel *channel);

/* The same without a channel: `fds` are taken over from, and -1 where they were. For tests. */
int snapshot_take_message(struct snapshot_taking *taking, enum handover_message kind,
	struct unpack *body, int *fds, uint32_t fd_count);

/* Lines that were promised and have not come. */
static inline uint32_t snapshot_lost(const struct snapshot_taking *taking)
{
	return taking->promised > taking->totals.lines ? taking->promised - taking->totals.lines
						       : 0;
}

/* Gives the references to shared bytes back. The lines stay. */
void snapshot_taking_finish(struct snapshot_taking *taking);

#endif
