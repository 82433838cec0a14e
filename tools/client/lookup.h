/* The addresses of a host, asked for without waiting.
 *
 * The system's resolver waits, up to half a minute, and cannot be told to stop. So it is asked by a
 * thread of its own, which blocks all signals, calls nobody back and ends by itself; whoever has
 * lost interest leaves it to that. */
#ifndef TIDEGATE_CLIENT_LOOKUP_H
#define TIDEGATE_CLIENT_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>

struct lookup;

/* Begins to ask. `host` and `service` (digits) are copied.
 * Errors: -ENOMEM; of eventfd(2) and pthread_create(3). */
int lookup_create(const char *host, const char *service, struct lookup **ret_lookup);

/* Whether it asks for that. */
bool lookup_is_for(const struct lookup *lookup, const char *host, const char *service);

/* Is readable from the answer on. Owned by the lookup. */
int lookup_fd(const struct lookup *lookup);

bool lookup_is_answered(struct lookup *lookup);

/* Whether there is an answer; false: not yet. *ret_error is that of getaddrinfo(3); when it is 0,
 * *ret_list is the caller's to free, and is so once. */
bool lookup_take(struct lookup *lookup, int *ret_error, struct addrinfo **ret_list);

/* Closes the descriptor, never waits, and nulls the giver's pointer. The memory is freed when the
 * resolver has answered. *lookup may be NULL. */
void lookup_destroy(struct lookup **lookup);

#endif
