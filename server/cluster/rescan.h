/* All sessions and rooms of this node once more, where something of them was not told: what is not
 * among them has gone. It may take many turns, in which others come and go as ever. */
#ifndef TIDEGATE_RESCAN_H
#define TIDEGATE_RESCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "directory.h"

struct rescan_note;

/* What was said of one kind, in the order in which it was. Owner: struct rescan. */
struct rescan_notes {
	struct rescan_note *notes;
	size_t count;
	size_t capacity;
};

/* Owner: the cluster. */
struct rescan {
	struct rescan_notes kinds[DIRECTORY_KINDS];
	bool is_short; /* there was no memory for some: nothing has gone for sure */
};

/* NULL without memory. */
struct rescan *rescan_create(void);

/* Frees it and nulls the giver's pointer. *rescan may be NULL. */
void rescan_destroy(struct rescan **rescan);

/* There is, or is no more, a session or a room. `rescan` may be NULL. */
void rescan_note(struct rescan *rescan, enum directory_kind kind,
	const struct directory_entry *entry, bool is_gone);

/* Takes out of the directory what is not there by what was noted; tells of each. */
void rescan_apply(struct rescan *rescan, struct directory *directory, directory_on_change gone,
	void *context);

#endif
