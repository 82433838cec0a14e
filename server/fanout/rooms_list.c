#include "rooms_list.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "first_names.h"
#include "rooms_inner.h"

/* --- lists -------------------------------------------------------------------------------------
 */

static void list_part(struct first_names *first, const struct room_part *part)
{
	for (uint32_t i = 0; i < room_part_places(part); i++) {
		struct slice name;
		if (part->places[i]) {
			name.data = user_entry_name(part->places[i], &name.len);
			first_names_add(first, name);
		}
	}
}

bool room_list(struct rooms *rooms, struct room *room, struct slice after, uint32_t most,
	void (*take)(void *context, struct slice user), void *context)
{
	struct first_names first;
	first_names_begin(&first, after, most);
	pthread_mutex_t *lock = rooms_lock_of(rooms, room->hash);
	pthread_mutex_lock(lock);
	struct room_part *part = atomic_load_explicit(&room->parts, memory_order_relaxed);
	for (; part; part = atomic_load_explicit(&part->next, memory_order_relaxed)) {
		list_part(&first, part);
	}
	for (uint32_t i = 0; i < first_names_count(&first); i++) {
		take(context, first.names[i]);
	}
	pthread_mutex_unlock(lock);
	return first_names_are_all(&first);
}

/* --- walks -------------------------------------------------------------------------------------
 */

/* The mark of a walk is a room without a name. Under RCU. Errors: -ENOMEM. */
static int seek(struct rooms *rooms, const struct rcu_walk *walk, struct cds_lfht_iter *ret_iter)
{
	if (rcu_walk_is_at_start(walk)) {
		rcu_walk_seek(rooms->hash_table, walk, NULL, ret_iter);
		return 0;
	}
	struct room *mark = calloc(1, sizeof(*mark));
	if (!mark) {
		return -ENOMEM;
	}
	PUBLISH(rooms);
	rcu_walk_seek(rooms->hash_table, walk, &mark->node, ret_iter);
	GRACE_BEGINS(&rooms_grace_period);
	urcu_memb_call_rcu(&mark->rcu, rooms_free_room);
	return 0;
}

/* Hands out those from `iter` on. Returns whether there are more. */
static bool walk_on(struct rooms *rooms, struct rcu_walk *walk, struct cds_lfht_iter *iter,
	uint32_t most, bool (*take)(void *context, struct room *room), void *context)
{
	struct rcu_walk_run run = rcu_walk_begin(walk);
	struct cds_lfht_node *node;
	for (; (node = cds_lfht_iter_get_node(iter)); cds_lfht_next(rooms->hash_table, iter)) {
		OBSERVE(rooms);
		struct room *room = caa_container_of(node, struct room, node);
		if (room->name_len == 0) {
			continue; /* another walk's mark */
		}
		if (!rcu_walk_meet(walk, &run, room->hash)) {
			continue;
		}
		if (most == 0 || !take(context, room)) {
			rcu_walk_stop(walk, &run);
			return true;
		}
		most--;
	}
	return false;
}

int rooms_walk(struct rooms *rooms, struct rcu_walk *walk, uint32_t most,
	bool (*take)(void *context, struct room *room), void *context)
{
	struct cds_lfht_iter iter;
	rooms_read_begin();
	int err = seek(rooms, walk, &iter);
	int more = err ? err : walk_on(rooms, walk, &iter, most, take, context);
	rooms_read_end();
	return more;
}
