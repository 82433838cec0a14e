#include <errno.h>
#include <stdio.h>

#include "../base/log.h"
#include "../cluster/cluster.h"
#include "../cluster/ingress.h"
#include "../cluster/link.h"
#include "../cluster/link_message.h"
#include "api.h"
#include "member_pack.h"
#include "member_state.h"
#include "room_pace.h"

/* --- what is left lying ------------------------------------------------------------------------
 */

static void lay(struct member_rest *rest, struct link_message *message)
{
	message->mail.link = NULL;
	if (rest->last) {
		rest->last->mail.link = message;
	} else {
		rest->first = message;
	}
	rest->last = message;
}

/* NULL: nothing lies there. */
static struct link_message *take_up(struct member_rest *rest)
{
	struct link_message *message = rest->first;
	if (message) {
		rest->first = message->mail.link;
		rest->last = rest->first ? rest->last : NULL;
	}
	return message;
}

/* Requests of backends have come to this process alone, and answers are for what it has asked; the
 * rest comes to the other one too. */
bool member_leaves_lying(struct member *member, struct link_message *message)
{
	const bool is_kept = message->about == LINK_FROM_ALL || message->about == LINK_FROM_NODE ||
			     message->about == LINK_UP || message->about == LINK_DOWN ||
			     message->about == LINK_NARROW;
	if (!member->rest.has_stopped || !is_kept) {
		return false;
	}
	lay(&member->rest, message);
	return true;
}

void member_drop_lying(struct member *member)
{
	struct link_message *message;
	while ((message = take_up(&member->rest))) {
		link_message_free(&message);
	}
}

/* --- the line ----------------------------------------------------------------------------------
 */

/* What goes out from here on asks for another one. */
static void settle(struct member *member)
{
	struct member_rest *rest = &member->rest;
	struct link_status status;
	link_look(member->link, &status);
	rest->taken = status.taken;
	rest->settle_ask++;
	if (link_settle(member->link, rest->settle_ask) < 0) {
		rest->settled = rest->settle_ask; /* nothing is on the way of one that is down */
	}
}

static bool has_settled(const struct member *member)
{
	return member->rest.settled == member->rest.settle_ask;
}

void member_on_settled(struct member *member, const struct link_message *message)
{
	if (message->ask != member->rest.settle_ask) {
		return;
	}
	if (message->is_nobody) {
		settle(member);
	} else {
		member->rest.settled = message->ask;
	}
}

/* --- the giver ---------------------------------------------------------------------------------
 */

void member_set_resting(struct member *member, bool is_resting)
{
	struct member_rest *rest = &member->rest;
	struct link_message *message;
	if (is_resting == rest->is_begun) {
		return;
	}
	rest->is_begun = is_resting;
	rest->has_stopped = false;
	link_serve(member->link, member->has_line && member_serves(member));
	if (is_resting) {
		settle(member);
		return;
	}
	while ((message = take_up(rest))) {
		member_on_link(member, message);
	}
}

static bool is_asking(const struct member *member)
{
	return cluster_is_asking(member->cluster) || api_is_asking(member->api);
}

/* Nothing more is taken in once all that the server had for this node when the other process could
 * hear it too has been; and not before those have been answered who wait for others. */
void member_last_turn(struct member *member, bool is_late)
{
	struct member_rest *rest = &member->rest;
	if (is_late) {
		cluster_give_up(member->cluster);
		api_give_up(member->api);
	}
	if (rest->is_begun && has_settled(member) && !is_asking(member)) {
		rest->has_stopped = true;
	}
	if (rest->has_stopped) {
		room_pace_tell_all(member->rooms);
		ingress_tell_all(member->ingress);
	}
}

/* What is in hand, for people; NULL: nothing is. */
static const char *in_hand(struct member *member)
{
	struct link_status status;
	link_look(member->link, &status);
	if (member_is_busy(member)) {
		return "orders of other nodes or of backends are with workers";
	}
	if (is_asking(member)) {
		return "answers of other nodes or of backends are awaited";
	}
	if (!member->rest.has_stopped || !has_settled(member)) {
		return "NATS does not answer";
	}
	if (status.taken != member->rest.taken) {
		settle(member);
		return "messages are on their way to NATS";
	}
	return NULL;
}

bool member_is_at_rest(struct member *member, char ret_busy[MEMBER_BUSY_MAX])
{
	const char *busy = in_hand(member);
	snprintf(ret_busy, MEMBER_BUSY_MAX, "%s", busy ? busy : "");
	return !busy;
}

/* What it still holds the other process has. */
void member_quit(struct member *member)
{
	if (!member->has_left) {
		member->has_left = true;
		ingress_destroy(&member->ingress);
		link_stop(member->link);
		member_drop_lying(member);
	}
}

/* --- the taker ---------------------------------------------------------------------------------
 */

/* Requests of backends are taken from here on, so that there is no moment at which nobody does. */
static void on_line(struct member *member, struct link_message *message)
{
	if (message->about == LINK_UP) {
		member->has_line = true;
		link_serve(member->link, true);
		settle(member);
	} else if (message->about == LINK_DOWN || message->about == LINK_NARROW) {
		member->has_line = false;
		member->rest.down = message;
	}
	lay(&member->rest, message);
}

bool member_has_settled_in(struct member *member)
{
	struct mail *mail;
	while (mailbox_take(member->mailbox, &mail) == MAILBOX_MAIL) {
		struct link_message *message = (struct link_message *)mail;
		if (message->about == LINK_SETTLED) {
			member_on_settled(member, message);
			link_message_free(&message);
		} else {
			on_line(member, message);
		}
	}
	return member->has_line && has_settled(member);
}

const char *member_why_down(const struct member *member)
{
	const struct link_message *down = member->rest.down;
	return down ? (const char *)down->data : "no answer";
}

uint64_t member_lost_in(const struct link_status *status)
{
	return status->lost[LINK_LOST_INGRESS] + status->lost[LINK_LOST_LIBRARY] +
	       status->lost[LINK_LOST_NO_MEMORY];
}

static int refuse(char ret_why[CONFIG_ERROR_MAX], const char *why)
{
	snprintf(ret_why, CONFIG_ERROR_MAX, "the line to the cluster %s", why);
	return -ENOBUFS;
}

int member_has_all(struct member *member, char ret_why[CONFIG_ERROR_MAX])
{
	struct link_status status;
	link_look(member->link, &status);
	if (member->has_line && (!status.is_up || status.ups != 1)) {
		return refuse(ret_why, "has gone down");
	}
	if (member_lost_in(&status) > member->rest.lost_before) {
		return refuse(ret_why, "brings more than may wait for a hand-over");
	}
	return 0;
}

static void refuse_request(struct member *member, struct link_message *message)
{
	if (message->about == LINK_REQUEST) {
		api_refuse(member->api, message);
	}
	link_message_free(&message);
}

void member_begin_end(struct member *member)
{
	struct link_message *message;
	link_serve(member->link, false);
	settle(member);
	while ((message = take_up(&member->rest))) {
		refuse_request(member, message);
	}
}

bool member_may_end(struct member *member)
{
	struct mail *mail;
	while (mailbox_take(member->mailbox, &mail) == MAILBOX_MAIL) {
		struct link_message *message = (struct link_message *)mail;
		if (message->about == LINK_SETTLED) {
			member_on_settled(member, message);
		}
		refuse_request(member, message);
	}
	return has_settled(member);
}
