#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/room_packets.h"
#include "../../proto/utf8.h"
#include "../base/stats.h"
#include "../cluster/link.h"
#include "../cluster/link_message.h"
#include "../fanout/first_names.h"
#include "../session/late.h"
#include "api_state.h"
#include "deeds.h"
#include "node.h"
#include "serving.h"

/* --- life --------------------------------------------------------------------------------------
 */

static int make_requests(struct api *api)
{
	struct node *node = api->setup.node;
	const struct requests_setup setup = {
		.link = api->setup.link,
		.outward = &node->outward,
		.mailboxes = node->fanout.mailboxes,
		.late_kind = SERVING_MAIL_LATE,
		.node = api->setup.name,
	};
	return requests_create(&setup, &api->requests);
}

int api_create(const struct api_setup *setup, const struct config *config, struct api **ret_api)
{
	struct api *api = calloc(1, sizeof(*api));
	if (!api) {
		return -ENOMEM;
	}
	api->setup = *setup;
	api->jobs.cluster = setup->cluster;
	api->jobs.shares = (struct shares){
		.node = setup->node,
		.name = setup->name,
		.mailbox = setup->mailbox,
		.mail_kind = setup->mail_kind + API_MAIL_ORDER,
	};
	if (make_requests(api) < 0) {
		free(api);
		return -ENOMEM;
	}
	repeats_init(&api->jobs.shares.repeats);
	setup->node->cluster = setup->cluster;
	setup->node->link = setup->link;
	setup->node->api = api;
	setup->node->outward.request_kind = setup->mail_kind + API_MAIL_REQUEST;
	setup->node->outward.list_kind = setup->mail_kind + API_MAIL_LIST;
	setup->node->outward.ask_kind = setup->mail_kind + API_MAIL_ASK;
	setup->node->outward.mailbox = setup->mailbox;
	api_configure(api, config);
	*ret_api = api;
	return 0;
}

void api_configure(struct api *api, const struct config *config)
{
	api->jobs.message_max = config->max_message;
	api->jobs.shares.rooms_max = config->rooms_per_session;
	requests_set_reply_max(api->requests, config->max_message);
}

void api_destroy(struct api **api)
{
	struct api *given = *api;
	*api = NULL;
	if (given) {
		ASSERT(given->jobs.shares.under_way == 0);
		api_jobs_drop(&given->jobs);
		requests_destroy(&given->requests);
		repeats_finish(&given->jobs.shares.repeats);
		free(given);
	}
}

const struct api_stats *api_stats(const struct api *api)
{
	return &api->stats;
}

const struct requests_stats *api_requests_stats(const struct api *api)
{
	return requests_stats(api->requests);
}

/* --- backends ----------------------------------------------------------------------------------
 */

/* Of a backend's request. */
struct backend_job {
	struct api_job job; /* first */
	struct api *api;
	char reply[LINK_NAME_MAX]; /* where the answer goes; empty: nobody awaits one */
};

static void send_json(struct api *api, const char *reply, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct link_parcel parcel = {.to = LINK_TO_REPLY, .name = reply, .data = text};
	json_decref(json);
	if (text && reply[0]) {
		parcel.len = strlen(text);
		link_send(api->setup.link, &parcel);
	}
	free(text);
}

static void send_problem(struct api *api, const char *reply, enum problem problem,
	const char *detail, json_t *missing)
{
	json_t *json = problem_to_json(problem, detail);
	stats_add(&api->stats.refused, 1);
	if (json && missing) {
		json_object_set(json, "missing", missing);
	}
	send_json(api, reply, json);
}

static void answer_backend(struct api_job *job)
{
	struct backend_job *its = (struct backend_job *)job;
	enum problem problem;
	const char *detail;
	json_t *sum = api_job_take(job, &problem, &detail);
	if (sum) {
		stats_add(&its->api->stats.partial, job->ask.outcome.missing != NULL);
		send_json(its->api, its->reply, sum);
	} else {
		send_problem(its->api, its->reply, problem, detail, job->ask.outcome.missing);
	}
	api_job_free(job);
}

static void refuse_backend(struct api *api, const char *reply, int err, const char *fault)
{
	char detail[PROBLEM_DETAIL_MAX];
	switch (err) {
	case -EINVAL:
		send_problem(api, reply, PROBLEM_BAD_BODY, fault, NULL);
		break;
	case -EMSGSIZE:
		snprintf(detail, sizeof(detail), "a message may have %zu bytes (--max-message)",
			api->jobs.message_max);
		send_problem(api, reply, PROBLEM_TOO_LARGE, detail, NULL);
		break;
	default:
		send_problem(api, reply, PROBLEM_NO_MEMORY, "for the request", NULL);
		break;
	}
}

