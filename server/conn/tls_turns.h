/* Whose TLS handshake is worked on next: one step of one line at a time, so that whoever is in
 * already waits for one signature at most.
 *
 * What takes long is a thread's, and comes back as mail. Thread: the worker. */
#ifndef TIDEGATE_TLS_TURNS_H
#define TIDEGATE_TLS_TURNS_H

#include <stdbool.h>

#include "conns.h"

struct mail;

/* A step for whoever is next on the desk, and the end of some who have waited too long, or let
 * others wait. Returns whether there is more to do at once. Needs conns->tls. */
bool tls_turns_step(struct conns *conns);

/* A thread has done a step: it comes back as mail of the kind that the worker has given. */
void tls_turns_on_mail(struct conns *conns, struct mail *mail);

#endif
