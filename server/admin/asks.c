#include "asks.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../session/orders.h"

/* --- coming and going --------------------------------------------------------------------------
 */

/* Counts it among those that something is to come back for, or no more. */
static void count(struct admin_request *request)
{
	const bool is_out = request->errand.is_away || request->is_asking;
	if (is_out != request->is_out) {
		request->is_out = is_out;
		request->context->orders += is_out ? 1 : UINT32_MAX;
	}
	request->is_waiting |= is_out;
}

/* Something has come back. */
static void go_on(struct admin_request *request)
{
	count(request);
	if (admin_answer_is_made(&request->answer)) {
		request->is_waiting = false;
		request->on_answer(request->line);
	}
}

static struct admin_request *request_of(struct errand *errand)
{
	return (struct admin_request *)((uint8_t *)errand - offsetof(struct admin_request, errand));
}

static void on_back(struct errand *errand)
{
	struct admin_request *request = request_of(errand);
	request->then(request);
}

void admin_asks_on_mail(struct mail *mail)
{
	struct admin_request *request = request_of(errand_of(mail));
	errand_on_mail(mail);
	go_on(request);
}

/* --- one order ---------------------------------------------------------------------------------
 */

void admin_asks_send(
	struct admin_request *request, uint8_t worker, void (*then)(struct admin_request *request))
{
	request->then = then;
	errand_send(&request->errand, worker, on_back);
	count(request);
}

void admin_asks_go_on_later(
	struct admin_request *request, void (*then)(struct admin_request *request))
{
	request->then = then;
	errand_go_on_later(&request->errand, on_back);
	count(request);
}

/* --- to a user ---------------------------------------------------------------------------------
 */

bool admin_asks_take_device(struct admin_request *request)
{
	char name[DEVICE_NAME_MAX + 1];
	size_t len;
	if (!admin_request_has(request, ADMIN_ASKS_DEVICE)) {
		return true;
	}
	if (!admin_request_take_text(request, ADMIN_ASKS_DEVICE, DEVICE_NAME_MAX, name, &len)) {
		return false;
	}
	errand_set_device(&request->errand, (struct slice){name, len});
	return true;
}

bool admin_asks_take_device_only(struct admin_request *request)
{
	static const char *const names[] = {ADMIN_ASKS_DEVICE, NULL};
	return admin_request_check_query(request, names) && admin_asks_take_device(request);
}

void admin_asks_send_to_user(
	struct admin_request *request, void (*then)(struct admin_request *request))
{
	request->then = then;
	errand_send_to_user(
		&request->errand, (struct slice){request->name, request->name_len}, on_back);
	count(request);
}

/* --- other nodes -------------------------------------------------------------------------------
 */

static void refuse(struct admin_request *request, enum problem problem, const char *detail)
{
	json_t *json = problem_to_json(problem, detail);
	if (json && request->ask.outcome.missing) {
		json_object_set(json, "missing", request->ask.outcome.missing);
	}
	admin_answer_problem_json(&request->answer, problem, json);
}

/* What all have made of it is the answer. */
static void finish(struct admin_request *request)
{
	struct outcome *outcome = &request->ask.outcome;
	const struct slice room = {request->room, request->room_len};
	enum problem problem;
	const char *detail;
	if (api_outcome_complete(outcome, request->ask.op, request->ask.aim, room,
		    request->list_limit, request->context->node) < 0) {
		outcome->is_short = true;
	}
	json_t *sum = outcome_take(outcome, &problem, &detail);
	if (sum) {
		request->give(request, sum);
	} else {
		refuse(request, problem, detail);
	}
	outcome_finish(outcome);
}

static void send_ask(struct admin_request *request, json_t *wanted)
{
	struct api_ask *ask = &request->ask;
	const struct outward *outward = &request->context->node->outward;
	request->asked = wanted ? json_dumps(wanted, JSON_COMPACT) : NULL;
	if (!request->asked) {
		ask->outcome.is_short = true;
		finish(request);
		return;
	}
	ask->to = ask->aim == API_ROOM ? (struct slice){request->room, request->room_len}
				       : (struct slice){request->name, request->name_len};
	ask->body = (struct slice){request->asked, strlen(request->asked)};
	ask->back = request->context->mailbox;
	ask->back_kind = ADMIN_MAIL_ELSEWHERE;
	ask->mail.kind = outward->ask_kind;
	request->is_asking = true;
	mailbox_post(outward->mailbox, &ask->mail);
	count(request);
}

void admin_asks_merge(struct admin_request *request, enum api_op op, enum api_aim aim, json_t *part,
	json_t *(*want)(const struct admin_request *request),
	void (*give)(struct admin_request *request, json_t *sum))
{
	request->ask.op = op;
	request->ask.aim = aim;
	request->give = give;
	outcome_add_of(&request->ask.outcome, slice_of(request->context->config.id), part);
	if (!request->context->node->outward.mailbox) {
		finish(request);
		return;
	}
	json_t *wanted = want(request);
	send_ask(request, wanted);
	json_decref(wanted);
}

void admin_asks_on_merged(struct mail *mail)
{
	struct api_ask *ask = api_ask_of(mail);
	struct admin_request *request =
		(struct admin_request *)((uint8_t *)ask - offsetof(struct admin_request, ask));
	request->is_asking = false;
	finish(request);
	go_on(request);
}

/* What there is no memory for makes an object that is none of the API's, which is refused there. */
static void add(json_t *json, const char *name, const char *text, size_t len)
{
	json_object_set_new(json, name, json_stringn(text, len));
}

json_t *admin_asks_add_user(json_t *json, const struct admin_request *request)
{
	add(json, "user", request->name, request->name_len);
	if (request->errand.is_for_one) {
		add(json, "device", request->errand.only.name, request->errand.only.len);
	}
	return json;
}

json_t *admin_asks_add_room(json_t *json, const struct admin_request *request)
{
	add(json, "room", request->room, request->room_len);
	return json;
}

void admin_asks_note_reached(struct admin_request *request, const json_t *sum, const char *name)
{
	request->reached = (uint64_t)json_integer_value(json_object_get(sum, name));
}

bool admin_asks_is_whole(const struct admin_request *request)
{
	return !request->ask.outcome.missing;
}
