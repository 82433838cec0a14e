#include "asks.h"

#include "../session/orders.h"

enum {
	TRIES_MAX = 8, /* for a user who keeps logging in elsewhere */
};

void admin_asks_send(
	struct admin_request *request, uint8_t worker, void (*then)(struct admin_request *request))
{
	struct admin_context *context = request->context;
	request->is_waiting = true;
	request->then = then;
	request->order.back = context->mailbox;
	request->order.back_kind = ADMIN_MAIL_ORDER;
	context->orders++;
	worker_post(context->node->workers[worker], SERVING_MAIL_ORDER, &request->order.mail);
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

static void send_to_user(struct admin_request *request);

static void on_user_back(struct admin_request *request)
{
	if (request->order.result == ORDER_GONE) {
		send_to_user(request);
	} else {
		request->then_of_user(request);
	}
}

static void send_to_user(struct admin_request *request)
{
	struct user_session found[USER_SESSIONS_MAX];
	uint32_t count = user_table_find(
		request->context->node->users, request->name, request->name_len, found);
	handle_t handle = count > 0 ? found[count - 1].handle : 0;
	/* The same as before: he is on his way out there. */
	bool is_new = count > 0 && (request->tries == 0 || handle != request->order.handle);
	if (!is_new || request->tries == TRIES_MAX) {
		admin_answer_problem(&request->answer, ADMIN_PROBLEM_OFFLINE,
			"nobody of that name is logged in");
		return;
	}
	request->tries++;
	request->order.handle = handle;
	request->order.name = request->name;
	request->order.name_len = request->name_len;
	admin_asks_send(request, handle_worker(handle), on_user_back);
}

void admin_asks_send_to_user(
	struct admin_request *request, void (*then)(struct admin_request *request))
{
	request->then_of_user = then;
	request->tries = 0;
	send_to_user(request);
}
