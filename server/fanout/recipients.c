#include "recipients.h"

#include <string.h>

#include "memberships.h"

/* --- whom to look at ---------------------------------------------------------------------------
 */

void recipients_begin(struct recipients *walk)
{
	walk->at = 0;
	walk->has_looked = false;
}

static struct conn *of_room(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	const struct room_part *part = rooms_part_of(node->rooms, batch_target_name(batch, message),
		batch->targets[message].hash, worker);
	if (!part) {
		return NULL;
	}
	if (walk->version != part->version) {
		walk->restarts += walk->at > 0;
		walk->at = 0;
		walk->version = part->version;
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

static void look_up(struct recipients *walk, const struct fanout_node *node, uint8_t worker,
	const char *name, size_t name_len)
{
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count = user_table_find(node->users, name, name_len, found);
	for (uint32_t i = 0; i < count; i++) {
		if (handle_worker(found[i].handle) == worker) {
			walk->sessions[walk->session_count++] = found[i].handle;
		}
	}
}

/* The sessions of the user first, then those of the sender. Who logs in later is owed nothing. */
static struct conn *of_user(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	if (!walk->has_looked) {
		const struct slice user = batch_target_name(batch, message);
		const struct batch_user sender = batch_sender(batch, message);
		walk->has_looked = true;
		walk->session_count = 0;
		look_up(walk, node, worker, user.data, user.len);
		look_up(walk, node, worker, sender.name, sender.name_len);
	}
	while (walk->at < walk->session_count) {
		struct conn *conn = conn_table_find(conns->table, walk->sessions[walk->at++]);
		if (conn) {
			return conn;
		}
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
		return (is_from && speaks_v1) ||
		       (target->hash == user->hash && name.len == user->name_len &&
			       memcmp(name.data, user->name, name.len) == 0);
	case BATCH_TO_ROOM:
	case BATCH_TO_TOLD:
		return memberships_hears(conn, target->hash, target->serial, target->number,
			       target->aim == BATCH_TO_TOLD) &&
		       !(is_from && is_senders(node, target, conn));
	}
	return false;
}
