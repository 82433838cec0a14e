/* A thread that takes newcomers in, in batches, and hands each to the worker with the fewest.
 *
 * It never waits for a newcomer. Who finds no place is still accepted and told 503, where TLS is
 * spoken by an alert: a bounded number of them by the workers, who can wait for their request and
 * so make sure that the answer arrives; those beyond, and those for whom there is no descriptor but
 * the spare one, by the acceptor itself, at once and as well as it can. */
#ifndef TIDEGATE_ACCEPTOR_H
#define TIDEGATE_ACCEPTOR_H

#include <stdint.h>

#include "listener.h"
#include "node.h"

struct acceptor;

/* Makes the acceptor for one column of the listeners, which are borrowed. Errors: -errno. */
int acceptor_create(struct node *node, const struct listeners *listeners, uint32_t column,
	struct acceptor **ret_acceptor);

/* Also after acceptor_stop. Errors: -errno of pthread_create. */
int acceptor_start(struct acceptor *acceptor);

/* Ends the thread and waits for it: who came is with the workers, who comes now waits in the
 * listeners' queues. Descriptors and counters stay. Fine for one that was not started. Thread: that
 * of acceptor_start. */
void acceptor_stop(struct acceptor *acceptor);

/* Ends the thread, waits for it, frees the acceptor and nulls the giver's pointer. *acceptor may be
 * NULL. */
void acceptor_destroy(struct acceptor **acceptor);

/* Newcomers refused for want of a connection or beyond the rate of openings; those beyond the rate
 * alone; and errors of accept. Thread: any. */
uint64_t acceptor_refused(const struct acceptor *acceptor);
uint64_t acceptor_too_fast(const struct acceptor *acceptor);
uint64_t acceptor_errors(const struct acceptor *acceptor);

/* Counts on from what another process has counted so far. Before it is started. */
void acceptor_count_on(
	struct acceptor *acceptor, uint64_t refused, uint64_t too_fast, uint64_t errors);

#endif
