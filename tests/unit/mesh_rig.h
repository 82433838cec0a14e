/* Three nodes in one process, each a conn_rig.h with a registrar's share of what goes between them:
 * egress and ingress, joined by pipes that the test lets run. What the nodes know of each other is
 * written into their directories by hand, for the users and rooms that the test names.
 *
 *	struct mesh *mesh = mesh_create(2);       // workers of each node
 *	struct client *a = mesh_login(mesh, 0, 1, "aaa", "");
 *	...
 *	mesh_run(mesh);
 *	mesh_destroy(mesh);  // checks that every account is back at zero
 */
#ifndef TIDEGATE_MESH_RIG_H
#define TIDEGATE_MESH_RIG_H

#include "../../server/cluster/egress.h"
#include "../../server/cluster/ingress.h"
#include "../../server/fanout/posting.h"
#include "../../server/fanout/pressure.h"
#include "talk_rig.h"

enum {
	MESH_NODES = 3,
	MESH_NAMES = 64, /* of users, with their devices, and of rooms */
	MESH_EPOCH = 1,  /* of all sessions */
	MESH_MAIL_BATCH = 1,
	MESH_MAIL_SAY = 2,
	MESH_ASKS = 8192,
};

struct mesh;

/* From one node to another. */
struct mesh_message {
	struct mesh_message *next;
	uint32_t ask; /* of a say; else MESH_ASKS */
	size_t len;
	uint8_t bytes[];
};

struct mesh_pipe {
	struct mesh_message *first;
	struct mesh_message *last;
};

struct mesh_node {
	struct rig rig;
	struct mesh *mesh;
	uint16_t id;
	struct elsewhere elsewhere;
	struct directory *directory;
	uint16_t numbers[MESH_NODES]; /* of the nodes in the directory */
	struct egress *egress;
	struct ingress *ingress;
	struct mesh_pipe pipes[MESH_NODES]; /* to each of the others */
	uint32_t sends_to_all;
	uint32_t sends_to_node;
	size_t payload_max;
	bool is_cut; /* nothing can be sent */
};

/* What was asked of other nodes, and what came of it. */
struct mesh_ask {
	uint32_t id;
	bool wants_answer;
	uint32_t waiting; /* nodes */
	uint32_t sessions;
	uint32_t busy; /* nodes that could not take it */
};

struct mesh_name {
	char user[32];
	char device[32];
};

struct mesh {
	struct mesh_node nodes[MESH_NODES];
	struct mesh_name names[MESH_NAMES];
	uint32_t name_count;
	char rooms[MESH_NAMES][32];
	uint32_t room_count;
	struct mesh_ask asks[MESH_ASKS];
	uint32_t ask_count;
};

/* --- pipes -------------------------------------------------------------------------------------
 */

static inline void mesh_push(
	struct mesh_node *from, uint16_t to, uint32_t ask, const uint8_t *bytes, size_t len)
{
	struct mesh_pipe *pipe = &from->pipes[to];
	struct mesh_message *message = malloc(sizeof(*message) + len);
	assert_non_null(message);
	*message = (struct mesh_message){.ask = ask, .len = len};
	memcpy(message->bytes, bytes, len);
	if (pipe->last) {
		pipe->last->next = message;
	} else {
		pipe->first = message;
	}
	pipe->last = message;
}

static inline int mesh_to_all(void *context, const uint8_t *payload, size_t len)
{
	struct mesh_node *node = context;
	if (node->is_cut) {
		return -ENOTCONN;
	}
	node->sends_to_all++;
	for (uint16_t to = 0; to < MESH_NODES; to++) {
		if (to != node->id) {
			mesh_push(node, to, MESH_ASKS, payload, len);
		}
	}
	return 0;
}

static inline uint16_t mesh_node_of_number(const struct mesh_node *node, uint16_t number)
{
	for (uint16_t i = 0; i < MESH_NODES; i++) {
		if (i != node->id && node->numbers[i] == number) {
			return i;
		}
	}
	fail_msg("node %d does not know of a node %d", node->id, number);
	return MESH_NODES;
}

static inline int mesh_to_node(void *context, uint16_t number, const uint8_t *payload, size_t len)
{
	struct mesh_node *node = context;
	if (node->is_cut) {
		return -ENOTCONN;
	}
	node->sends_to_node++;
	mesh_push(node, mesh_node_of_number(node, number), MESH_ASKS, payload, len);
	return 0;
}

static inline size_t mesh_payload_max(void *context)
{
	const struct mesh_node *node = context;
	return node->payload_max;
}

/* --- says --------------------------------------------------------------------------------------
 */

