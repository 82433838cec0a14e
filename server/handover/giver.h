/* The process that gives: it starts the next one, moves all lines to it, and decides when they are
 * the other's. Until then it may go back on its word at any moment, and nothing has been taken from
 * it. */
#ifndef TIDEGATE_GIVER_H
#define TIDEGATE_GIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "offer.h"
#include "snapshot.h"

/* What there is to give, and what the caller does for it. Borrowed. */
struct giver_means {
	struct snapshot_parts parts;
	const struct config *config;
	const struct cluster_key *cluster_key;
	struct listeners *listeners;       /* the clients' */
	struct listeners *admin_listeners; /* NULL: there is no admin port */
	char *const *argv;                 /* as this process was started */
	/* All threads stand, and nothing is in hand. Errors: -errno, and ret_why says why not, for
	 * people: all go on. ret_rested_us: since when, by clock_machine_us. */
	int (*freeze)(void *user, uint64_t *ret_rested_us, char ret_why[HANDOVER_TEXT_MAX]);
	/* All go on. */
	void (*thaw)(void *user);
	/* Does what main has to do meanwhile: called again and again until all are to stand.
	 * Returns whether something is there that matters more, as SIGTERM. */
	bool (*attend)(void *user);
	void *user;
};

/* Plain data. */
struct giver_outcome {
	pid_t pid;          /* of the process that serves from now on */
	uint32_t lines;     /* that have moved */
	uint64_t frozen_us; /* for how long nobody was answered */
};

/* Hands all over. Progress is logged, a line a second, and what came of it is in node->handover,
 * where it has begun. On success all threads stand; this process has forgotten the lines that have
 * moved, and the paths of its Unix sockets. Thread: main, registered with the user table. Errors:
 * -ECANCELED: everything is as before, which has been logged. */
int giver_hand_over(const struct giver_means *means, struct giver_outcome *ret_outcome);

#endif
