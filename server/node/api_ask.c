#include "api_ask.h"

#include <errno.h>
#include <stddef.h>

#include "../fanout/elsewhere.h"
#include "deeds.h"
#include "node.h"
#include "room_names.h"

static struct api_ask *ask_of(struct cluster_call *call)
{
	return (struct api_ask *)((uint8_t *)call - offsetof(struct api_ask, call));
}

/* What a node says, which is not trusted to be well-formed. */
static json_t *read_part(struct slice body)
{
	json_t *part =
		json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (part && !json_is_object(part)) {
		json_decref(part);
		return NULL;
	}
	return part;
}

static void on_answered(struct cluster_call *call, struct slice node, uint8_t result,
	uint32_t count, struct slice body)
{
	struct api_ask *ask = ask_of(call);
	json_t *part = NULL;
	(void)count;
	switch ((enum cluster_result)result) {
	case CLUSTER_DONE:
		part = read_part(body);
		break;
	case CLUSTER_BUSY:
		part = deed_problem(PROBLEM_BUSY, "%.*s has as much under way as may be",
			(int)node.len, node.data);
		break;
	default:
		break;
	}
	if (part) {
		outcome_add_of(&ask->outcome, node, part);
	} else {
		outcome_add_missing(&ask->outcome, node, result != CLUSTER_UNREACHABLE);
	}
}

static void on_done(struct cluster_call *call)
{
	struct api_ask *ask = ask_of(call);
	ask->then(ask);
}

static struct cluster_target target_of(const struct api_ask *ask, const struct node *node)
{
	switch (ask->aim) {
	case API_USER:
		return (struct cluster_target){.aim = CLUSTER_TO_USER,
			.key = user_table_hash64(node->users, ask->to.data, ask->to.len)};
	case API_ROOM:
		return (struct cluster_target){
			.aim = CLUSTER_TO_ROOM, .key = rooms_hash64(node->fanout.rooms, ask->to)};
	default:
		return (struct cluster_target){.aim = CLUSTER_TO_ALL};
	}
}

int api_ask_begin(struct api_ask *ask, struct cluster *cluster, const struct node *node,
	void (*then)(struct api_ask *ask))
{
	const struct cluster_target target = target_of(ask, node);
	ask->then = then;
	ask->call = (struct cluster_call){.answered = on_answered, .done = on_done};
	return cluster_ask(cluster, &target, (uint8_t)ask->op, ask->body, API_ASK_MS, &ask->call);
}

struct api_ask *api_ask_of(struct mail *mail)
{
	return (struct api_ask *)((uint8_t *)mail - offsetof(struct api_ask, mail));
}

/* --- the answer --------------------------------------------------------------------------------
 */

/* As far as they are known of: the nodes that had something to do know them, and this one. */
static int complete_users(struct outcome *outcome, struct slice name, const struct node *node)
{
	struct rooms *rooms = node->fanout.rooms;
	const uint32_t hash = rooms_hash(rooms, name);
	const json_int_t told =
		json_integer_value(json_object_get(outcome->sum, OUTCOME_ROOM_USERS));
	struct room *room = rooms_find_begin(rooms, name, hash);
	const json_int_t known = (json_int_t)(room ? room_users(room) : 0) +
				 elsewhere_room_users(node->fanout.elsewhere, hash);
	rooms_find_end(rooms);
	json_object_del(outcome->sum, OUTCOME_ROOM_USERS);
	return json_object_set_new(
		outcome->sum, "users", json_integer(told > known ? told : known));
}

int api_outcome_complete(struct outcome *outcome, enum api_op op, enum api_aim aim,
	struct slice room, uint32_t limit, const struct node *node)
{
	if (!outcome->sum) {
		return 0;
	}
	switch (op) {
	case API_ROOMS_LIST:
		return aim == API_ROOM ? room_names_merge_members(outcome->sum, limit)
				       : room_names_merge(outcome->sum, limit);
	case API_ROOMS_JOIN:
	case API_ROOMS_LEAVE:
		return complete_users(outcome, room, node);
	case API_PUSH:
	case API_KICK:
	case API_WHERE:
		break;
	}
	return 0;
}