/* As the cluster does: to each node that has the user, and to those that have the sender too. */
static inline void mesh_on_say(struct mesh_node *node, struct elsewhere_say *say)
{
	struct mesh *mesh = node->mesh;
	struct user_table *users = node->rig.node.users;
	const struct slice from = elsewhere_say_from(say);
	const struct slice to = elsewhere_say_to(say);
	bool has_to[MESH_NODES] = {false};
	bool has_from[MESH_NODES] = {false};
	struct directory_user found[64];
	uint8_t payload[8192];
	egress_flush(node->egress);
	uint32_t count = directory_find_user(
		node->directory, user_table_hash64(users, to.data, to.len), found, 64);
	for (uint32_t i = 0; say->wants_answer && i < count; i++) {
		if (found[i].node != DIRECTORY_SELF) {
			has_to[mesh_node_of_number(node, found[i].node)] = true;
		}
	}
	count = directory_find_user(
		node->directory, user_table_hash64(users, from.data, from.len), found, 64);
	for (uint32_t i = 0; i < count; i++) {
		if (found[i].node != DIRECTORY_SELF) {
			has_from[mesh_node_of_number(node, found[i].node)] = true;
		}
	}
	assert_true(mesh->ask_count < MESH_ASKS);
	struct mesh_ask *ask = &mesh->asks[mesh->ask_count];
	*ask = (struct mesh_ask){
		.id = say->id,
		.wants_answer = say->wants_answer,
		.sessions = say->local_sessions,
	};
	for (uint16_t i = 0; i < MESH_NODES; i++) {
		struct codec_writer writer;
		const struct codec_say its = {
			.ask = 1,
			.sent_ms = say->sent_ms,
			.flags = (uint8_t)((has_from[i] ? CODEC_SAY_SHOWN : 0) |
					   (has_to[i] ? 0 : CODEC_SAY_ONLY_SHOWN)),
			.from_device = say->from_device,
			.from = from,
			.to = to,
			.text = elsewhere_say_text(say),
		};
		if (has_to[i] || has_from[i]) {
			codec_begin_payload(&writer, payload, sizeof(payload));
			assert_int_equal(codec_put_say(&writer, &its), 0);
			mesh_push(node, i, mesh->ask_count, payload,
				(size_t)(writer.at - writer.payload));
			ask->waiting++;
		}
	}
	mesh->ask_count++;
	elsewhere_say_free(&node->elsewhere, &say);
}

/* --- turns -------------------------------------------------------------------------------------
 */

/* The registrar's mail. Returns whether there was any. */
static inline bool mesh_mail(struct mesh_node *node)
{
	struct mail *mail;
	bool has_any = false;
	while (mailbox_take(node->elsewhere.mailbox, &mail) == MAILBOX_MAIL) {
		if (mail->kind == MESH_MAIL_BATCH) {
			egress_put(node->egress, mail);
		} else {
			assert_int_equal(mail->kind, MESH_MAIL_SAY);
			mesh_on_say(node, elsewhere_say_of(mail));
		}
		has_any = true;
	}
	egress_flush(node->egress);
	return has_any;
}

/* The next message of a pipe arrives. Returns whether there was one. */
static inline bool mesh_deliver(struct mesh *mesh, uint16_t from, uint16_t to)
{
	struct mesh_node *node = &mesh->nodes[to];
	struct mesh_pipe *pipe = &mesh->nodes[from].pipes[to];
	struct mesh_message *message = pipe->first;
	if (!message) {
		return false;
	}
	pipe->first = message->next;
	if (!pipe->first) {
		pipe->last = NULL;
	}
	const struct codec_message its = {.payload = fields_of(message->bytes, message->len)};
	if (message->ask == MESH_ASKS) {
		ingress_batch(node->ingress, node->numbers[from], &its);
	} else {
		struct mesh_ask *ask = &mesh->asks[message->ask];
		struct codec_say say;
		assert_int_equal(codec_read_say(&its, &say), 0);
		int reached = ingress_say(node->ingress, &say);
		ask->waiting--;
		ask->busy += reached < 0;
		ask->sessions += reached < 0 ? 0 : (uint32_t)reached;
	}
	free(message);
	return true;
}

static inline bool mesh_deliver_all(struct mesh *mesh)
{
	bool has_any = false;
	for (uint16_t from = 0; from < MESH_NODES; from++) {
		for (uint16_t to = 0; to < MESH_NODES; to++) {
			while (mesh_deliver(mesh, from, to)) {
				has_any = true;
			}
		}
	}
	return has_any;
}

static inline int mesh_turn(struct mesh_node *node)
{
	return ingress_turn(node->ingress, node->rig.loops[0].now_tick);
}

