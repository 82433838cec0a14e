/* Logins whose tokens are judged in a later turn, in the order in which they came: a signature may
 * take a tenth of a millisecond, and whoever is in already is not to wait for a thousand of them.
 */
#ifndef TIDEGATE_WAITING_H
#define TIDEGATE_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/handle.h"

/* A ring. Zeroed, it is empty.
 * Owner:  one worker.
 * Shared: never. */
struct waiting {
	handle_t *handles; /* of connections, some of which may have gone */
	uint32_t capacity; /* a power of two; 0 before the first */
	uint32_t head;     /* where the next one is taken from */
	uint32_t count;
};

/* Errors: -ENOMEM. */
int waiting_put(struct waiting *waiting, handle_t handle);

/* Takes the one that waits longest. Returns false where nobody does. */
bool waiting_take(struct waiting *waiting, handle_t *ret_handle);

/* Forgets all, and frees it. */
void waiting_finish(struct waiting *waiting);

#endif
