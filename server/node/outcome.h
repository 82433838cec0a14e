/* What several nodes have made of one request: their parts, merged to one answer that does not hide
 * who is missing. */
#ifndef TIDEGATE_OUTCOME_H
#define TIDEGATE_OUTCOME_H

#include <stdbool.h>

#include <jansson.h>

#include "../../proto/slice.h"
#include "problem.h"

/* A number of which the highest counts: the users in a room on all nodes, as each of them knows it.
 */
#define OUTCOME_ROOM_USERS "room_users"

/* Zero-initialised: nobody has said anything.
 * Owner:  whoever asks. */
struct outcome {
	json_t *sum;           /* of those that have done it; NULL: none has */
	json_t *fault;         /* of those that have not, the one that says the most; NULL: none */
	json_t *missing;       /* names of nodes that have not answered; NULL: none */
	json_t *refused;       /* of those that had something to do, and could not; likewise */
	bool may_have_arrived; /* at one that is missing */
	bool is_short;         /* of memory: something is missing in it */
};

/* A node's part: its numbers are added, its lists are appended. One with a "problem" counts only
 * where nobody has done it. Takes over `part`; NULL: there was no memory for it. */
void outcome_add(struct outcome *outcome, json_t *part);

/* The same of a node of that name: where others have done it and this one could not, it is among
 * those that are missing. */
void outcome_add_of(struct outcome *outcome, struct slice node, json_t *part);

/* A node that has not answered. `may_have_arrived`: it was asked, and may have done it. */
void outcome_add_missing(struct outcome *outcome, struct slice node, bool may_have_arrived);

/* The sum, with the names of those that are "missing" if there are any. Where nobody has done it:
 * NULL, and *ret_problem with a detail that lasts as long as the outcome. The sum is the caller's.
 */
json_t *outcome_take(struct outcome *outcome, enum problem *ret_problem, const char **ret_detail);

/* Frees what is left of it. Fine for one that is all zero. */
void outcome_finish(struct outcome *outcome);

#endif
