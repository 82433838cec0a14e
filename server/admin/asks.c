#include "asks.h"

#include <string.h>

#include "../session/orders.h"

/* --- one order ---------------------------------------------------------------------------------
 */

static void suspend(struct admin_request *request, void (*then)(struct admin_request *request))
{
	request->is_waiting = true;
	request->then = then;
	request->context->orders++;
}

void admin_asks_send(
	struct admin_request *request, uint8_t worker, void (*then)(struct admin_request *request))
{
	struct admin_context *context = request->context;
	suspend(request, then);
	request->order.back = context->mailbox;
	request->order.back_kind = ADMIN_MAIL_ORDER;
	worker_post(context->node->workers[worker], SERVING_MAIL_ORDER, &request->order.mail);
}

void admin_asks_go_on_later(
	struct admin_request *request, void (*then)(struct admin_request *request))
{
	suspend(request, then);
	request->order.mail.kind = ADMIN_MAIL_ORDER;
	mailbox_post(request->context->mailbox, &request->order.mail);
}

void admin_asks_on_mail(struct mail *mail)
{
	struct order *order = order_of(mail);
	struct admin_request *request =
		(struct admin_request *)((uint8_t *)order - offsetof(struct admin_request, order));
	request->context->orders--;
	request->then(request);
	if (admin_answer_is_made(&request->answer)) {
		request->is_waiting = false;
		request->on_answer(request->line);
	}
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static bool is_same_device(const struct user_device *a, const struct user_device *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

/* Whether it has been sent to that session already, or that device has had it in another one. */
static bool is_done(const struct admin_round *round, const struct user_device *device)
{
	for (uint32_t i = 0; i < round->count; i++) {
		if (round->devices[i].handle == device->handle ||
			(!round->is_gone[i] && is_same_device(&round->devices[i], device))) {
			return true;
		}
	}
	return false;
}

/* Notes the sessions to which it is still to be sent. */
static void look_up(struct admin_request *request)
{
	struct admin_round *round = &request->round;
	struct user_device found[USER_SESSIONS_MAX];
	uint32_t count = user_table_devices(
		request->context->node->users, request->name, request->name_len, found);
	round->has_lost = false;
	for (uint32_t i = 0; i < count && round->count < ADMIN_ROUND_MAX; i++) {
		bool is_meant = !round->is_for_one || is_same_device(&round->only, &found[i]);
		if (is_meant && !is_done(round, &found[i])) {
			round->is_gone[round->count] = false;
			round->devices[round->count++] = found[i];
		}
	}
}

static void finish(struct admin_request *request)
{
	const struct admin_round *round = &request->round;
	if (round->count > round->results[ORDER_GONE]) {
		round->then(request);
		return;
	}
	admin_answer_problem(&request->answer, ADMIN_PROBLEM_OFFLINE,
		round->is_for_one ? "nobody of that name is logged in from that device"
				  : "nobody of that name is logged in");
}

static void send_to_next(struct admin_request *request);

static void on_back(struct admin_request *request)
{
	struct admin_round *round = &request->round;
	bool is_gone = request->order.result == ORDER_GONE;
	round->results[request->order.result]++;
	round->is_gone[round->at++] = is_gone;
	round->has_lost |= is_gone;
	send_to_next(request);
}

static void send_to_next(struct admin_request *request)
{
	struct admin_round *round = &request->round;
	if (round->at == round->count && round->has_lost) {
		/* Where has he gone? One that is found in the table still is on its way out. */
		look_up(request);
	}
	if (round->at == round->count) {
		finish(request);
		return;
	}
	request->order.handle = round->devices[round->at].handle;
	request->order.name = request->name;
	request->order.name_len = request->name_len;
	admin_asks_send(request, handle_worker(request->order.handle), on_back);
}

bool admin_asks_take_device(struct admin_request *request)
{
	char name[DEVICE_NAME_MAX + 1];
	size_t len;
	struct admin_round *round = &request->round;
	if (!admin_request_has(request, ADMIN_ASKS_DEVICE)) {
		return true;
	}
	if (!admin_request_take_text(request, ADMIN_ASKS_DEVICE, DEVICE_NAME_MAX, name, &len)) {
		return false;
	}
	round->is_for_one = true;
	round->only.len = (uint8_t)len;
	memcpy(round->only.name, name, len);
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
	request->round.then = then;
	look_up(request);
	send_to_next(request);
}
