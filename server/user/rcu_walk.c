#include "rcu_walk.h"

#include <urcu/rculfhash.h>

#include "../../proto/assert.h"

/* A place just behind all of that hash, of which ours have 32 bits and liburcu's 64; nobody's. */
static unsigned long behind(uint32_t hash)
{
	return ~(unsigned long)UINT32_MAX | hash;
}

static int is_mark(struct cds_lfht_node *node, const void *mark)
{
	return node == mark;
}

void rcu_walk_seek(struct cds_lfht *table, const struct rcu_walk *walk, struct cds_lfht_node *mark,
	struct cds_lfht_iter *ret_iter)
{
	if (rcu_walk_is_at_start(walk)) {
		cds_lfht_first(table, ret_iter);
		return;
	}
	const unsigned long place = behind((uint32_t)(walk->position - 1));
	cds_lfht_node_init(mark);
	cds_lfht_add(table, place, mark);
	cds_lfht_lookup(table, place, is_mark, mark, ret_iter);
	cds_lfht_next(table, ret_iter);
	ASSERT(cds_lfht_del(table, mark) == 0);
}
