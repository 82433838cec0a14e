#include "says.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nodes of the directory, a bit for each. */
struct node_set {
	uint64_t bits[DIRECTORY_NODES_MAX / 64];
};

enum {
	PLACES_MOST = 256, /* sessions of a user that are looked at */
};

static uint8_t weight(uint8_t result)
{
	switch (result) {
	case CLUSTER_DONE:
		return 5;
	case CLUSTER_UNKNOWN:
		return 4;
	case CLUSTER_UNREACHABLE:
		return 3;
	case CLUSTER_BUSY:
		return 2;
	case CLUSTER_NOBODY:
		return 1;
	default:
		return 0;
	}
}

uint8_t says_merge(uint8_t a, uint8_t b)
{
	return weight(a) >= weight(b) ? a : b;
}

static bool has(const struct node_set *set, uint32_t node)
{
	return set->bits[node / 64] >> (node % 64) & 1;
}

/* The other nodes that have sessions of a user. */
static struct node_set nodes_of(const struct says *says, struct slice user)
{
	struct directory_user users[PLACES_MOST];
	struct node_set set = {{0}};
	const uint64_t key = says->ops->hash(says->context, user);
	const uint32_t found = directory_find_user(says->directory, key, users, PLACES_MOST);
	for (uint32_t i = 0; i < found && i < PLACES_MOST; i++) {
		if (users[i].node != DIRECTORY_SELF) {
			set.bits[users[i].node / 64] |= UINT64_C(1) << users[i].node % 64;
		}
	}
	return set;
}

/* --- answering ---------------------------------------------------------------------------------
 */

static void finish_if_all(struct says *says, struct say_wait *wait)
{
	if (wait->waiting > 0) {
		return;
	}
	const uint32_t count = wait->count < UINT32_MAX ? (uint32_t)wait->count : UINT32_MAX;
	says->ops->answer(says->context, wait->sender, wait->id, wait->result, count);
	says->under_way--;
	free(wait);
}

void says_on_answer(struct says *says, struct say_wait *wait, uint8_t result, uint32_t count)
{
	wait->result = says_merge(wait->result, result);
	wait->count += count;
	wait->waiting--;
	finish_if_all(says, wait);
}

/* Without memory to keep it, or with too much under way: nothing is sent, it is said at once. */
static void refuse(struct says *says, const struct elsewhere_say *say)
{
	if (say->wants_answer) {
		says->ops->answer(says->context, say->sender, say->id,
			say->local_sessions > 0 ? CLUSTER_DONE : CLUSTER_BUSY, say->local_sessions);
	}
}

/* --- sending -----------------------------------------------------------------------------------
 */

static int send(struct says *says, struct peer *peer, const struct elsewhere_say *say, uint64_t ask,
	uint8_t flags)
{
	struct codec_writer writer;
	const struct codec_say wire = {
		.ask = ask,
		.sent_ms = say->sent_ms,
		.flags = flags,
		.from_device = say->from_device,
		.from = elsewhere_say_from(say),
		.to = elsewhere_say_to(say),
		.text = elsewhere_say_text(say),
	};
	sender_begin(says->sender, &writer, CODEC_SAY, NULL);
	const int err = codec_put_say(&writer, &wire);
	return err < 0 ? err : sender_to_node(says->sender, &peer->line, &writer);
}

/* Returns the result so far, of that node: CLUSTER_NOBODY while its answer is awaited. */
static uint8_t send_and_wait(struct says *says, struct peer *peer, const struct elsewhere_say *say,
	uint8_t flags, struct say_wait *wait)
{
	uint64_t id;
	struct ask ask = {
		.deadline_ms = says->peers->now_ms + CLUSTER_SAY_MS,
		.owner = {.say = wait},
		.node = peer->node,
		.at_end = CLUSTER_UNKNOWN,
	};
	if (!says->is_joined || !peer_is_reachable(peer)) {
		return CLUSTER_UNREACHABLE;
	}
	if (asks_open(says->asks, &ask, &id) < 0) {
		return CLUSTER_BUSY;
	}
	const int err = send(says, peer, say, id, flags);
	if (err < 0) {
		(void)asks_take(says->asks, id, peer->node, &ask);
		return err == -ENOTCONN ? CLUSTER_UNREACHABLE : CLUSTER_BUSY;
	}
	wait->waiting++;
	return CLUSTER_NOBODY;
}

/* For the nodes where the user is; `wait` NULL: no answer is wanted. */
static void send_to_user(struct says *says, const struct elsewhere_say *say,
	const struct node_set *to, const struct node_set *from, struct say_wait *wait)
{
	for (uint32_t i = 0; i < says->peers->count; i++) {
		struct peer *peer = says->peers->sorted[i];
		if (peer->node == DIRECTORY_SELF || !has(to, peer->node)) {
			continue;
		}
		const uint8_t flags = has(from, peer->node) ? CODEC_SAY_SHOWN : 0;
		wait->result =
			says_merge(wait->result, send_and_wait(says, peer, say, flags, wait));
	}
}

/* For the nodes where only the sender's other sessions are. */
static void send_to_shown(struct says *says, const struct elsewhere_say *say,
	const struct node_set *to, const struct node_set *from)
{
	for (uint32_t i = 0; i < says->peers->count; i++) {
		struct peer *peer = says->peers->sorted[i];
		if (peer->node != DIRECTORY_SELF && has(from, peer->node) &&
			!(say->wants_answer && has(to, peer->node)) && says->is_joined &&
			peer_is_reachable(peer)) {
			(void)send(says, peer, say, 0, CODEC_SAY_SHOWN | CODEC_SAY_ONLY_SHOWN);
		}
	}
}

static struct say_wait *wait_for(struct says *says, const struct elsewhere_say *say)
{
	struct say_wait *wait = says->under_way < CLUSTER_SAYS_MAX ? malloc(sizeof(*wait)) : NULL;
	if (wait) {
		*wait = (struct say_wait){
			.sender = say->sender,
			.id = say->id,
			.count = say->local_sessions,
			.result = say->local_sessions > 0 ? CLUSTER_DONE : CLUSTER_NOBODY,
		};
		says->under_way++;
	}
	return wait;
}

void says_post(struct says *says, struct elsewhere_say *say)
{
	struct node_set to = nodes_of(says, elsewhere_say_to(say));
	struct node_set from = nodes_of(says, elsewhere_say_from(say));
	if (say->wants_answer) {
		struct say_wait *wait = wait_for(says, say);
		if (!wait) {
			refuse(says, say);
			elsewhere_say_free(says->elsewhere, &say);
			return;
		}
		send_to_user(says, say, &to, &from, wait);
		send_to_shown(says, say, &to, &from);
		finish_if_all(says, wait);
	} else {
		send_to_shown(says, say, &to, &from);
	}
	elsewhere_say_free(says->elsewhere, &say);
}
