/* Which sessions of a user must go, when all that the cluster knows of him is looked at. Every node
 * comes to the same verdict of the same entries, in whatever order it heard of them: of a device
 * the session with the highest epoch stays, and of those as many as a user may have, the highest
 * ones. Of equal epochs that with the higher rank (the caller's) is the higher one, then that of
 * the higher device: some order will do, if it is the same everywhere. Pure. */
#ifndef TIDEGATE_DOUBLES_H
#define TIDEGATE_DOUBLES_H

#include <stdbool.h>
#include <stdint.h>

#include "directory_types.h"

enum {
	DOUBLES_MOST = 256, /* entries that are looked at; more of one user are wrong anyway */
};

/* Whether a session has to go, because the same device has a higher epoch or `devices_max` other
 * devices have. `users` are all entries of the user, it itself included. */
bool doubles_must_go(const struct directory_user *users, uint32_t count, uint32_t devices_max,
	const struct directory_user *session);

/* Finds those of the own node that have to go: their places in `users`, ascending. `count` up to
 * DOUBLES_MOST. Returns their number. */
uint32_t doubles_find_own(const struct directory_user *users, uint32_t count, uint32_t devices_max,
	uint32_t ret_places[DOUBLES_MOST]);

/* Finds what the node of `newcomer`, another node's session that has come, should hear of: when
 * that one has to go, those of the own node that are why. Their places in `users`, ascending;
 * `count` up to DOUBLES_MOST. Returns their number, 0 when it may stay. */
uint32_t doubles_find_claims(const struct directory_user *users, uint32_t count,
	uint32_t devices_max, const struct directory_user *newcomer,
	uint32_t ret_places[DOUBLES_MOST]);

#endif