static void on_request(struct api *api, const struct link_message *message)
{
	const struct slice body = {(const char *)message->data, message->len};
	char fault[API_FAULT_MAX] = "";
	enum api_op op;
	stats_add(&api->stats.asked, 1);
	if (api_op_find(message->name, &op) < 0) {
		send_problem(api, message->reply, PROBLEM_NOT_FOUND,
			"there is no such request: push, kick, where, rooms.list, rooms.join and "
			"rooms.leave are",
			NULL);
		return;
	}
	struct backend_job *its = api_job_create(&api->jobs, sizeof(*its), body.len);
	if (!its) {
		send_problem(api, message->reply, PROBLEM_BUSY,
			"this node has as many requests under way as may be", NULL);
		return;
	}
	its->api = api;
	snprintf(its->reply, sizeof(its->reply), "%s", message->reply);
	int err = api_job_read(&its->job, op, body, fault);
	if (err) {
		refuse_backend(api, message->reply, err, fault);
		api_job_free(&its->job);
		return;
	}
	api_job_begin(&its->job, true, body, answer_backend);
}

void api_refuse(struct api *api, const struct link_message *message)
{
	stats_add(&api->stats.asked, 1);
	send_problem(api, message->reply, PROBLEM_BUSY,
		"this node has just not handed itself over to another process: ask again", NULL);
}

void api_on_message(struct api *api, const struct link_message *message)
{
	if (message->about == LINK_REQUEST) {
		on_request(api, message);
	} else if (message->about == LINK_ANSWER) {
		requests_on_answer(api->requests, message->ask, message->is_nobody,
			(struct slice){(const char *)message->data, message->len});
	}
}

/* --- other nodes -------------------------------------------------------------------------------
 */

/* Of another node's ask. */
struct call_job {
	struct api_job job; /* first */
	struct api *api;
	uint16_t node;
	uint64_t ask;
};

static void send_part(struct api *api, uint16_t node, uint64_t ask, json_t *part)
{
	char *text = part ? json_dumps(part, JSON_COMPACT) : NULL;
	json_decref(part);
	cluster_answer(api->setup.cluster, node, ask, text ? CLUSTER_DONE : CLUSTER_BUSY, 0,
		text ? (struct slice){text, strlen(text)} : SLICE(""));
	free(text);
}

/* As it is: whoever has asked merges it. */
static void answer_call(struct api_job *job)
{
	struct call_job *its = (struct call_job *)job;
	struct outcome *outcome = &job->ask.outcome;
	json_t *part = outcome->sum ? outcome->sum : outcome->fault;
	send_part(its->api, its->node, its->ask, json_incref(part));
	api_job_free(job);
}

void api_on_call(struct api *api, uint16_t node, uint64_t ask, uint8_t op, struct slice body)
{
	char fault[API_FAULT_MAX] = "";
	stats_add(&api->stats.calls, 1);
	struct call_job *its = api_job_create(&api->jobs, sizeof(*its), body.len);
	if (!its) {
		send_part(api, node, ask, NULL);
		return;
	}
	its->api = api;
	its->node = node;
	its->ask = ask;
	int err = api_job_read(&its->job, (enum api_op)op, body, fault);
	if (err) {
		send_part(api, node, ask,
			deed_problem(err == -EMSGSIZE ? PROBLEM_TOO_LARGE : PROBLEM_BAD_BODY,
				"%s: %s", api->setup.name,
				err == -EMSGSIZE ? "the message is larger than it takes" : fault));
		api_job_free(&its->job);
		return;
	}
	api_job_begin(&its->job, false, body, answer_call);
}

/* --- lists -------------------------------------------------------------------------------------
 */

/* Of a packet 123. */
struct list_job {
	struct api_job job; /* first */
	struct api *api;
	struct outward_list *list;
};

static void send_late(struct api *api, struct late *late)
{
	late_post(&late, api->setup.node->fanout.mailboxes, SERVING_MAIL_LATE);
}

/* A page without names. */
static void refuse_list(struct api *api, struct outward_list *list, enum packet_result result)
{
	const struct page_packet page = {
		.id = list->id, .result = (uint8_t)result, .is_last = true};
	page_packet_write_head(list->refusal->packet + PACKET_HEADER_LEN, &page);
	send_late(api, list->refusal);
	list->refusal = NULL;
	outward_list_free(&list);
}

static size_t names_len(const struct first_names *first)
{
	size_t len = 0;
	for (uint32_t i = 0; i < first_names_count(first); i++) {
		len += fields_str_len(first->names[i]);
	}
	return len;
}

/* Errors: -ENOMEM. */
static int send_page(struct api *api, const struct outward_list *list,
	const struct first_names *first, const struct page_packet *page)
{
	struct late *late = late_create(
		list->session, PACKET_PAGE, UNANSWERED_ID, PAGE_PACKET_HEAD_LEN + names_len(first));
	if (!late) {
		return -ENOMEM;
	}
	uint8_t *at = page_packet_write_head(late->packet + PACKET_HEADER_LEN, page);
	for (uint32_t i = 0; i < page->count; i++) {
		at = fields_put_str(at, first->names[i]);
	}
	send_late(api, late);
	return 0;
}

