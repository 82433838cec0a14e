/* One message to everybody else, on all workers.
 *
 * A sender's worker encodes each message once, into the batch of its present turn. At the end of
 * the turn's I/O the batch goes to every worker: one mailbox item, one entry in that worker's log
 * of batches. Connections catch up with the log in bounded slices between I/O; since frames lie one
 * behind the other in a batch, what piled up goes out as one piece.
 *
 *   log      │ 7 │ 8 │ 9 │        batches by number; a connection knows the next one it needs
 *              ^       ^   ^
 *              oldest  │   next (where a joiner starts)
 *                      some connection's log_next
 *
 * A pass over all receivers that begins with the log at N leaves everybody at N or beyond, so that
 * batches below N can go. Order: of one sender by construction, as nothing is appended to a
 * connection before it is caught up.
 *
 * pressure.h says who is slowed down when receivers cannot follow. */
#ifndef TIDEGATE_FANOUT_H
#define TIDEGATE_FANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/mailbox.h"
#include "../conn/conns.h"
#include "../user/user_table.h"
#include "batch.h"
#include "fanout_node.h"

struct posting;

/* Owner:  one worker.
 * Shared: never, but through the node. */
struct fanout;

/* Errors: -ENOMEM. */
int fanout_create(
	struct fanout_node *node, uint8_t worker, struct conns *conns, struct fanout **ret_fanout);

/* Frees the fan-out and nulls the giver's pointer; its connections are gone. *fanout may be NULL.
 */
void fanout_destroy(struct fanout **fanout);

/* Makes a live connection a receiver, from the next batch on. Errors: -ENOMEM. */
int fanout_join(struct fanout *fanout, struct conn *conn);

/* The connection is no receiver any more. Fine for one that never was. */
void fanout_leave(struct fanout *fanout, struct conn *conn);

/* Encodes `TEXT -- FROM user`, in a packet of that command (0: as a text message), for everybody
 * but the user of `sender`, whatever connection that user has by then. Makes the sender a feeder.
 * Over the node's memory limit too: it is whoever holds the most that has to go, and who talks may
 * hold nothing. Errors: -ENOMEM. */
int fanout_post(struct fanout *fanout, uint16_t command, struct conn *sender, const uint8_t *text,
	size_t text_len);

/* Encodes a message of no user's for everybody and sends it on its way, behind what was posted
 * before. Tells how many receivers there are. Errors: -ENOMEM; -ENOBUFS over the node's memory
 * limit or while senders are held back: nothing was sent, nobody is cut off for it. */
int fanout_announce(struct fanout *fanout, uint8_t opcode, const uint8_t *payload,
	size_t payload_len, uint64_t *ret_receivers);

/* --- for say.c --- */

/* Where what is said is put. */
struct posting *fanout_posting(struct fanout *fanout);

/* A live connection has given each receiver so many bytes; `whom`: enum pressure_whom. */
void fanout_note_fed(struct fanout *fanout, struct conn *feeder, size_t bytes, uint8_t whom);

/* Whether a backend's message of `frame_len` bytes may be taken in, as far as memory and the
 * backlog go: whether those lag whom it is for is the caller's to know. */
bool fanout_may_announce(const struct fanout *fanout, size_t frame_len);

struct stats *fanout_stats(const struct fanout *fanout);
const struct fanout_node *fanout_node(const struct fanout *fanout);
handle_t fanout_handle(const struct fanout *fanout, const struct conn *conn);
uint32_t fanout_now_tick(const struct fanout *fanout);
uint64_t fanout_wall_ms(const struct fanout *fanout);
uint8_t fanout_worker(const struct fanout *fanout);

/* --- */

/* How many others than its sender get what is for everybody, of this node. */
uint32_t fanout_others(const struct fanout *fanout);

/* Whether something waits for the next fanout_publish. */
bool fanout_has_posted(const struct fanout *fanout);

/* Whether all that was posted, here or elsewhere, is with its receivers. */
bool fanout_is_done(const struct fanout *fanout);

/* Sends the batch of this turn on its way, if there is one. */
void fanout_publish(struct fanout *fanout);

/* Takes in a batch from another worker. */
void fanout_receive(struct fanout *fanout, struct mail *mail);

/* Drops a batch that arrives for a worker that has ended. Thread: any. */
void fanout_dispose(struct fanout_node *node, uint8_t worker, struct mail *mail);

/* Appends to a connection what it has not had yet. Inside a visit. */
void fanout_catch_up(struct fanout *fanout, struct conn *conn);

/* Hands out: visits at most `receivers_max` connections. Returns whether there is more to do. */
bool fanout_step(struct fanout *fanout, uint32_t receivers_max);

/* Whether the pass that is under way visits only those whom something may be for. */
bool fanout_is_for_some(const struct fanout *fanout);

/* A live receiver begins to lag, or does so no more: from now on those who feed it are slowed down.
 */
void fanout_note_lag(struct fanout *fanout, struct conn *conn, bool lags);

/* How many bytes may be read from a feeder now; 0: none. */
size_t fanout_may_read(struct fanout *fanout, struct conn *feeder);

/* Gives back what is kept for the next turns. */
void fanout_empty_pool(struct fanout *fanout);

/* Once a turn, behind everything else: the accounts of receivers and pressure; see pressure.h. */
void fanout_settle(struct fanout *fanout);

#endif
