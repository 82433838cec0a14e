#include "recipients.h"

#include <string.h>

#include "memberships.h"

/* --- whom to look at ---------------------------------------------------------------------------
 */

static struct conn *of_room(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	const struct room_part *part = rooms_part_of(node->rooms, batch_target_name(batch, message),
		batch->targets[message].hash, worker);
	if (!part) {
		return NULL;
	}
	if (walk->version != part->version) {
		*walk = (struct recipients){.version = part->version};
	}
	while (walk->at < room_part_places(part)) {
		const struct user_entry *entry = part->places[walk->at++];
		struct conn *conn =
			entry ? conn_table_find(conns->table, user_entry_handle(entry)) : NULL;
		if (conn) {
			return conn;
		}
	}
	return NULL;
}

/* The sessions of the user first, then those of the sender, if they get it too. */
static struct conn *of_user(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	const struct batch_user sender = batch_sender(batch, message);
	const struct slice names[2] = {
		batch_target_name(batch, message), {sender.name, sender.name_len}};
	const uint32_t end = USER_SESSIONS_MAX * (batch->targets[message].is_shown ? 2 : 1);
	struct user_session found[USER_SESSIONS_MAX];
	while (walk->at < end) {
		struct slice name = names[walk->at / USER_SESSIONS_MAX];
		uint32_t count = user_table_find(node->users, name.data, name.len, found);
		for (uint32_t i = walk->at % USER_SESSIONS_MAX; i < count; i++) {
			struct conn *conn = handle_worker(found[i].handle) == worker
						    ? conn_table_find(conns->table, found[i].handle)
						    : NULL;
			if (conn) {
				/* Most users have one session: nobody looks for another. */
				walk->at -= walk->at % USER_SESSIONS_MAX;
				walk->at += i + 1 < count ? i + 1 : USER_SESSIONS_MAX;
				return conn;
			}
		}
		walk->at = (walk->at / USER_SESSIONS_MAX + 1) * USER_SESSIONS_MAX;
	}
	return NULL;
}

struct conn *recipients_next(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	switch ((enum batch_aim)batch->targets[message].aim) {
	case BATCH_TO_USER:
		return of_user(walk, node, conns, worker, batch, message);
	case BATCH_TO_ROOM:
	case BATCH_TO_TOLD:
		return of_room(walk, node, conns, worker, batch, message);
	case BATCH_TO_ALL:
		break;
	}
	return NULL;
}

struct batch_set recipients_candidates(const struct batch *batch, struct conn *conn)
{
	const struct memberships *list = *conn_rooms(conn);
	struct batch_set set = {{0}};
	batch_collect(batch, conn->user_hash, &set);
	for (uint32_t i = 0; list && i < list->count; i++) {
		batch_collect(batch, room_hash(memberships_rooms(list)[i]), &set);
	}
	return set;
}

/* --- whom it is for ----------------------------------------------------------------------------
 */

/* The session that has sent it, or what has replaced that. */
static bool is_senders(
	const struct fanout_node *node, const struct batch_target *target, const struct conn *conn)
{
	return user_entry_device_hash(node->users, conn->user) == target->device;
}

bool recipients_has(const struct fanout_node *node, const struct batch *batch, uint32_t message,
	struct conn *conn, const struct batch_user *user)
{
	const struct batch_target *target = &batch->targets[message];
	const struct slice name = batch_target_name(batch, message);
	const bool is_from = batch_is_from(batch, message, user);
	const bool speaks_v1 = conn->flags & CONN_V1;
	switch ((enum batch_aim)target->aim) {
	case BATCH_TO_ALL:
		return !is_from;
	case BATCH_TO_USER:
		if (target->is_classic == speaks_v1 ||
			(is_from && is_senders(node, target, conn))) {
			return false;
		}
		return (is_from && speaks_v1 && target->is_shown) ||
		       (target->hash == user->hash && name.len == user->name_len &&
			       memcmp(name.data, user->name, name.len) == 0);
	case BATCH_TO_ROOM:
	case BATCH_TO_TOLD:
		return memberships_hears(conn, name, target->hash, target->number,
			       target->aim == BATCH_TO_TOLD) &&
		       !(is_from && is_senders(node, target, conn));
	}
	return false;
}
