#include "member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_config.h"

#include "../cluster/cluster.h"
#include "../cluster/egress.h"
#include "../cluster/ingress.h"
#include "../cluster/link_nats.h"
#include "api.h"
#include "member_state.h"
#include "registrar_mail.h"
#include "room_pace.h"

enum {
	LINK_LIMIT = 32 << 20,          /* bytes that wait to be sent, or to be taken in */
	DIRECTORY_LIMIT_MIN = 64 << 20, /* bytes that it may hold whatever the memory limit is */
};

/* --- making ------------------------------------------------------------------------------------
 */

static int make_link(
	const struct member_setup *setup, struct link **ret_link, char ret_why[CONFIG_ERROR_MAX])
{
	const struct config *config = setup->config;
	char why[LINK_TEXT_MAX] = "";
	const struct link_nats_setup line = {
		.urls = config->cluster,
		.first = setup->takes_over_from,
		.prefix = config->cluster_prefix,
		.id = config->id,
		.creds = config->cluster_creds,
		.ca = config->cluster_ca,
		.payload_needed = config->max_message + CLUSTER_MESSAGE_SPARE,
		.out_limit = LINK_LIMIT,
		.in_limit = LINK_LIMIT,
		.mailbox = setup->mailbox,
		.mail_kind = REGISTRAR_MAIL_LINK,
	};
	int err = link_nats_create(&line, why, ret_link);
	if (err) {
		snprintf(ret_why, CONFIG_ERROR_MAX, "cannot open the line to the cluster: %s",
			why[0] ? why : strerrordesc_np(-err));
	}
	return err;
}

/* A cap of its own, beside what connections hold. */
static size_t directory_limit(const struct budget *budget)
{
	size_t half = atomic_load_explicit(&budget->limit, memory_order_relaxed) / 2;
	return half > DIRECTORY_LIMIT_MIN ? half : DIRECTORY_LIMIT_MIN;
}

static int make_cluster(struct member *member, const struct member_setup *setup)
{
	const struct cluster_setup its = {
		.id = setup->config->id,
		.address = setup->address,
		.version = TIDEGATE_VERSION,
		.incarnation = setup->incarnation,
		.key = setup->key,
		.link = member->link,
		.epochs = &setup->node->epochs,
		.fanout = &setup->node->fanout,
		.ops = &member_cluster_ops,
		.context = member,
		.ws_port = setup->ws_port,
		.ws_tls = setup->ws_tls,
		.max_devices = (uint8_t)setup->config->max_devices,
		.message_max = setup->config->max_message,
		.directory_limit = directory_limit(&setup->node->budget),
		.seed = setup->incarnation.random,
		.now_us = setup->loop->now_us,
		.wall_ms = setup->incarnation.wall_ms,
	};
	return cluster_create(&its, &member->cluster);
}

static int make_traffic(struct member *member)
{
	const struct directory *directory = cluster_directory(member->cluster);
	const struct egress_setup out = {
		&member->node->fanout, directory, &member_egress_ops, member};
	const struct ingress_setup in = {
		&member->node->fanout, directory, INGRESS_HELD_DEFAULT, member->loop->now_tick};
	int err = egress_create(&out, &member->egress);
	return err ? err : ingress_create(&in, &member->ingress);
}

static int make_api(struct member *member, const struct config *config)
{
	const struct api_setup setup = {
		.node = member->node,
		.cluster = member->cluster,
		.link = member->link,
		.mailbox = member->mailbox,
		.mail_kind = REGISTRAR_MAIL_API,
		.name = config->id,
	};
	return api_create(&setup, config, &member->api);
}

static int make_parts(struct member *member, const struct member_setup *setup)
{
	int err = make_cluster(member, setup);
	if (!err) {
		err = make_traffic(member);
	}
	if (!err) {
		err = room_pace_create(&member_room_ops, member, &member->rooms);
	}
	return err ? err : make_api(member, setup->config);
}

/* --- life --------------------------------------------------------------------------------------
 */

/* One that is half made. Its line may have said something already. */
static void abandon(struct member **member)
{
	struct mail *mail;
	if ((*member)->link) {
		link_stop((*member)->link);
	}
	while (mailbox_take((*member)->mailbox, &mail) == MAILBOX_MAIL) {
		member_dispose(*member, mail);
	}
	member_destroy(member);
}

int member_create(const struct member_setup *setup, struct member **ret_member,
	char ret_why[CONFIG_ERROR_MAX])
{
	struct member *member = calloc(1, sizeof(*member));
	snprintf(ret_why, CONFIG_ERROR_MAX, "cannot join the cluster: out of memory");
	if (!member) {
		return -ENOMEM;
	}
	member->node = setup->node;
	member->loop = setup->loop;
	member->mailbox = setup->mailbox;
	member->rules = setup->rules;
	member->end = setup->end;
	member->context = setup->context;
	member->wall_ms = setup->incarnation.wall_ms;
	member->rest.is_begun = setup->takes_over_from != NULL;
	member->rest.has_stopped = member->rest.is_begun;
	int err = make_link(setup, &member->link, ret_why);
	if (!err) {
		err = make_parts(member, setup);
	}
	if (err) {
		abandon(&member);
		return err;
	}
	*ret_member = member;
	return 0;
}

void member_destroy(struct member **member)
{
	struct member *given = *member;
	if (!given) {
		return;
	}
	*member = NULL;
	member_drop_lying(given);
	api_destroy(&given->api);
	ingress_destroy(&given->ingress);
	egress_destroy(&given->egress);
	room_pace_destroy(&given->rooms);
	cluster_destroy(&given->cluster);
	link_destroy(&given->link);
	free(given);
}

void member_configure(struct member *member, const struct config *config)
{
	api_configure(member->api, config);
}

/* --- what it is made of ------------------------------------------------------------------------
 */

struct cluster *member_cluster(const struct member *member)
{
	return member->cluster;
}

struct link *member_link(const struct member *member)
{
	return member->link;
}

struct api *member_api(const struct member *member)
{
	return member->api;
}

const struct member_stats *member_stats(const struct member *member)
{
	return &member->stats;
}
