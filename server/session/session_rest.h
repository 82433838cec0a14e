/* The last turns of a worker before its sessions may go on in another process: what they are owed
 * is handed out, and nothing of theirs is left that only this process could do.
 *
 * What mail, batches and logs hold is the business of whoever runs these turns. Requests and says
 * that wait for other threads come back by mail, as struct late; requests_answer_unknown
 * (node/requests.h) and its like answer those that are not worth waiting for. Thread: the worker,
 * or one that stands in for it while it waits; registered with the user table. */
#ifndef TIDEGATE_SESSION_REST_H
#define TIDEGATE_SESSION_REST_H

#include <stdbool.h>

#include "sessions.h"

/* A step ahead of serving_before_mail: answers a login that waits for its token to be judged, and
 * tells the numbers of rooms that are due, now or later. Returns whether there is more to do. */
bool session_rest_step(struct sessions *sessions);

/* What is still under way here, for people: "logins whose tokens are not judged". NULL: nothing. */
const char *session_rest_busy(const struct sessions *sessions);

#endif
