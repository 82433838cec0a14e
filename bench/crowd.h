/* Texts that some say and the others of their circle must get: what `fanout`, `chat`, `rooms` and
 * `direct` have in common. Knows of each sender how much it has sent, and of each connection which
 * of the texts that it is to hear have come. */
#ifndef TIDEGATE_BENCH_CROWD_H
#define TIDEGATE_BENCH_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "schedule.h"
#include "sequence.h"
#include "speech.h"

struct options;

/* One who speaks.
 * Owner:  the generator of its connection, but for the ring.
 * Shared: `sent` is read, `missing` and `completed` written by all generators. */
struct crowd_sender {
	_Alignas(64) _Atomic uint32_t sent; /* stored before the text can reach anybody */
	_Atomic uint32_t completed;         /* texts that have reached all */
	_Atomic uint32_t *missing; /* of each text under way, how many have not got it; or NULL */
};

/* What the generators share: run->shared. */
struct crowd_shared {
	_Atomic uint32_t silent_count; /* generators that have said their last */
	_Atomic uint64_t delivered;    /* closed and blind: in all */
	_Atomic uint32_t cut_count;    /* connections that get nothing any more */
	uint32_t ring_mask;            /* entries of `missing`, less one */
	struct crowd_sender senders[];
};

/* One generator's part.
 * Owner:  a generator, inside its state.
 * Freed:  by crowd_finish. */
struct crowd {
	struct speech speech;
	uint32_t own_count;         /* senders of this generator: its first clients */
	struct sequence *sequences; /* by client, then by sender of its circle */
	struct schedule schedule;
	uint64_t issued;
	uint64_t allowed;
	uint32_t settled_cursor; /* clients before this one have got everything */
	bool is_silent;
};

int crowd_share(const struct options *options, void **ret_shared);
void crowd_unshare(const struct options *options, void *shared);

/* Errors: -ENOMEM; crowd_finish is due all the same. */
int crowd_init(struct generator *generator, struct crowd *crowd);
void crowd_finish(struct generator *generator, struct crowd *crowd);

/* Of a scenario whose generators have a crowd and nothing else. */
int crowd_prepare(struct generator *generator);
void crowd_dispose(struct generator *generator);

/* --- of the crowd with which generator->state begins --- */

void crowd_begin(struct generator *generator);

/* Says what is due; returns when more is. */
uint64_t crowd_turn(struct generator *generator, uint64_t now_ns);

/* A connection has come that will get what is said from now on. */
void crowd_join(struct generator *generator, const struct client *client);

/* A connection was cut, or could not be opened: of what is said from now on nobody waits for it.
 * What is under way has no last receiver any more. */
void crowd_leave(struct generator *generator);

/* An intact text with that mark has come. */
void crowd_hear(struct generator *generator, struct client *client, const struct text_mark *mark,
	uint64_t now_ns);

/* Bytes of a server that says constant ones. Returns how many were used. */
size_t crowd_take_blind(
	struct generator *generator, struct client *client, size_t len, uint64_t now_ns);

/* Whether all that was said has reached all of this generator's connections that it is for. */
bool crowd_is_settled(struct generator *generator);

/* Counts what has not. */
void crowd_account(struct generator *generator);

/* What scenarios whose generators have a crowd and nothing else have in common. */
#define CROWD_SCENARIO                                                                             \
	.unit = "deliveries", .says_texts = true, .share = crowd_share, .unshare = crowd_unshare,  \
	.prepare = crowd_prepare, .dispose = crowd_dispose, .begin = crowd_begin,                  \
	.turn = crowd_turn, .is_settled = crowd_is_settled, .account = crowd_account

#endif
