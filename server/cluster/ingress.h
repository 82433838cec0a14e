/* What users of other nodes say, for the sessions of this one: out of messages into batches, which
 * go to the workers as those of workers do. None of it goes out again.
 *
 * It is held back while this node cannot take more, in the order in which it came: all while the
 * backlog or memory is over its limit, and what is beyond so much a tick while some receiver lags.
 * So no receiver is cut off for what comes from elsewhere. What is held has a limit of its own:
 * beyond it whole batches are dropped and counted, and sessions of tidegate.v1 are told (packet
 * 105). Meanwhile other nodes are told to send less: ingress_pressure.
 *
 * What is said to one user is never held: it is talk, and answered. It is refused when its sender
 * has something held, behind which it would have to wait.
 *
 * Thread: the registrar's, registered with the user table. */
#ifndef TIDEGATE_INGRESS_H
#define TIDEGATE_INGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_traffic.h"
#include "ingress_types.h"

struct ingress;

/* Errors: -ENOMEM. */
int ingress_create(const struct ingress_setup *setup, struct ingress **ret_ingress);

/* Frees it and nulls the giver's pointer: what is held is dropped. The workers' mailboxes are
 * there. *ingress may be NULL. */
void ingress_destroy(struct ingress **ingress);

/* Takes in a BATCH of another node, or holds it back, or drops and counts it. */
void ingress_batch(struct ingress *ingress, uint16_t node, const struct codec_message *message);

/* Takes in a SAY. Returns how many sessions of the user it is handed to. Errors: -ENOBUFS: it
 * cannot be taken in now, nobody gets it. */
int ingress_say(struct ingress *ingress, const struct codec_say *say);

/* So many batches were lost on their way here: told with what is taken in next, or at the turn's
 * end. */
void ingress_gap(struct ingress *ingress, uint32_t batches);

/* Another number of members of a room of that key (rooms_hash64) is known of: those here who have
 * asked for it are told. */
void ingress_room_changed(struct ingress *ingress, uint64_t key);

/* The same for rooms that are not known, as after a node has gone: all are looked at, some each
 * turn. */
void ingress_recount(struct ingress *ingress);

/* At the end of each turn: takes in what was held and can be now, and sends all that was taken in
 * on its way. Returns for how many ms the next wait may last; -1: as long as it likes. */
int ingress_turn(struct ingress *ingress, uint32_t now_tick);

/* Before another process goes on with it: tells all numbers that are to be told later. Returns
 * whether there are none left; for some there may be no memory. */
bool ingress_tell_all(struct ingress *ingress);

/* How this node is, to be told to others: ELSEWHERE_EASY, TIGHT or FULL. To be asked once a turn,
 * and not less than each tick while there are other nodes. */
uint8_t ingress_pressure(const struct ingress *ingress);

struct ingress_figures ingress_look(const struct ingress *ingress);

#endif
