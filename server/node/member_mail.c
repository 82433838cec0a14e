#include "member.h"

#include <stdlib.h>

#include "../../proto/assert.h"
#include "../base/log.h"
#include "../cluster/cluster.h"
#include "../cluster/egress.h"
#include "../cluster/link_message.h"
#include "../session/orders.h"
#include "../session/presence.h"
#include "api.h"
#include "member_state.h"
#include "registrar_mail.h"

/* --- the line ----------------------------------------------------------------------------------
 */

static void on_line_up(struct member *member, const struct link_message *message)
{
	log_info(0, "cluster: connected to %.*s", (int)message->len, message->data);
	member->has_line = true;
	cluster_on_link(member->cluster, true, message->max_payload);
	link_serve(member->link, member_serves(member));
}

static void on_line_down(struct member *member, const struct link_message *message)
{
	log_warn(0, "cluster: not connected: %.*s", (int)message->len, message->data);
	member->has_line = false;
	cluster_on_link(member->cluster, false, 0);
}

void member_on_link(struct member *member, struct link_message *message)
{
	if (member_leaves_lying(member, message)) {
		return;
	}
	switch (message->about) {
	case LINK_FROM_ALL:
	case LINK_FROM_NODE:
		cluster_on_message(member->cluster, message->about == LINK_FROM_ALL, message->data,
			message->len);
		break;
	case LINK_REQUEST:
	case LINK_ANSWER:
		api_on_message(member->api, message);
		break;
	case LINK_UP:
		on_line_up(member, message);
		break;
	case LINK_DOWN:
	case LINK_NARROW:
		on_line_down(member, message);
		break;
	case LINK_TROUBLE:
		log_warn(0, "cluster: %.*s", (int)message->len, message->data);
		break;
	case LINK_SETTLED:
		member_on_settled(member, message);
		break;
	}
	link_message_free(&message);
}

void member_publish(struct member *member, const char *json, size_t len)
{
	const struct link_parcel parcel = {.to = LINK_TO_EVENTS, .data = json, .len = len};
	/* Who misses some sees that by the numbers, and asks for them at the admin port. */
	if (member->has_line) {
		link_send(member->link, &parcel);
	}
}

/* --- mail --------------------------------------------------------------------------------------
 */

static void on_kicked(struct member *member, struct order *order)
{
	member->kicks--;
	free(order);
}

void member_on_mail(struct member *member, struct mail *mail)
{
	switch (mail->kind) {
	case REGISTRAR_MAIL_ROOM:
		member_on_room(member, (struct presence_of_room *)mail);
		break;
	case REGISTRAR_MAIL_BATCH:
		egress_put(member->egress, mail);
		break;
	case REGISTRAR_MAIL_SAY:
		cluster_say(member->cluster, elsewhere_say_of(mail));
		break;
	case REGISTRAR_MAIL_KICK:
		on_kicked(member, order_of(mail));
		break;
	case REGISTRAR_MAIL_LINK:
		member_on_link(member, (struct link_message *)mail);
		break;
	default:
		ASSERT(mail->kind >= REGISTRAR_MAIL_API);
		api_on_mail(member->api, mail);
	}
}

void member_dispose(struct member *member, struct mail *mail)
{
	struct elsewhere *elsewhere = member->node->fanout.elsewhere;
	struct link_message *message;
	struct elsewhere_say *say;
	switch (mail->kind) {
	case REGISTRAR_MAIL_ROOM:
		free(mail);
		break;
	case REGISTRAR_MAIL_BATCH:
		egress_put(member->egress, mail);
		break;
	case REGISTRAR_MAIL_SAY:
		say = elsewhere_say_of(mail);
		elsewhere_say_free(elsewhere, &say);
		break;
	case REGISTRAR_MAIL_KICK:
		on_kicked(member, order_of(mail));
		break;
	case REGISTRAR_MAIL_LINK:
		message = (struct link_message *)mail;
		link_message_free(&message);
		break;
	default:
		ASSERT(mail->kind >= REGISTRAR_MAIL_API);
		api_dispose(member->api, mail);
	}
}