/* What is known is listed, and the result says whether somebody is missing. */
static void answer_list(struct api_job *job)
{
	struct list_job *its = (struct list_job *)job;
	const struct outcome *outcome = &job->ask.outcome;
	struct outward_list *list = its->list;
	struct first_names first;
	struct page_packet page = {.id = list->id, .result = PACKET_DONE};
	size_t i;
	json_t *name;
	first_names_begin(&first, (struct slice){list->after, list->after_len}, PAGE_USERS_MAX);
	json_array_foreach(json_object_get(outcome->sum, "members"), i, name)
	{
		if (json_is_string(name) && json_string_length(name) <= USER_NAME_MAX) {
			first_names_add(&first,
				(struct slice){json_string_value(name), json_string_length(name)});
		}
	}
	if (outcome->refused) {
		page.result = PACKET_BUSY;
	}
	if (outcome->missing) {
		page.result = outcome->may_have_arrived ? PACKET_UNKNOWN : PACKET_UNREACHABLE;
	}
	page.count = (uint16_t)first_names_count(&first);
	page.is_last = page.count == 0 ||
		       (first_names_are_all(&first) &&
			       json_integer_value(json_object_get(outcome->sum, "more")) == 0);
	if (outcome->is_short || send_page(its->api, list, &first, &page) < 0) {
		refuse_list(its->api, list, PACKET_BUSY);
	} else {
		outward_list_free(&list);
	}
	api_job_free(job);
}

/* The beginning of a name behind which to go on, as far as it is UTF-8: clients write what they
 * like there. */
static struct slice whole_characters(const char *text, size_t len)
{
	len = len < USER_NAME_MAX ? len : USER_NAME_MAX;
	while (len > 0 && !utf8_valid((const uint8_t *)text, len)) {
		len--;
	}
	return (struct slice){text, len};
}

static void drop_list(struct api_job *job)
{
	outward_list_free(&((struct list_job *)job)->list);
}

/* As a backend would ask. Errors: NULL: no memory. */
static char *write_list(const struct outward_list *list)
{
	const struct slice after = whole_characters(list->after, list->after_len);
	json_t *json = json_pack("{s:s%, s:s%, s:i}", "room", list->room, (size_t)list->room_len,
		"after", after.data, after.len, "limit", API_LIST_MAX);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	return text;
}

static void on_list(struct api *api, struct outward_list *list)
{
	char fault[API_FAULT_MAX];
	char *body = write_list(list);
	struct list_job *its = body ? api_job_create(&api->jobs, sizeof(*its), 0) : NULL;
	if (!its) {
		refuse_list(api, list, PACKET_BUSY);
		free(body);
		return;
	}
	its->api = api;
	its->list = list;
	its->job.drop = drop_list;
	const struct slice text = {body, strlen(body)};
	if (api_job_read(&its->job, API_ROOMS_LIST, text, fault) < 0) {
		refuse_list(api, list, PACKET_BUSY);
		api_job_free(&its->job);
	} else {
		api_job_begin(&its->job, true, text, answer_list);
	}
	free(body);
}

/* --- the admin port ----------------------------------------------------------------------------
 */

static void send_back(struct api_ask *ask)
{
	ask->mail.kind = ask->back_kind;
	mailbox_post(ask->back, &ask->mail);
}

static void on_ask(struct api *api, struct api_ask *ask)
{
	if (api_ask_begin(ask, api->setup.cluster, api->setup.node, send_back) < 0) {
		/* This node has done its part already. */
		outcome_add_of(&ask->outcome, SLICE("*"),
			deed_problem(PROBLEM_BUSY, "as much is asked of other nodes as may be"));
		send_back(ask);
	}
}

/* --- mail and turns ----------------------------------------------------------------------------
 */

void api_set_time(struct api *api, uint64_t now_ms)
{
	api->jobs.shares.now_ms = now_ms;
}

void api_on_mail(struct api *api, struct mail *mail)
{
	switch ((enum api_mail)(mail->kind - api->setup.mail_kind)) {
	case API_MAIL_ORDER:
		errand_on_mail(mail);
		break;
	case API_MAIL_ASK:
		on_ask(api, api_ask_of(mail));
		break;
	case API_MAIL_REQUEST:
		requests_on_mail(api->requests, mail, api->jobs.shares.now_ms);
		break;
	case API_MAIL_LIST:
		on_list(api, outward_list_of(mail));
		break;
	}
}

void api_dispose(struct api *api, struct mail *mail)
{
	struct outward_request *request;
	struct outward_list *list;
	switch ((enum api_mail)(mail->kind - api->setup.mail_kind)) {
	case API_MAIL_REQUEST:
		request = outward_request_of(mail);
		outward_request_free(&api->setup.node->outward, &request);
		break;
	case API_MAIL_LIST:
		list = outward_list_of(mail);
		outward_list_free(&list);
		break;
	case API_MAIL_ORDER:
	case API_MAIL_ASK:
		/* They have been waited for. */
		ASSERT(mail == NULL);
		break;
	}
}

int api_turn(struct api *api)
{
	return requests_turn(api->requests, api->jobs.shares.now_ms);
}

bool api_is_busy(const struct api *api)
{
	return api->jobs.shares.under_way > 0;
}

bool api_is_asking(const struct api *api)
{
	return api->jobs.count > 0 || requests_are_under_way(api->requests);
}

void api_give_up(struct api *api)
{
	requests_answer_unknown(api->requests);
}
