/* A session from its login to its end: who is logged in, and the kick by a newer login. */
#ifndef TIDEGATE_SESSION_H
#define TIDEGATE_SESSION_H

#include <stdbool.h>

#include "sessions.h"

/* The manners of users who talk to each other. `owner` is a struct sessions. */
extern const struct conn_ops session_ops;

/* A connection has ended, whatever its manners: `ended` of struct conn_ops. */
void session_on_ended(void *owner, struct conn *conn, uint16_t code);

/* Answers the login that has waited longest for its token to be judged. Returns whether others are
 * waiting. Thread: the owner. */
bool session_answer_waiting(struct sessions *sessions);

/* A kick has arrived for one of this worker's connections, or for one that was. Thread: the owner.
 */
void session_on_kick(struct sessions *sessions, struct mail *mail);

/* A kick that arrives when its worker has ended. Thread: registered with the user table. */
void session_dispose_kick(struct user_table *users, struct mail *mail);

#endif