/* Lets everybody work until nobody has anything to do, but for what is held back. */
static inline void mesh_run(struct mesh *mesh)
{
	bool busy = true;
	while (busy) {
		busy = false;
		for (int i = 0; i < MESH_NODES; i++) {
			rig_run(&mesh->nodes[i].rig);
			busy |= mesh_mail(&mesh->nodes[i]);
		}
		busy |= mesh_deliver_all(mesh);
		for (int i = 0; i < MESH_NODES; i++) {
			while (mesh_turn(&mesh->nodes[i]) == 0) {
			}
			rig_run(&mesh->nodes[i].rig);
		}
	}
}

static inline void mesh_pass(struct mesh *mesh, uint32_t ticks)
{
	for (int i = 0; i < MESH_NODES; i++) {
		rig_pass(&mesh->nodes[i].rig, ticks);
	}
}

/* --- what they know of each other --------------------------------------------------------------
 */

static inline bool mesh_has_session(struct mesh_node *node, const struct mesh_name *name)
{
	struct user_device found[USER_SESSIONS_MAX];
	const uint32_t count =
		user_table_devices(node->rig.node.users, name->user, strlen(name->user), found);
	for (uint32_t i = 0; i < count; i++) {
		if (slice_equals(
			    (struct slice){found[i].name, found[i].len}, slice_of(name->device))) {
			return true;
		}
	}
	return false;
}

/* Others hear what a node has of one session. */
static inline void mesh_tell_session(struct mesh_node *node, const struct mesh_name *name)
{
	struct user_table *users = node->rig.node.users;
	const uint64_t key = user_table_hash64(users, name->user, strlen(name->user));
	const uint32_t device = user_table_device_hash(users, name->device, strlen(name->device));
	const bool is_there = mesh_has_session(node, name);
	for (int i = 0; i < MESH_NODES; i++) {
		struct mesh_node *other = &node->mesh->nodes[i];
		const uint16_t number = other->numbers[node->id];
		if (other == node) {
			continue;
		}
		if (is_there) {
			assert_true(directory_put_user(other->directory, number, key, device,
					    MESH_EPOCH) >= 0);
		} else {
			directory_remove_user(other->directory, number, key, device, MESH_EPOCH);
		}
		other->elsewhere.sessions += is_there;
	}
}

/* And of one room. */
static inline void mesh_tell_room(struct mesh_node *node, const char *name)
{
	struct rooms *rooms = node->rig.node.fanout.rooms;
	const uint64_t key = rooms_hash64(rooms, slice_of(name));
	struct room *room = rooms_find_begin(rooms, slice_of(name), (uint32_t)(key >> 32));
	const uint32_t users = room ? room_users(room) : 0;
	const bool is_watched = room && room_told(room) > 0;
	rooms_find_end(rooms);
	for (int i = 0; i < MESH_NODES; i++) {
		struct mesh_node *other = &node->mesh->nodes[i];
		if (other != node) {
			int change = directory_put_room(
				other->directory, other->numbers[node->id], key, users, is_watched);
			assert_true(change >= 0);
			if (change != DIRECTORY_SAME) {
				ingress_room_changed(other->ingress, key);
			}
		}
	}
}

/* All know all. */
static inline void mesh_sync(struct mesh *mesh)
{
	for (int i = 0; i < MESH_NODES; i++) {
		mesh->nodes[i].elsewhere.sessions = 0;
	}
	for (int i = 0; i < MESH_NODES; i++) {
		for (uint32_t name = 0; name < mesh->name_count; name++) {
			mesh_tell_session(&mesh->nodes[i], &mesh->names[name]);
		}
		for (uint32_t room = 0; room < mesh->room_count; room++) {
			mesh_tell_room(&mesh->nodes[i], mesh->rooms[room]);
		}
	}
}

static inline void mesh_add_name(struct mesh *mesh, const char *user, const char *device)
{
	for (uint32_t i = 0; i < mesh->name_count; i++) {
		if (strcmp(mesh->names[i].user, user) == 0 &&
			strcmp(mesh->names[i].device, device) == 0) {
			return;
		}
	}
	assert_true(mesh->name_count < MESH_NAMES);
	struct mesh_name *name = &mesh->names[mesh->name_count++];
	snprintf(name->user, sizeof(name->user), "%s", user);
	snprintf(name->device, sizeof(name->device), "%s", device);
}

/* --- clients -----------------------------------------------------------------------------------
 */

/* Logs in, and all nodes know. */
static inline struct client *mesh_login(
	struct mesh *mesh, uint16_t node, uint32_t worker, const char *user, const char *device)
{
	struct client *client = v1_login_device(&mesh->nodes[node].rig, worker, user, device);
	mesh_add_name(mesh, user, device);
	mesh_sync(mesh);
	return client;
}

