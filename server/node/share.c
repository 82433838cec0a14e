#include "share.h"

#include <stddef.h>
#include <stdlib.h>

#include "../fanout/first_names.h"
#include "deeds.h"
#include "room_names.h"

_Static_assert((int)API_LIST_MAX == (int)FIRST_NAMES_MAX, "a page of members");
_Static_assert((int)API_LIST_MAX == (int)ROOM_NAMES_MAX, "a page of rooms");
_Static_assert((int)API_REASON_MAX == CLOSE_PAYLOAD_MAX - 2, "behind the code");

static struct share *share_of(struct errand *errand)
{
	return (struct share *)((uint8_t *)errand - offsetof(struct share, errand));
}

static void finish(struct share *share, json_t *part)
{
	free(share->payload);
	free(share->users);
	free(share->rooms);
	share->shares->under_way--;
	share->then(share, part);
}

/* --- pushes ------------------------------------------------------------------------------------
 */

/* What has come of it, in as many numbers as are remembered. */
static struct repeat remember(const struct share *share)
{
	const struct errand *errand = &share->errand;
	struct repeat repeat = {.key = share->repeat_key};
	switch (share->request->aim) {
	case API_USER:
		repeat.numbers[0] = errand->results[ORDER_DONE];
		repeat.numbers[1] = errand->results[ORDER_OVERFLOW];
		break;
	case API_ROOM:
		repeat.numbers[0] = (uint32_t)errand->order.receivers;
		repeat.numbers[1] = errand->order.room_users;
		break;
	default:
		repeat.numbers[0] = (uint32_t)errand->order.receivers;
		break;
	}
	return repeat;
}

/* And back, for an errand that never was. */
static void recall(struct share *share, const struct repeat *repeat)
{
	struct errand *errand = &share->errand;
	errand->order.result = ORDER_DONE;
	errand->count = repeat->numbers[0] + repeat->numbers[1];
	errand->results[ORDER_DONE] = repeat->numbers[0];
	errand->results[ORDER_OVERFLOW] = repeat->numbers[1];
	errand->order.receivers = repeat->numbers[0];
	errand->order.room_users = repeat->numbers[1];
}

static json_t *part_of_push(const struct share *share)
{
	switch (share->request->aim) {
	case API_USER:
		return deed_pushed(&share->errand);
	case API_ROOM:
		return deed_said(&share->errand);
	default:
		return deed_broadcasted(&share->errand);
	}
}

static bool is_same(const struct repeat *a, const struct repeat *b)
{
	return a->numbers[0] == b->numbers[0] && a->numbers[1] == b->numbers[1];
}

/* Only what was sent is remembered: what was refused may be tried again. */
static bool is_sent(const struct share *share)
{
	return share->request->aim == API_USER ? share->errand.results[ORDER_DONE] > 0
					       : share->errand.order.result == ORDER_DONE;
}

/* Numbers that no push has come to: it is with a worker, or was not sent. */
static const struct repeat under_way = {.numbers = {UINT32_MAX, 1}};
static const struct repeat not_sent = {.numbers = {UINT32_MAX, 0}};

static void note(struct share *share, struct repeat repeat)
{
	struct shares *shares = share->shares;
	repeat.key = share->repeat_key;
	if (repeat.key != 0) {
		repeats_put(&shares->repeats, &repeat, shares->now_ms);
	}
}

static void on_pushed(struct errand *errand)
{
	struct share *share = share_of(errand);
	if (is_sent(share)) {
		note(share, remember(share));
	} else if (share->is_noted) {
		note(share, not_sent);
	}
	finish(share, part_of_push(share));
}

/* Whether it was pushed already: then it is answered as the first time; as busy while that is under
 * way. */
static bool is_repeat(struct share *share)
{
	static const char kinds[] = {[API_USER] = '@', [API_ROOM] = '#', [API_ALL] = '*'};
	const struct api_request *request = share->request;
	struct repeats *repeats = &share->shares->repeats;
	const struct slice to = request->aim == API_USER   ? request->user
				: request->aim == API_ROOM ? request->room
							   : SLICE("");
	if (!request->id.data) {
		return false;
	}
	share->repeat_key = repeats_key(repeats, kinds[request->aim], to, request->id);
	if (request->has_device) {
		/* The same for another of his devices is another message. */
		const struct slice key = {
			(const char *)&share->repeat_key, sizeof(share->repeat_key)};
		share->repeat_key = repeats_key(repeats, 'd', request->device, key);
	}
	const struct repeat *repeat =
		repeats_find(repeats, share->repeat_key, share->shares->now_ms);
	if (!repeat || is_same(repeat, &not_sent)) {
		return false;
	}
	if (is_same(repeat, &under_way)) {
		finish(share, deed_problem(PROBLEM_BUSY, "a push of that id is under way"));
		return true;
	}
	recall(share, repeat);
	finish(share, part_of_push(share));
	return true;
}

