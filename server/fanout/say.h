/* What users say to less than everybody: to a user, to a room; and who comes to a room and goes.
 * PROTOCOL section 6.
 *
 * All of it goes the way of what is for everybody: into the batch of this turn, which is why one
 * sender's messages keep their order whatever their audiences. */
#ifndef TIDEGATE_SAY_H
#define TIDEGATE_SAY_H

#include "fanout.h"
#include "rooms.h"
#include "telling.h"

/* What one worker's users say, and the rooms whose number of members is to be told.
 * Owner:  one worker.
 * Shared: never. */
struct say {
	struct fanout *fanout;
	struct telling telling;
};

void say_init(struct say *say, struct fanout *fanout);
void say_finish(struct say *say);

/* What something said to a user has come to. */
struct say_reached_user {
	uint32_t sessions; /* of his on this node; with 0 of them nothing is sent to them */
	/* He may be on other nodes, which are asked: they are counted in when the answer comes, and
	 * a mail with it does once for each. Nothing is to be answered before. */
	bool is_answered_later;
};

/* To the sessions of a user: packet 112, or the text message to those that are classic; and to the
 * sender's other sessions that speak tidegate.v1, so that they show it too. `id` is that of the
 * packet 110. Errors: -ENOMEM; -ENOBUFS when too much is on its way to other nodes: nothing was
 * sent to them. */
int say_to_user(struct say *say, struct conn *sender, struct slice user, struct slice text,
	uint32_t id, struct say_reached_user *ret_reached);

/* To all other sessions in a room that the sender is in. Tells how many, as far as it is known: of
 * other nodes the users. Errors: -ENOMEM. */
int say_to_room(struct say *say, struct conn *sender, struct room *room, struct slice text,
	uint32_t *ret_sessions);

/* What a backend's message to a room has come to. */
struct say_reached {
	uint32_t users;
	uint32_t sessions;
};

/* To all sessions in a room, on a backend's behalf and under the name that it gives, or none; on
 * its way at once, behind what was said before. Errors: -ENOENT: there is no such room; -ENOMEM;
 * -ENOBUFS over the node's memory limit or while senders are held back: nothing was sent, nobody is
 * cut off for it. */
int say_announce(struct say *say, struct slice room, struct slice from, struct slice text,
	struct say_reached *ret_reached);

/* The user of `sender` has come to a room, or gone from it: told to those in it who have asked for
 * that. In a room of many only their number is told, and at most once a second, by say_counts; see
 * telling.h. `change` is one of enum members_change. What there is no memory for is not told. */
void say_who_came(struct say *say, struct conn *sender, struct room *room, uint8_t change);

/* The same of who has left a room in which nobody of this node is any more: told elsewhere. */
void say_who_left_none(struct say *say, struct conn *sender, struct slice room, uint32_t room_hash);

/* Users in a room that the caller's worker has a member of, on all nodes. */
uint32_t say_room_users(const struct say *say, const struct room *room);

/* Tells the numbers that are due. Once a turn. */
void say_counts(struct say *say);

#endif
