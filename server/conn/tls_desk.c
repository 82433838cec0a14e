#include "tls_desk.h"

#include <stddef.h>

#include "../../proto/assert.h"

/* Nearly always as the newest. */
static void insert(struct tls_list *list, struct tls_newcomer *newcomer, uint64_t since_ms)
{
	struct tls_newcomer *older = list->newest;
	while (older && older->since_ms > since_ms) {
		older = older->older;
	}
	newcomer->list = list;
	newcomer->since_ms = since_ms;
	newcomer->older = older;
	newcomer->newer = older ? older->newer : list->oldest;
	*(newcomer->newer ? &newcomer->newer->older : &list->newest) = newcomer;
	*(older ? &older->newer : &list->oldest) = newcomer;
}

void tls_desk_take_out(struct tls_desk *desk, struct tls_newcomer *newcomer)
{
	struct tls_list *list = newcomer->list;
	if (!list) {
		return;
	}
	*(newcomer->newer ? &newcomer->newer->older : &list->newest) = newcomer->older;
	*(newcomer->older ? &newcomer->older->newer : &list->oldest) = newcomer->newer;
	newcomer->list = NULL;
	if (list == &desk->waiting) {
		tls_quota_note_waiting(desk->quota, -1);
	}
}

void tls_desk_leave(struct tls_desk *desk, struct tls_newcomer *newcomer)
{
	tls_desk_take_out(desk, newcomer);
	if (newcomer->has_seat) {
		newcomer->has_seat = false;
		tls_quota_give(desk->quota);
	}
}

void tls_desk_wait(struct tls_desk *desk, struct tls_newcomer *newcomer, uint64_t now_ms)
{
	tls_desk_take_out(desk, newcomer);
	newcomer->stage = TLS_WAITING;
	if (newcomer->has_seat) {
		insert(&desk->seated, newcomer, now_ms);
	} else {
		insert(&desk->waiting, newcomer, now_ms);
		tls_quota_note_waiting(desk->quota, 1);
	}
}

bool tls_desk_seat(struct tls_desk *desk, struct tls_newcomer *newcomer, uint64_t now_ms)
{
	ASSERT(!newcomer->has_seat);
	newcomer->has_seat = tls_quota_take(desk->quota);
	newcomer->asked_ms = now_ms;
	return newcomer->has_seat;
}

void tls_desk_await(struct tls_desk *desk, struct tls_newcomer *newcomer)
{
	ASSERT(newcomer->has_seat);
	newcomer->stage = TLS_HALF;
	if (newcomer->list == &desk->halves && newcomer->since_ms == newcomer->asked_ms) {
		return;
	}
	tls_desk_take_out(desk, newcomer);
	insert(&desk->halves, newcomer, newcomer->asked_ms);
}

static struct tls_newcomer *oldest_beyond(
	const struct tls_list *list, uint64_t now_ms, uint64_t most_ms)
{
	struct tls_newcomer *oldest = list->oldest;
	return oldest && now_ms - oldest->since_ms >= most_ms ? oldest : NULL;
}

struct tls_newcomer *tls_desk_next(const struct tls_desk *desk, uint64_t now_ms)
{
	if (desk->seated.oldest) {
		return desk->seated.oldest;
	}
	if (tls_quota_is_used_up(desk->quota)) {
		return NULL;
	}
	const bool is_crowded = oldest_beyond(&desk->waiting, now_ms, TLS_DESK_CROWDED_MS);
	return is_crowded ? desk->waiting.newest : desk->waiting.oldest;
}

struct tls_newcomer *tls_desk_too_old(const struct tls_desk *desk, uint64_t now_ms)
{
	return oldest_beyond(&desk->waiting, now_ms, TLS_DESK_PATIENCE_MS);
}

struct tls_newcomer *tls_desk_late(const struct tls_desk *desk, uint64_t now_ms)
{
	if (!tls_quota_is_used_up(desk->quota) || tls_quota_waiting(desk->quota) == 0) {
		return NULL;
	}
	return oldest_beyond(&desk->halves, now_ms, TLS_DESK_ANSWER_MS);
}
