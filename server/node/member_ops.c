#include "member.h"

#include <stdlib.h>

#include "../base/log.h"
#include "../cluster/cluster.h"
#include "../cluster/egress.h"
#include "../cluster/ingress.h"
#include "../session/late.h"
#include "../session/orders.h"
#include "../user/user_walk.h"
#include "api.h"
#include "member_state.h"
#include "registrar_mail.h"
#include "worker.h"

/* --- the cluster asks for ----------------------------------------------------------------------
 */

static uint64_t hash(void *context, struct slice name)
{
	const struct member *member = context;
	return user_table_hash64(member->node->users, name.data, name.len);
}

static bool find(
	void *context, uint64_t key, uint32_t device, uint64_t epoch, struct user_seen *ret_session)
{
	struct member *member = context;
	return user_walk_find(member->node->users, key, device, epoch, ret_session);
}

/* The handle is one session's alone, which has one epoch. Where there is no memory for it, all
 * sessions are looked at again. */
static void kick(void *context, handle_t handle, uint64_t epoch)
{
	struct member *member = context;
	if (member->is_ending) {
		return;
	}
	struct order *order = calloc(1, sizeof(*order));
	if (!order) {
		member_rescan(member);
		return;
	}
	order->back = member->mailbox;
	order->back_kind = REGISTRAR_MAIL_KICK;
	order->action = ORDER_KICK;
	order->handle = handle;
	member->kicks++;
	worker_post(member->node->workers[handle_worker(handle)], SERVING_MAIL_ORDER, &order->mail);
}

static void answer(void *context, handle_t sender, uint32_t id, uint8_t result, uint32_t count)
{
	struct member *member = context;
	struct late *late = late_said(sender, id, (enum packet_result)result, count);
	if (late) {
		late_post(&late, member->node->fanout.mailboxes, SERVING_MAIL_LATE);
	} else {
		log_error(sender, "out of memory: a message is not answered");
	}
}

static int64_t say(void *context, const struct codec_say *said)
{
	struct member *member = context;
	return ingress_say(member->ingress, said);
}

static void batch(void *context, uint16_t node, const struct codec_message *message)
{
	struct member *member = context;
	ingress_batch(member->ingress, node, message);
}

static void flush(void *context)
{
	struct member *member = context;
	egress_flush(member->egress);
}

static void call(void *context, uint16_t node, uint64_t ask, uint8_t op, struct slice body)
{
	struct member *member = context;
	if (member->is_ending) {
		cluster_answer(member->cluster, node, ask, CLUSTER_BUSY, 0, SLICE(""));
		return;
	}
	api_on_call(member->api, node, ask, op, body);
}

static void room_changed(void *context, uint64_t key)
{
	struct member *member = context;
	if (key != 0) {
		ingress_room_changed(member->ingress, key);
	} else {
		ingress_recount(member->ingress);
	}
}

static void gap(void *context, uint32_t batches)
{
	struct member *member = context;
	ingress_gap(member->ingress, batches);
}

static void node_changed(void *context, struct slice id, uint16_t node,
	const struct incarnation *incarnation, bool is_up)
{
	struct member *member = context;
	if (!is_up) {
		egress_drop_node(member->egress, node);
	}
	event_rules_on_node(member->rules, is_up ? EVENT_NODE_UP : EVENT_NODE_DOWN, id, incarnation,
		member->wall_ms);
}

/* Whom a resync has found, without a name, is looked for when his grace is over. */
static void seen(void *context, struct slice node, struct slice user, struct slice device,
	uint64_t key, uint32_t device_hash, uint64_t epoch)
{
	struct member *member = context;
	if (user.len > 0) {
		event_rules_on_elsewhere(member->rules, user, device, epoch);
	}
}

static void left(void *context, uint64_t key)
{
	struct member *member = context;
	event_rules_on_left(member->rules, (uint32_t)(key >> 32));
}

static void resynced(void *context, struct slice node)
{
	log_debug(0, "the directory is equal with that of node %.*s", (int)node.len, node.data);
}

static void end(void *context, const char *why)
{
	struct member *member = context;
	member->end(member->context, why);
}

const struct cluster_ops member_cluster_ops = {
	.hash = hash,
	.find = find,
	.kick = kick,
	.answer = answer,
	.say = say,
	.batch = batch,
	.flush = flush,
	.call = call,
	.room_changed = room_changed,
	.gap = gap,
	.node_changed = node_changed,
	.seen = seen,
	.left = left,
	.resynced = resynced,
	.end = end,
};

/* --- what goes out -----------------------------------------------------------------------------
 */

static int send_to_all(void *context, const uint8_t *payload, size_t len)
{
	struct member *member = context;
	return cluster_send_all(member->cluster, payload, len);
}

static int send_to_node(void *context, uint16_t node, const uint8_t *payload, size_t len)
{
	struct member *member = context;
	return cluster_send_node(member->cluster, node, payload, len);
}

static size_t payload_max(void *context)
{
	const struct member *member = context;
	return cluster_send_max(member->cluster);
}

const struct egress_ops member_egress_ops = {
	.to_all = send_to_all, .to_node = send_to_node, .payload_max = payload_max};
