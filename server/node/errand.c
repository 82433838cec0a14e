#include "errand.h"

#include <stddef.h>
#include <string.h>

#include "serving.h"

void errand_init(struct errand *errand, struct node *node, struct mailbox *back, uint32_t back_kind)
{
	*errand = (struct errand){.node = node};
	errand->order.back = back;
	errand->order.back_kind = back_kind;
}

void errand_set_device(struct errand *errand, struct slice device)
{
	errand->is_for_one = true;
	errand->only.len = (uint8_t)device.len;
	memcpy(errand->only.name, device.data, device.len);
}

/* --- one order ---------------------------------------------------------------------------------
 */

void errand_send(struct errand *errand, uint8_t worker, void (*then)(struct errand *errand))
{
	errand->is_away = true;
	errand->then = then;
	errand->order.mail.kind = SERVING_MAIL_ORDER;
	mailbox_post(errand->node->fanout.mailboxes[worker], &errand->order.mail);
}

void errand_go_on_later(struct errand *errand, void (*then)(struct errand *errand))
{
	errand->is_away = true;
	errand->then = then;
	errand->order.mail.kind = errand->order.back_kind;
	mailbox_post(errand->order.back, &errand->order.mail);
}

struct errand *errand_of(struct mail *mail)
{
	return (struct errand *)((uint8_t *)order_of(mail) - offsetof(struct errand, order));
}

void errand_on_mail(struct mail *mail)
{
	struct errand *errand = errand_of(mail);
	errand->is_away = false;
	errand->then(errand);
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static bool is_same_device(const struct user_device *a, const struct user_device *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

/* Whether it has been sent to that session already, or that device has had it in another one. */
static bool is_done(const struct errand *errand, const struct user_device *device)
{
	for (uint32_t i = 0; i < errand->count; i++) {
		if (errand->devices[i].handle == device->handle ||
			(!errand->is_gone[i] && is_same_device(&errand->devices[i], device))) {
			return true;
		}
	}
	return false;
}

/* Notes the sessions to which it is still to be sent. */
static void look_up(struct errand *errand)
{
	struct user_device found[USER_SESSIONS_MAX];
	uint32_t count =
		user_table_devices(errand->node->users, errand->user.data, errand->user.len, found);
	errand->has_lost = false;
	for (uint32_t i = 0; i < count && errand->count < ERRAND_MAX; i++) {
		bool is_meant = !errand->is_for_one || is_same_device(&errand->only, &found[i]);
		if (is_meant && !is_done(errand, &found[i])) {
			errand->is_gone[errand->count] = false;
			errand->devices[errand->count++] = found[i];
		}
	}
}

static void send_to_next(struct errand *errand);

static void on_back(struct errand *errand)
{
	bool is_gone = errand->order.result == ORDER_GONE;
	errand->results[errand->order.result]++;
	errand->is_gone[errand->at++] = is_gone;
	errand->has_lost |= is_gone;
	send_to_next(errand);
}

static void send_to_next(struct errand *errand)
{
	if (errand->at == errand->count && errand->has_lost) {
		/* Where has he gone? One that is found in the table still is on its way out. */
		look_up(errand);
	}
	if (errand->at == errand->count) {
		errand->all_had(errand);
		return;
	}
	errand->order.handle = errand->devices[errand->at].handle;
	errand_send(errand, handle_worker(errand->order.handle), on_back);
}

void errand_send_to_user(
	struct errand *errand, struct slice user, void (*then)(struct errand *errand))
{
	errand->all_had = then;
	errand->user = user;
	errand->order.name = user.data;
	errand->order.name_len = user.len;
	look_up(errand);
	send_to_next(errand);
}
