/* The whole gateway stands still: all threads at the node's gate, nothing in hand, and all that
 * there is main's, to be written down. Then it goes on as if nothing had been, or leaves the node
 * to another process.
 *
 *   freeze_begin ──> (main has everything) ──┬──> freeze_thaw
 *                                            └──> freeze_leave
 *
 * In this order: acceptors; the admin port, which has to get back what it has asked of others, and
 * handshakes that have begun, as far as clients answer; then registrar and workers, and from here
 * on nobody is read from; the last turns, see node/rest.h. From those on time stands still as well.
 * Thread: main, registered with the user table, for all of it. */
#ifndef TIDEGATE_FREEZE_H
#define TIDEGATE_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway_parts.h"

enum {
	FREEZE_MS = 500,       /* for all threads to stand; then as long for the last turns */
	FREEZE_BUSY_MAX = 320, /* bytes of what is said, NUL included */
};

struct freeze {
	/* By clock_machine_us, when all came to rest: what is after it is nobody's time. A process
	 * that takes over skips it too, behind what was skipped until then: clock_skipped_us. */
	uint64_t rested_us;
	uint64_t began_us; /* by that clock, when clients were no longer read from */
};

/* Errors: -EBUSY: all go on, and ret_busy is who or what did not come to rest, a line for people;
 * -errno of a thread that could not be started again, as freeze_thaw. */
int freeze_begin(
	struct gateway *gateway, struct freeze *ret_freeze, char ret_busy[FREEZE_BUSY_MAX]);

/* All go on. Errors: -errno of pthread_create: nobody is taken in any more, which the log says. */
int freeze_thaw(struct gateway *gateway, const struct freeze *freeze);

/* Another process is the node: the workers go on with what is left to them, closing lines, and all
 * others end, the admin port within a second. What has moved was let go of before. Listeners stay
 * open, and nobody takes anybody in from them. */
void freeze_leave(struct gateway *gateway, const struct freeze *freeze);

#endif