static inline struct client *mesh_login_classic(
	struct mesh *mesh, uint16_t node, uint32_t worker, const char *user)
{
	struct client *client = rig_login(&mesh->nodes[node].rig, worker, user);
	mesh_add_name(mesh, user, "");
	mesh_sync(mesh);
	return client;
}

/* Joins, and all nodes know. `count` is that of all nodes. */
static inline void mesh_join(struct mesh *mesh, uint16_t node, struct client *client, uint8_t flags,
	const char *room, uint32_t count)
{
	uint32_t i = 0;
	while (i < mesh->room_count && strcmp(mesh->rooms[i], room) != 0) {
		i++;
	}
	if (i == mesh->room_count) {
		assert_true(mesh->room_count < MESH_NAMES);
		snprintf(mesh->rooms[mesh->room_count++], sizeof(mesh->rooms[0]), "%s", room);
	}
	v1_join_as(&mesh->nodes[node].rig, client, flags, room, count);
	mesh_sync(mesh);
}

/* --- life --------------------------------------------------------------------------------------
 */

static inline void mesh_init_node(struct mesh *mesh, uint16_t id, uint32_t worker_count)
{
	static const uint8_t key[16] = "the same for all";
	static const struct egress_ops ops = {mesh_to_all, mesh_to_node, mesh_payload_max};
	struct mesh_node *node = &mesh->nodes[id];
	node->mesh = mesh;
	node->id = id;
	node->payload_max = 1 << 20;
	rig_init_keyed(&node->rig, worker_count, key);
	node->rig.node.fanout.elsewhere = &node->elsewhere;
	assert_int_equal(mailbox_create(&node->elsewhere.mailbox), 0);
	assert_int_equal(directory_create(key, &node->directory), 0);
	for (uint16_t i = 0; i < MESH_NODES; i++) {
		if (i != id) {
			assert_int_equal(
				directory_take_node(node->directory, &node->numbers[i]), 0);
		}
	}
	node->elsewhere.nodes = MESH_NODES - 1;
	node->elsewhere.egress_limit = 1 << 20;
	node->elsewhere.batch_kind = MESH_MAIL_BATCH;
	node->elsewhere.say_kind = MESH_MAIL_SAY;
	node->elsewhere.directory = node->directory;
	node->elsewhere.has_user = directory_has_user;
	node->elsewhere.room_users = directory_room_users;
	node->elsewhere.room_is_watched = directory_room_is_watched;
	const struct egress_setup egress = {
		.node = &node->rig.node.fanout,
		.directory = node->directory,
		.ops = &ops,
		.context = node,
	};
	assert_int_equal(egress_create(&egress, &node->egress), 0);
	const struct ingress_setup ingress = {
		.node = &node->rig.node.fanout,
		.directory = node->directory,
		.held_limit = 1 << 20,
		.now_tick = node->rig.loops[0].now_tick,
	};
	assert_int_equal(ingress_create(&ingress, &node->ingress), 0);
}

/* A thread is registered once, however many nodes it works for. */
static inline struct mesh *mesh_create(uint32_t worker_count)
{
	struct mesh *mesh = calloc(1, sizeof(*mesh));
	assert_non_null(mesh);
	for (uint16_t i = 0; i < MESH_NODES; i++) {
		if (i > 0) {
			user_table_thread_end();
		}
		mesh_init_node(mesh, i, worker_count);
	}
	return mesh;
}

static inline void mesh_finish_node(struct mesh_node *node)
{
	for (uint32_t i = 0; i < node->rig.client_count; i++) {
		client_leave(&node->rig.clients[i]);
	}
	rig_run(&node->rig);
	mesh_mail(node);
	ingress_destroy(&node->ingress);
	rig_run(&node->rig);
	mesh_mail(node);
	egress_destroy(&node->egress);
	for (int to = 0; to < MESH_NODES; to++) {
		while (node->pipes[to].first) {
			struct mesh_message *message = node->pipes[to].first;
			node->pipes[to].first = message->next;
			free(message);
		}
	}
}

static inline void mesh_destroy(struct mesh *mesh)
{
	for (int i = 0; i < MESH_NODES; i++) {
		struct mesh_node *node = &mesh->nodes[i];
		if (i > 0) {
			user_table_thread_begin();
		}
		mesh_finish_node(node);
		assert_int_equal(node->elsewhere.egress, 0);
		directory_destroy(&node->directory);
		rig_finish(&node->rig);
		mailbox_destroy(&node->elsewhere.mailbox);
	}
	free(mesh);
}

#endif
