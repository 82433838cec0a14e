/* Whether a new process has room for all that is to come: everything is held twice for a moment. */
#ifndef TIDEGATE_FITS_H
#define TIDEGATE_FITS_H

#include <stdint.h>

#include "messages.h"

/* What the new process has. Plain data. */
struct fits_room {
	uint64_t files;      /* descriptors that it may have */
	uint64_t files_used; /* of them, those that it has, and will have but for lines */
	uint64_t memory;     /* memory_limit: bytes that may be unread or unsent */
	uint64_t group;      /* bytes left in the control group; UINT64_MAX: there is no limit */
};

/* Looks what there is, for a process that has adopted its listeners and whose memory limit that is.
 * `root` as for machine.h. Thread: main. */
void fits_look(const char *root, uint64_t memory, struct fits_room *ret_room);

/* Errors: -EMFILE, -ENOMEM: ret_why says, for people, what does not fit, by how much, and what to
 * do. Thread: any. */
int fits_check(const struct handover_hello *hello, const struct fits_room *room,
	char ret_why[HANDOVER_TEXT_MAX]);

#endif
