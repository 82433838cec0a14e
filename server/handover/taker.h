/* The process that takes: it is started by the one that gives, makes everything, and serves nobody
 * before it is told to.
 *
 *   taker_begin ──> (all is made, no thread runs) ──> taker_take ──> (threads start)
 *        └─────────────────────┴── taker_refuse ──────────┘
 *
 * Who refuses must not end its lines but exit by _exit(2): they are the giver's. */
#ifndef TIDEGATE_TAKER_H
#define TIDEGATE_TAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "../config/config.h"
#include "offer.h"
#include "process.h"
#include "snapshot.h"

/* Owner:  main.
 * Shared: never. */
struct taker {
	struct channel channel;
	struct process giver;
	struct offer offer;
	bool is_orphan; /* the giver has died before it has said GO, and all that came is served */
	uint32_t lines; /* that have come */
	uint32_t lost;  /* that were to come and did not, of an orphan */
	uint64_t frozen_us; /* for how long nobody was answered */
};

#define TAKER_EMPTY                                                                                \
	((struct taker){.channel = CHANNEL_EMPTY, .giver = PROCESS_EMPTY, .offer = OFFER_EMPTY})

/* Takes over the channel `fd` and hears what there is; sets the clock as far back as the giver's.
 * Before anything has looked at the clock. Errors: -errno: it has refused where somebody could hear
 * it. */
int taker_begin(struct taker *taker, int fd);

/* Tells the giver why not. Fine where it has been told, and with TAKER_EMPTY. */
void taker_refuse(struct taker *taker, const char *why);

/* Whether it may be ready: options and room. The limits are set. Errors: -errno, and ret_why. */
int taker_check(const struct taker *taker, const struct config *config, const struct node *node,
	char ret_why[HANDOVER_TEXT_MAX]);

/* Says that it is ready, and installs what comes until it is told to serve. Then it is: the clock
 * is set, and threads may start. Errors: -errno: it is not, ret_why says why, for people, and the
 * giver has been told; -ECANCELED: it was the giver that has gone back on it. */
int taker_take(
	struct taker *taker, const struct snapshot_parts *parts, char ret_why[HANDOVER_TEXT_MAX]);

/* Closes the channel. The giver may live on for a while. */
void taker_finish(struct taker *taker);

#endif
