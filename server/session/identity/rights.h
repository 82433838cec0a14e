/* What a session may do, as its token says: to whom it may speak, which rooms it may join, whether
 * it may ask the backend.
 *
 * Equal sets are kept once for the whole node, however many sessions have them, and never change.
 * No rights at all, NULL, is a session without a token: it may do everything. */
#ifndef TIDEGATE_RIGHTS_H
#define TIDEGATE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "../../../proto/audience.h"
#include "../../../proto/slice.h"

enum {
	RIGHTS_PATTERNS_MAX = 32,    /* of `say` and `join` together */
	RIGHTS_PATTERN_BYTES = 1024, /* likewise, as they are written */
};

/* Owner:  the table that it was interned in.
 * Shared: by all who hold a reference; it never changes.
 * Freed:  with its last reference; those of rights_default() never. */
struct rights;

/* All sets of a node that somebody has.
 * Owner:  the node.
 * Shared: by all threads, under locks of its own that are held for some 100 ns. */
struct rights_table;

/* Thread: any. Errors: -ENOMEM. */
int rights_table_create(struct rights_table **ret_table);

/* All references must have been given back. NULL is fine. Thread: one that is the last. */
void rights_table_destroy(struct rights_table **table);

/* Sets that are in use, those of rights_default() left out. Thread: any; a rough figure. */
size_t rights_table_count(const struct rights_table *table);

/* Reads a token's claim `tg`: `{"say": ["@*", "#team-*"], "join": ["lobby"], "all": true,
 * "request": true}`. `say` holds audiences, `join` rooms; a `*` is special as the last byte only.
 * What is missing allows nothing, what is unknown is ignored. The reference is the caller's.
 * Thread: any. Errors: -EINVAL: no such object, a pattern that nobody's name can fit, or more than
 * there may be; -ENOMEM. */
int rights_read(struct rights_table *table, const json_t *tg, struct rights **ret_rights);

/* What a token without `tg` allows: to say to users and to rooms that one is in, to join any room,
 * to ask the backend; not to speak to everybody. Counts no references. Thread: any. */
struct rights *rights_default(void);

/* Another reference to the same. NULL is fine. Thread: any. */
struct rights *rights_ref(struct rights *rights);

/* Gives one back and nulls the giver's pointer. NULL is fine. Thread: any. */
void rights_unref(struct rights **rights);

/* --- what they allow -----------------------------------------------------------------------------
 * NULL allows all of it. Thread: any that holds a reference. */

/* Everybody included. Whether the session is in the room is another question; that it may join one
 * does not let it speak there. */
bool rights_may_say(const struct rights *rights, const struct audience *audience);

bool rights_may_join(const struct rights *rights, struct slice room);

/* To ask the backend. */
bool rights_may_request(const struct rights *rights);

/* To speak to everybody, a classic text included. */
bool rights_may_broadcast(const struct rights *rights);

#endif