/* A retry that comes before its answer is no double either. */
static void note_under_way(struct share *share)
{
	if (share->errand.is_away && share->repeat_key != 0) {
		share->is_noted = true;
		note(share, under_way);
	}
}

static void push(struct share *share)
{
	struct api_request *request = share->request;
	if (is_repeat(share)) {
		return;
	}
	switch (request->aim) {
	case API_USER:
		if (deed_push(&share->errand, request->user, &request->message) < 0) {
			finish(share, NULL);
			return;
		}
		errand_send_to_user(&share->errand, request->user, on_pushed);
		break;
	case API_ROOM:
		deed_say(&share->errand, request->room, &request->words);
		errand_send(&share->errand, ERRAND_FANOUT_WORKER, on_pushed);
		break;
	default:
		deed_broadcast(&share->errand, &request->message);
		errand_send(&share->errand, ERRAND_FANOUT_WORKER, on_pushed);
		break;
	}
	note_under_way(share);
}

/* --- users -------------------------------------------------------------------------------------
 */

static void on_kicked(struct errand *errand)
{
	finish(share_of(errand), deed_closed(errand));
}

static void kick(struct share *share)
{
	const struct api_request *request = share->request;
	share->payload = malloc(CLOSE_PAYLOAD_MAX);
	if (!share->payload) {
		finish(share, NULL);
		return;
	}
	if (request->has_close) {
		deed_close(&share->errand, request->code, request->reason, share->payload);
	} else {
		deed_close_plainly(&share->errand, share->payload);
	}
	errand_send_to_user(&share->errand, request->user, on_kicked);
}

static void on_shown(struct errand *errand)
{
	struct share *share = share_of(errand);
	finish(share, deed_shown(errand, share->shares->name));
}

static void show(struct share *share)
{
	share->users = calloc(ERRAND_MAX, sizeof(*share->users));
	if (!share->users) {
		finish(share, NULL);
		return;
	}
	deed_show(&share->errand, share->users);
	errand_send_to_user(&share->errand, share->request->user, on_shown);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static void on_moved(struct errand *errand)
{
	struct share *share = share_of(errand);
	finish(share, share->request->op == API_ROOMS_JOIN
			      ? deed_moved_in(errand, share->shares->rooms_max)
			      : deed_moved_out(errand));
}

static void move(struct share *share)
{
	const struct api_request *request = share->request;
	deed_move(&share->errand, request->room, request->op == API_ROOMS_LEAVE);
	errand_send_to_user(&share->errand, request->user, on_moved);
}

static void walk_on(struct errand *errand)
{
	struct share *share = share_of(errand);
	const int more = room_names_walk(share->rooms, errand->node->fanout.rooms);
	if (more > 0) {
		errand_go_on_later(errand, walk_on);
	} else {
		finish(share, more < 0 ? NULL : room_names_to_json(share->rooms));
	}
}

static void list(struct share *share)
{
	const struct api_request *request = share->request;
	if (request->aim == API_ROOM) {
		finish(share, deed_list(share->shares->node->fanout.rooms, request->room,
				      request->after, request->limit));
		return;
	}
	share->rooms = malloc(sizeof(*share->rooms));
	if (!share->rooms) {
		finish(share, NULL);
		return;
	}
	room_names_begin(share->rooms, request->after, request->limit);
	walk_on(&share->errand);
}

/* --- all ---------------------------------------------------------------------------------------
 */

void share_begin(struct share *share, struct shares *shares, struct api_request *request,
	void (*then)(struct share *share, json_t *part))
{
	*share = (struct share){.shares = shares, .request = request, .then = then};
	errand_init(&share->errand, shares->node, shares->mailbox, shares->mail_kind);
	if (request->has_device) {
		errand_set_device(&share->errand, request->device);
	}
	shares->under_way++;
	switch (request->op) {
	case API_PUSH:
		push(share);
		break;
	case API_KICK:
		kick(share);
		break;
	case API_WHERE:
		show(share);
		break;
	case API_ROOMS_LIST:
		list(share);
		break;
	case API_ROOMS_JOIN:
	case API_ROOMS_LEAVE:
		move(share);
		break;
	}
}
