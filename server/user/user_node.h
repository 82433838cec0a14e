/* What stands in the user table for a user: the entry of his one session, or a group of several.
 * For user_table_inner.h and user_group.c only.
 *
 * Most users have one session, whose entry then is all they cost. The second session makes a group,
 * which stays one however many are left of it, since a node that has left the table cannot come
 * back before a grace period is over.
 *
 *   one session       table ─> entry
 *   several           table ─> group ─> entry, entry, ...
 */
#ifndef TIDEGATE_USER_NODE_H
#define TIDEGATE_USER_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build_config.h"

/* liburcu's inline fast paths cannot be seen through by ThreadSanitizer; its library calls can at
 * least be annotated. */
#if !HAVE_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/rculfhash.h>
#include <urcu/urcu-memb.h>

#include "../base/handle.h"
#include "../base/mailbox.h"
#include "duel.h"

/* How entry and group begin. */
struct user_node {
	struct cds_lfht_node node;
	uint32_t hash;
	uint8_t member_count; /* of a group; 0: it is an entry */
	uint8_t name_len;     /* of an entry */
	uint8_t device_len;   /* likewise */
	bool came_alone : 1;  /* of an entry, for its owner: it has been in the table by itself */
	bool speaks_v1 : 1;   /* of an entry */
	bool is_restored : 1; /* of one that is yet to be logged in: its duel is that of before */
};

/* What decides whether a newcomer may replace a session. */
struct standing {
	_Atomic uint64_t epoch;   /* its connection's place in the order of acceptance */
	_Atomic struct duel duel; /* of the user, while the entry is alone */
};

/* Owner:  the worker of `handle`; once replaced, whoever holds the kick.
 * Shared: readers under RCU compare names and copy `handle` and `standing`; all are written before
 *         publication. `standing` counts only for who finds entry or group still in the table after
 *         the look at it: what follows takes its place.
 * Freed:  a grace period after it has left the table. */
struct user_entry {
	struct user_node in_table; /* first */
	union {
		struct standing standing; /* while it is in the table */
		struct mail kick;         /* from its replacement to its owner's receipt */
		struct rcu_head rcu;      /* from then, or from its removal, to its end */
	};
	handle_t handle;
	char names[]; /* of the user, and behind it of the device */
};

_Static_assert(offsetof(struct user_entry, names) + 16 <= 64,
	"one of jemalloc's classes, up to names of 16 bytes");

struct user_group;

struct user_member {
	struct user_entry *entry;
	/* Where its owner makes the group that is left without it, so that a session's end needs no
	 * memory. */
	struct user_group *spare;
};

/* Owner:  the table.
 * Shared: readers under RCU; all is written before publication.
 * Freed:  a grace period after another has taken its place. */
struct user_group {
	struct user_node in_table; /* first; its name is that of each member */
	struct rcu_head rcu;
	struct duel duel; /* of the user */
	struct user_member members[];
};

static inline struct user_node *user_node_of(struct cds_lfht_node *node)
{
	return caa_container_of(node, struct user_node, node);
}

static inline bool user_node_is_group(const struct user_node *node)
{
	return node->member_count > 0;
}

static inline struct user_group *user_group_of(struct user_node *node)
{
	return caa_container_of(node, struct user_group, in_table);
}

static inline uint32_t user_node_count(const struct user_node *node)
{
	return user_node_is_group(node) ? node->member_count : 1;
}

/* The i-th session's. */
static inline struct user_entry *user_node_entry(struct user_node *node, uint32_t i)
{
	return user_node_is_group(node) ? user_group_of(node)->members[i].entry
					: caa_container_of(node, struct user_entry, in_table);
}

#endif
