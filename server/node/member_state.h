/* What a node's part in a cluster is made of, for its own files:
 *
 *   member.c        its life
 *   member_turn.c   a turn, and its end
 *   member_mail.c   what comes by mail: the line's, the workers', the API's
 *   member_ops.c    what the cluster asks of it
 *   member_own.c    this node's sessions and rooms, as the cluster is told of them
 *   member_rest.c   how it comes to rest before another process goes on, or goes on itself
 *   member_pack.c   what that process gets */
#ifndef TIDEGATE_MEMBER_STATE_H
#define TIDEGATE_MEMBER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../user/rcu_walk.h"
#include "event_rules.h"
#include "member_stats.h"
#include "node.h"

struct api;
struct cluster;
struct cluster_ops;
struct egress;
struct egress_ops;
struct ingress;
struct link;
struct link_message;
struct link_status;
struct loop;
struct mailbox;
struct presence_of_room;
struct room_pace;
struct room_pace_ops;

/* A look at all sessions and rooms, over several turns. */
struct member_look {
	bool is_wanted;
	bool is_under_way;
	bool has_users; /* all of them */
	struct rcu_walk users;
	struct rcu_walk rooms;
};

/* How far it is on its way to rest. All zero: it is not. */
struct member_rest {
	bool is_begun;
	bool has_stopped; /* what the line brings is left lying, here: */
	struct link_message *first;
	struct link_message *last;
	uint64_t settle_ask;             /* of link_settle, the last one */
	uint64_t settled;                /* that has come to its end */
	uint64_t taken;                  /* messages that the link had been given by then */
	uint64_t lost_before;            /* of what came, by the giver */
	const struct link_message *down; /* why the line is not up, of those that lie; or NULL */
};

/* Owner:  main; all but `stats` is the registrar's thread's once it runs.
 * Shared: as said there, and what the accessors give. */
struct member {
	struct member_stats stats;
	struct node *node;
	const struct loop *loop;
	struct mailbox *mailbox;
	struct event_rules *rules;
	struct link *link;
	struct cluster *cluster;
	struct egress *egress;
	struct ingress *ingress;
	struct api *api;
	struct room_pace *rooms;
	struct member_look rescan;
	struct member_rest rest;
	uint64_t wall_ms;
	uint64_t rooms_lost_ms; /* of the loop, when changes of rooms may be found lost again */
	uint32_t kicks;         /* orders with workers */
	uint8_t pressure;
	bool has_line; /* it is up */
	bool is_draining;
	bool is_ending; /* it gives workers no more orders */
	bool has_left;
	void (*end)(void *context, const char *why);
	void *context;
};

extern const struct cluster_ops member_cluster_ops;
extern const struct egress_ops member_egress_ops;
extern const struct room_pace_ops member_room_ops;

/* Something has come over the line: frees it. */
void member_on_link(struct member *member, struct link_message *message);

/* Begins to come to rest, or goes on with what has been left lying. */
void member_set_resting(struct member *member, bool is_resting);

/* link_settle is done, or not. */
void member_on_settled(struct member *member, const struct link_message *message);

/* Whether it takes requests of backends. */
static inline bool member_serves(const struct member *member)
{
	return !member->is_draining && !member->is_ending && !member->rest.is_begun;
}

/* Messages that the line has had and not brought. */
uint64_t member_lost_in(const struct link_status *status);

/* Whether it has been left lying. */
bool member_leaves_lying(struct member *member, struct link_message *message);

/* Frees what has been left lying. */
void member_drop_lying(struct member *member);

/* A room has changed: frees what says so. */
void member_on_room(struct member *member, struct presence_of_room *changed);

/* Goes on with the look at all sessions and rooms. Where there is no memory for a step it is tried
 * again. Returns whether there is more to do. */
bool member_step_rescan(struct member *member);

#endif
