/* A thread that takes newcomers in, in batches, and hands each to the worker with the fewest.
 *
 * At the limit newcomers are still accepted and told 503, by the workers, who can wait for their
 * request and so make sure that the answer arrives; only when file descriptors run out all the same
 * does the acceptor itself refuse, with a spare descriptor that it keeps for that. */
#ifndef TIDEGATE_ACCEPTOR_H
#define TIDEGATE_ACCEPTOR_H

#include <stdint.h>

#include "listener.h"
#include "node.h"

struct acceptor;

/* Makes the acceptor for one column of the listeners, which are borrowed. Errors: -errno. */
int acceptor_create(struct node *node, const struct listeners *listeners, uint32_t column,
	struct acceptor **ret_acceptor);

/* Errors: -errno of pthread_create. */
int acceptor_start(struct acceptor *acceptor);

/* Ends the thread, waits for it, frees the acceptor and nulls the giver's pointer. *acceptor may be
 * NULL. */
void acceptor_destroy(struct acceptor **acceptor);

/* Newcomers refused for want of a connection, and errors of accept. Thread: any. */
uint64_t acceptor_refused(const struct acceptor *acceptor);
uint64_t acceptor_errors(const struct acceptor *acceptor);

#endif
