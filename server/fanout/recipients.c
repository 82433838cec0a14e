#include "recipients.h"

#include "memberships.h"

enum {
	PIECE = 2 * USER_SESSIONS_MAX, /* sessions that are looked up at once */
};

/* --- whom to look at ---------------------------------------------------------------------------
 */

void recipients_begin(struct recipients *walk)
{
	walk->session_count = 0;
	walk->session_at = 0;
	walk->has_looked = false;
	walk->place = 0;
}

static void add(struct recipients *walk, const struct conns *conns, handle_t handle)
{
	walk->sessions[walk->session_count++] = (struct recipient){
		.handle = handle,
		.conn = conn_table_at(conns->table, handle_index(handle)),
	};
}

static void look_at_room(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, struct slice name, uint32_t hash)
{
	const struct room_part *part = rooms_part_of(node->rooms, name, hash, worker);
	if (!part) {
		return;
	}
	if (walk->version != part->version) {
		walk->restarts += walk->place > 0;
		walk->place = 0;
		walk->version = part->version;
	}
	while (walk->place < room_part_places(part) && walk->session_count < PIECE) {
		const struct user_entry *entry = part->places[walk->place++];
		if (entry) {
			add(walk, conns, user_entry_handle(entry));
		}
	}
}

static void look_at_user(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch_user *user)
{
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count =
		user_table_find_hashed(node->users, user->name, user->name_len, user->hash, found);
	for (uint32_t i = 0; i < count; i++) {
		if (handle_worker(found[i].handle) == worker) {
			add(walk, conns, found[i].handle);
		}
	}
}

/* The one session that a user had when it was said to him, where it is still the only one. Returns
 * false where he has to be looked up. */
static bool look_at_one(
	struct recipients *walk, const struct conns *conns, uint8_t worker, handle_t session)
{
	if (handle_worker(session) != worker) {
		return true; /* Its worker looks. */
	}
	const struct conn *conn = conn_table_find(conns->table, session);
	if (!conn || !conn->user || !user_entry_is_alone(conn->user)) {
		return false;
	}
	add(walk, conns, session);
	return true;
}

/* Who logs in later is owed nothing. */
static void look_at_users(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	const struct batch_target *target = &batch->targets[message];
	const struct slice name = batch_target_name(batch, message);
	if (target->is_to_one && look_at_one(walk, conns, worker, target->session)) {
		return;
	}
	const struct batch_user user = {name.data, (uint8_t)name.len, target->hash};
	look_at_user(walk, node, conns, worker, &user);
	if (target->is_shown) {
		const struct batch_user sender = batch_sender(batch, message);
		look_at_user(walk, node, conns, worker, &sender);
	}
}

/* Takes the next piece; an empty one is the end. */
static void look(struct recipients *walk, const struct fanout_node *node, const struct conns *conns,
	uint8_t worker, const struct batch *batch, uint32_t message)
{
	const struct batch_target *target = &batch->targets[message];
	walk->session_count = 0;
	walk->session_at = 0;
	switch ((enum batch_aim)target->aim) {
	case BATCH_TO_USER:
		if (!walk->has_looked) {
			walk->has_looked = true;
			look_at_users(walk, node, conns, worker, batch, message);
		}
		break;
	case BATCH_TO_ROOM:
	case BATCH_TO_TOLD:
		look_at_room(
			walk, node, conns, worker, batch_target_name(batch, message), target->hash);
		break;
	case BATCH_TO_ALL:
		break;
	}
}

struct conn *recipients_next(struct recipients *walk, const struct fanout_node *node,
	const struct conns *conns, uint8_t worker, const struct batch *batch, uint32_t message)
{
	for (;;) {
		while (walk->session_at < walk->session_count) {
			const struct recipient *its = &walk->sessions[walk->session_at++];
			conn_expect(its[1].conn);
			if (conn_is_of(its->conn, its->handle)) {
				return its->conn;
			}
		}
		look(walk, node, conns, worker, batch, message);
		if (walk->session_count == 0) {
			return NULL;
		}
	}
}

