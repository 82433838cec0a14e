#include "event_waits.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/log_span.h"

enum {
	HEAD_MAX = 512,    /* bytes in front of the events of an answer */
	PAGE_START = 4096, /* bytes of a page that begins */
};

/* --- the answer --------------------------------------------------------------------------------
 */

/* A text that grows; `data` is NULL once there was no memory. */
struct page {
	char *data;
	size_t len;
	size_t capacity;
};

static bool make_room(struct page *page, size_t bytes)
{
	if (page->capacity - page->len >= bytes) {
		return true;
	}
	size_t capacity = page->capacity * 2 > PAGE_START ? page->capacity * 2 : PAGE_START;
	char *grown = realloc(page->data, capacity);
	if (!grown) {
		free(page->data);
		*page = (struct page){.data = NULL};
		return false;
	}
	page->data = grown;
	page->capacity = capacity;
	return true;
}

/* There is room for it. */
static void put(struct page *page, const char *text)
{
	struct log_span span = {page->data + page->len, page->data + page->capacity};
	log_span_put_string(&span, text);
	page->len = (size_t)(span.at - page->data);
}

/* What stands in front of the events; the last of which is `last`. */
static void put_head(
	struct page *page, const struct event_source *source, uint64_t last, bool has_more)
{
	char incarnation[INCARNATION_TEXT_MAX];
	char members[HEAD_MAX / 2];
	struct log_span span = {page->data + page->len, page->data + page->capacity};
	incarnation_text(&source->incarnation, incarnation);
	snprintf(members, sizeof(members),
		"\",\"incarnation\":\"%s\",\"after\":\"%s.%" PRIu64 "\",\"more\":%s,\"events\":[",
		incarnation, incarnation, last, has_more ? "true" : "false");
	log_span_put_string(&span, "{\"node\":\"");
	log_span_put_escaped(&span, source->node, LOG_PLACE_JSON, sizeof(members));
	log_span_put_string(&span, members);
	page->len = (size_t)(span.at - page->data);
}

/* The events after `after` up to `last`. */
static void write_page(const struct event_waits *waits, struct events_ask *ask, uint64_t last)
{
	struct page page = {.data = NULL};
	if (!make_room(&page, HEAD_MAX)) {
		return;
	}
	put_head(&page, waits->source, last, last + 1 < events_next(waits->events));
	for (uint64_t seq = ask->after + 1; seq <= last; seq++) {
		const struct event event = events_at(waits->events, seq);
		if (!make_room(&page, EVENT_JSON_MAX + 4)) {
			return;
		}
		put(&page, seq == ask->after + 1 ? "" : ",");
		page.len += event_write(&event, waits->source, seq, page.data + page.len);
	}
	put(&page, "]}");
	ask->text = page.data;
	ask->text_len = page.len;
}

static uint64_t last_of_page(const struct event_waits *waits, const struct events_ask *ask)
{
	const uint64_t last = events_next(waits->events) - 1;
	return last - ask->after > ask->limit ? ask->after + ask->limit : last;
}

/* Whether all events after `after` are there. */
static bool can_go_on(const struct event_waits *waits, const struct events_ask *ask)
{
	return incarnation_is_same(&ask->incarnation, &waits->source->incarnation) &&
	       ask->after + 1 >= events_first(waits->events) &&
	       ask->after < events_next(waits->events);
}

static void answer(struct event_waits *waits, struct events_ask *ask)
{
	ask->text = NULL;
	ask->text_len = 0;
	if (!ask->has_after) {
		ask->after = events_next(waits->events) - 1;
		ask->incarnation = waits->source->incarnation;
	}
	if (can_go_on(waits, ask)) {
		ask->verdict = EVENTS_PAGE;
		write_page(waits, ask, last_of_page(waits, ask));
	} else {
		ask->verdict = EVENTS_GONE;
	}
	ask->mail.kind = ask->back_kind;
	mailbox_post(ask->back, &ask->mail);
}

/* --- waiting -----------------------------------------------------------------------------------
 */

static bool is_hurried(const struct events_ask *ask)
{
	return atomic_load_explicit(&ask->is_hurried, memory_order_relaxed);
}

/* Whether there is nothing to answer yet, and that is worth waiting for. */
static bool has_to_wait(
	const struct event_waits *waits, const struct events_ask *ask, uint64_t now_ms)
{
	return !waits->is_over && ask->has_after && can_go_on(waits, ask) &&
	       ask->after + 1 == events_next(waits->events) && now_ms < ask->due_ms &&
	       !is_hurried(ask);
}

void event_waits_take(struct event_waits *waits, struct events_ask *ask, uint64_t now_ms)
{
	ask->due_ms = now_ms + ask->wait_ms;
	if (has_to_wait(waits, ask, now_ms)) {
		ask->next = waits->first;
		waits->first = ask;
		waits->count++;
	} else {
		answer(waits, ask);
	}
}

int event_waits_turn(struct event_waits *waits, uint64_t now_ms)
{
	int next_ms = -1;
	for (struct events_ask **at = &waits->first; *at;) {
		struct events_ask *ask = *at;
		if (has_to_wait(waits, ask, now_ms)) {
			uint64_t left_ms = ask->due_ms - now_ms;
			int wait_ms = left_ms < INT_MAX ? (int)left_ms : INT_MAX;
			next_ms = next_ms < 0 || wait_ms < next_ms ? wait_ms : next_ms;
			at = &ask->next;
		} else {
			*at = ask->next;
			waits->count--;
			answer(waits, ask);
		}
	}
	return next_ms;
}

struct events_ask *events_ask_of(struct mail *mail)
{
	return (struct events_ask *)((uint8_t *)mail - offsetof(struct events_ask, mail));
}
