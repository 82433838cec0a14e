/* A walk over a whole table of liburcu's lfht, a piece at a time, between which nothing is held:
 * for the tables of users and of rooms, whose hashes have 32 bits.
 *
 * The table is in the order of its hashes, bits reversed. Whom a walk has seen last may be gone
 * when it goes on: so it is found again by its hash, with a mark, which is put there for a moment
 * and is no user or room. Of several with one hash, which have no order that stays, it counts how
 * many were passed. */
#ifndef TIDEGATE_RCU_WALK_H
#define TIDEGATE_RCU_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct cds_lfht;
struct cds_lfht_iter;
struct cds_lfht_node;

#define RCU_WALK_POSITION_MAX (UINT64_C(1) << 32)

/* How far a walk has come. All zero: to its beginning. Plain data, which may go round the world in
 * between; any numbers are fine. */
struct rcu_walk {
	uint64_t position; /* 0; else one more than a hash, all of which were passed */
	uint32_t skip;     /* behind it, those that were passed too */
};

/* Where a piece of a walk is.
 * Owner: a call. */
struct rcu_walk_run {
	uint64_t position; /* in front of those of `hash` */
	uint32_t hash;
	uint32_t count; /* of them, those that were met */
};

/* Finds where a walk goes on. `mark` is a node that belongs to nobody, as the table's others tell
 * by its record, and leaves the table in here: the caller frees it after a grace period. It is not
 * used at the beginning, where it may be NULL. Under RCU. */
void rcu_walk_seek(struct cds_lfht *table, const struct rcu_walk *walk, struct cds_lfht_node *mark,
	struct cds_lfht_iter *ret_iter);

static inline bool rcu_walk_is_at_start(const struct rcu_walk *walk)
{
	return walk->position == 0;
}

static inline struct rcu_walk_run rcu_walk_begin(const struct rcu_walk *walk)
{
	return (struct rcu_walk_run){.position = walk->position};
}

/* One of that hash is met. Returns whether it is for this piece: the walk has not come by it
 * before.
 */
static inline bool rcu_walk_meet(
	const struct rcu_walk *walk, struct rcu_walk_run *run, uint32_t hash)
{
	if (run->count > 0 && run->hash != hash) {
		run->position = (uint64_t)run->hash + 1;
		run->count = 0;
	}
	run->hash = hash;
	run->count++;
	return run->position != walk->position || run->count > walk->skip;
}

/* The piece ends in front of the one that was met last, with which the next one begins. */
static inline void rcu_walk_stop(struct rcu_walk *walk, const struct rcu_walk_run *run)
{
	*walk = (struct rcu_walk){run->position, run->count - 1};
}

#endif