static bool is_for_room(const struct batch_target *target)
{
	return target->aim == BATCH_TO_ROOM || target->aim == BATCH_TO_TOLD;
}

void recipients_expect(const struct conns *conns, const struct batch *batch, uint32_t message)
{
	if (message < batch->count && batch->targets[message].is_to_one) {
		conn_table_expect(conns->table, batch->targets[message].session);
	}
}

bool recipients_are_as_before(const struct batch *batch, uint32_t message)
{
	if (message == 0) {
		return false;
	}
	const struct batch_target *its = &batch->targets[message];
	const struct batch_target *before = &batch->targets[message - 1];
	return is_for_room(its) && is_for_room(before) && its->hash == before->hash &&
	       its->serial == before->serial;
}

uint64_t recipients_marks(struct conn *conn)
{
	uint16_t count;
	const membership_t *all = memberships_all(conn, &count);
	uint64_t marks = UINT64_C(1) << (conn->user_hash & 63);
	for (uint16_t i = 0; i < count; i++) {
		marks |= UINT64_C(1) << (room_hash(membership_room(all[i])) & 63);
	}
	return marks;
}

bool recipients_candidates(const struct batch *batch, struct conn *conn, struct batch_set *ret_set)
{
	uint16_t count;
	const membership_t *all = memberships_all(conn, &count);
	bool is_any = batch_is_for_all(batch);
	*ret_set = is_any ? batch_for_all(batch) : (struct batch_set){{0}};
	is_any |= batch_collect(batch, conn->user_hash, ret_set);
	for (uint16_t i = 0; i < count; i++) {
		is_any |= batch_collect(batch, room_hash(membership_room(all[i])), ret_set);
	}
	return is_any;
}

/* --- whom it is for ----------------------------------------------------------------------------
 */

/* The session that has sent it, or what has replaced that. */
static bool is_senders(
	const struct fanout_node *node, const struct batch_target *target, const struct conn *conn)
{
	return user_entry_device_hash(node->users, conn->user) == target->device;
}

/* Names are looked at where hashes are the same, which they are not for most. */
static bool has_sent(const struct conn *conn, const struct batch *batch, uint32_t message)
{
	if (batch->messages[message].sender_hash != conn->user_hash) {
		return false;
	}
	const struct batch_user user = recipients_user(conn);
	return batch_is_from(batch, message, &user);
}

static bool is_to(
	uint8_t worker, const struct batch *batch, uint32_t message, const struct conn *conn)
{
	const struct batch_target *target = &batch->targets[message];
	if (target->hash != conn->user_hash) {
		return false;
	}
	if (target->is_to_one &&
		target->session == handle_make(worker, conn->index, conn->generation)) {
		return true; /* It was found by his name. */
	}
	struct slice name;
	name.data = user_entry_name(conn->user, &name.len);
	return slice_equals(batch_target_name(batch, message), name);
}

bool recipients_has(const struct fanout_node *node, uint8_t worker, const struct batch *batch,
	uint32_t message, struct conn *conn)
{
	const struct batch_target *target = &batch->targets[message];
	const bool is_own = has_sent(conn, batch, message);
	const bool speaks_v1 = conn->flags & CONN_V1;
	switch ((enum batch_aim)target->aim) {
	case BATCH_TO_ALL:
		return !is_own && (speaks_v1 || !target->is_for_v1);
	case BATCH_TO_USER:
		if (target->is_classic == speaks_v1 || (is_own && is_senders(node, target, conn))) {
			return false;
		}
		return (is_own && speaks_v1 && target->is_shown) ||
		       (!target->is_only_shown && is_to(worker, batch, message, conn));
	case BATCH_TO_ROOM:
	case BATCH_TO_TOLD:
		return memberships_hears(conn, target->hash, target->serial, target->number,
			       target->aim == BATCH_TO_TOLD) &&
		       !(is_own && is_senders(node, target, conn));
	}
	return false;
}
