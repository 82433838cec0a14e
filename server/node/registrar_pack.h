/* How the registrar of a node gets into the process that takes the node's place: this run of it and
 * its events, and in a cluster all that other nodes know it by.
 *
 *   giver                                  taker
 *   registrar_hello_pack   ── HELLO ────>  registrar_create, registrar_hello_unpack,
 *                                          registrar_join, registrar_await_line
 *                          <── READY ────
 *   registrar_begin_rest                   (what the line brings waits for the thread)
 *   its thread is parked; then by main:
 *   registrar_last_turn until at rest
 *   registrar_pack         ── NODE ─────>  registrar_unpack
 *                          <── HAVE ALL ─  registrar_has_all
 *   registrar_release      ── GO ───────>  registrar_start
 *   or registrar_end_rest  ── ABORT ────>  registrar_abandon
 *
 * Other nodes and backends see one run: the same incarnation, no number twice, none left out.
 *
 * Main, registered with the user table, calls all of it; where it says "parked", the thread stands
 * still or has not been started, and all that is its own is main's. */
#ifndef TIDEGATE_REGISTRAR_PACK_H
#define TIDEGATE_REGISTRAR_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/pack.h"
#include "registrar.h"

struct cluster_key;

enum {
	REGISTRAR_BUSY_MAX = 128, /* bytes of what is not at rest, NUL included */
};

/* --- the giver ---------------------------------------------------------------------------------
 */

/* What the taker has to know before it says that it is ready. `registrar` may be NULL: there is
 * none, which is told. `key` is that of the cluster, of which a digest goes. */
void registrar_hello_pack(const struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct pack *pack);

/* The taker is ready: requests of backends are left to it from now on, and who waits for an event
 * is answered. Before the threads are parked, so that the admin port can pass these answers on.
 * `registrar` may be NULL. Thread: main; the registrar's runs. */
void registrar_begin_rest(struct registrar *registrar);

/* A turn that waits for nothing, parked. With `is_late` nobody is waited for any more: what has
 * been asked of other nodes and of backends is answered as unknown (8), and what the line brings is
 * left lying, for the taker gets that too. Returns whether it is at rest: nothing is in its
 * mailbox, with workers by order of its, or on the way to NATS; else ret_busy says for people what
 * is. Mail of a worker's last turn ends that again. */
bool registrar_last_turn(
	struct registrar *registrar, bool is_late, char ret_busy[REGISTRAR_BUSY_MAX]);

/* Appends what the taker goes on with, at rest. */
void registrar_pack(struct registrar *registrar, struct pack *pack);

/* The hand-over does not take place: it goes on as before, with what the line has brought
 * meanwhile. Parked, or not yet parked. `registrar` may be NULL. */
void registrar_end_rest(struct registrar *registrar);

/* GO is written: others hear no more of this process, nor is farewell said, and no mail is taken.
 * Parked; its thread ends when it goes on, and registrar_stop waits for that. registrar_destroy is
 * due once the workers have gone. `registrar` may be NULL. */
void registrar_release(struct registrar *registrar);

/* --- the taker ---------------------------------------------------------------------------------
 */

/* Between registrar_create and registrar_join. `registrar` may be NULL. Errors: -EINVAL for bytes
 * that make no sense; -EPERM where the config differs in what takes a restart (the cluster, its
 * prefix and key, the id). ret_why says what is wrong. */
int registrar_hello_unpack(struct registrar *registrar, const struct config *config,
	const struct cluster_key *key, struct unpack *unpack, char ret_why[CONFIG_ERROR_MAX]);

/* Waits until the line to the cluster is up, where the giver's is; from then on what comes is kept
 * here. Behind registrar_join. `registrar` may be NULL. Errors: -ETIMEDOUT, and ret_why. */
int registrar_await_line(struct registrar *registrar, uint32_t ms, char ret_why[CONFIG_ERROR_MAX]);

/* Goes on with what registrar_pack has written. `registrar` may be NULL: it is passed over. Errors:
 * -EINVAL, -ENOMEM: it cannot be used any more. */
int registrar_unpack(struct registrar *registrar, struct unpack *unpack);

/* Whether all that the line has brought so far is here: before HAVE ALL. `registrar` may be NULL.
 * Errors: -ENOBUFS, and ret_why. */
int registrar_has_all(struct registrar *registrar, char ret_why[CONFIG_ERROR_MAX]);

/* Some lines of the giver's did not get here: backends are told to take the whole list. Behind
 * registrar_unpack. `registrar` may be NULL. */
void registrar_note_lost(struct registrar *registrar);

/* The giver goes on: backends whose requests have come here, or are on their way, are told to ask
 * again. Not started. No word of it to other nodes. registrar_destroy is due. `registrar` may be
 * NULL. */
void registrar_abandon(struct registrar *registrar);

#endif
