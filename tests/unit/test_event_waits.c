#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/event_waits.h"
#include "no_memory.h"

enum {
	MAIL_BACK = 77,
	WAIT_MS = 30000,
};

static const struct event_source source = {
	.node = "gw", .incarnation = {.wall_ms = 0xabc, .random = 1}};

#define INCARNATION "abc-0000000000000001"

/* What compilers make of a realloc of nothing is malloc. */
void *__real_realloc(void *data, size_t size);
void *__wrap_realloc(void *data, size_t size);

void *__wrap_realloc(void *data, size_t size)
{
	return has_no_memory ? NULL : __real_realloc(data, size);
}

struct rig {
	struct budget budget;
	struct events *events;
	struct event_waits waits;
	struct mailbox *back;
	uint64_t now_ms;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	assert_int_equal(budget_init(&rig->budget, 1), 0);
	rig->budget.limit = SIZE_MAX;
	assert_int_equal(events_create(&rig->budget, &rig->events), 0);
	assert_int_equal(mailbox_create(&rig->back), 0);
	rig->waits = (struct event_waits){.events = rig->events, .source = &source};
	rig->now_ms = 1000000;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(rig->waits.count, 0);
	assert_null(rig->waits.first);
	events_destroy(&rig->events);
	mailbox_destroy(&rig->back);
	budget_finish(&rig->budget);
	free(rig);
	return 0;
}

static void add(struct rig *rig)
{
	const struct event event = {.kind = EVENT_RESYNC};
	events_add(rig->events, &event);
}

static struct events_ask *ask_after(struct rig *rig, uint64_t after, uint32_t wait_ms)
{
	struct events_ask *ask = calloc(1, sizeof(*ask));
	assert_non_null(ask);
	ask->back = rig->back;
	ask->back_kind = MAIL_BACK;
	ask->has_after = true;
	ask->incarnation = source.incarnation;
	ask->after = after;
	ask->limit = 10;
	ask->wait_ms = wait_ms;
	return ask;
}

static void take(struct rig *rig, struct events_ask *ask)
{
	event_waits_take(&rig->waits, ask, rig->now_ms);
}

static bool is_back(struct rig *rig, struct events_ask *ask)
{
	struct mail *mail;
	if (mailbox_take(rig->back, &mail) == MAILBOX_EMPTY) {
		return false;
	}
	assert_int_equal(mail->kind, MAIL_BACK);
	assert_ptr_equal(events_ask_of(mail), ask);
	return true;
}

static void finish(struct events_ask *ask)
{
	free(ask->text);
	free(ask);
}

/* How many events an answer has, the last of which is `last`. */
static void expect_page(
	struct rig *rig, struct events_ask *ask, uint32_t count, uint64_t last, bool has_more)
{
	char head[128];
	assert_true(is_back(rig, ask));
	assert_int_equal(ask->verdict, EVENTS_PAGE);
	assert_non_null(ask->text);
	snprintf(head, sizeof(head),
		"{\"node\":\"gw\",\"incarnation\":\"" INCARNATION "\",\"after\":\"" INCARNATION
		".%llu\",\"more\":%s,\"events\":[",
		(unsigned long long)last, has_more ? "true" : "false");
	assert_memory_equal(ask->text, head, strlen(head));
	uint64_t seq = last - count;
	const char *at = ask->text + strlen(head);
	for (uint32_t i = 0; i < count; i++) {
		char text[EVENT_JSON_MAX];
		const struct event event = {.kind = EVENT_RESYNC};
		size_t len = event_write(&event, &source, ++seq, text);
		assert_memory_equal(at, text, len);
		at += len;
		assert_true(i + 1 == count || *at == ',');
		at += i + 1 < count;
	}
	assert_int_equal(at + 2 - ask->text, ask->text_len);
	assert_memory_equal(at, "]}", 2);
	finish(ask);
}

static void test_where_the_events_are(void **state)
{
	struct rig *rig = *state;
	for (uint64_t last = 0; last < 3; last++) {
		struct events_ask *ask = ask_after(rig, 0, WAIT_MS);
		ask->has_after = false;
		ask->incarnation = (struct incarnation){0, 0};
		take(rig, ask);
		expect_page(rig, ask, 0, last, false);
		add(rig);
	}
}

static void test_what_is_there_comes_at_once(void **state)
{
	struct rig *rig = *state;
	add(rig);
	add(rig);
	struct events_ask *ask = ask_after(rig, 0, WAIT_MS);
	take(rig, ask);
	expect_page(rig, ask, 2, 2, false);
	ask = ask_after(rig, 1, WAIT_MS);
	take(rig, ask);
	expect_page(rig, ask, 1, 2, false);
}

static void test_who_does_not_wait(void **state)
{
	struct rig *rig = *state;
	struct events_ask *ask = ask_after(rig, 0, 0);
	take(rig, ask);
	expect_page(rig, ask, 0, 0, false);
}

static void test_pages(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < 25; i++) {
		add(rig);
	}
	static const uint32_t counts[] = {10, 10, 5};
	uint64_t after = 0;
	for (int i = 0; i < 3; i++) {
		struct events_ask *ask = ask_after(rig, after, WAIT_MS);
		take(rig, ask);
		after += counts[i];
		expect_page(rig, ask, counts[i], after, i < 2);
	}
}

/* Of the largest page each byte has its place. */
static void test_the_largest_page(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < EVENT_WAITS_PAGE_MAX; i++) {
		add(rig);
	}
	struct events_ask *ask = ask_after(rig, 0, 0);
	ask->limit = EVENT_WAITS_PAGE_MAX;
	take(rig, ask);
	expect_page(rig, ask, EVENT_WAITS_PAGE_MAX, EVENT_WAITS_PAGE_MAX, false);
}

static void test_an_event_ends_all_waits(void **state)
{
	struct rig *rig = *state;
	struct events_ask *asks[3];
	for (int i = 0; i < 3; i++) {
		asks[i] = ask_after(rig, 0, WAIT_MS);
		take(rig, asks[i]);
	}
	assert_int_equal(rig->waits.count, 3);
	assert_int_equal(event_waits_turn(&rig->waits, rig->now_ms + 1), WAIT_MS - 1);
	assert_false(is_back(rig, NULL));
	add(rig);
	assert_int_equal(event_waits_turn(&rig->waits, rig->now_ms + 1), -1);
	for (int i = 2; i >= 0; i--) {
		expect_page(rig, asks[i], 1, 1, false);
	}
}

static void test_a_wait_ends(void **state)
{
	struct rig *rig = *state;
	struct events_ask *late = ask_after(rig, 0, WAIT_MS);
	struct events_ask *soon = ask_after(rig, 0, 1000);
	take(rig, late);
	take(rig, soon);
	assert_int_equal(event_waits_turn(&rig->waits, rig->now_ms + 999), 1);
	assert_false(is_back(rig, NULL));
	assert_int_equal(event_waits_turn(&rig->waits, rig->now_ms + 1000), WAIT_MS - 1000);
	expect_page(rig, soon, 0, 0, false);
	assert_int_equal(event_waits_turn(&rig->waits, rig->now_ms + WAIT_MS), -1);
	expect_page(rig, late, 0, 0, false);
}

static void test_one_that_is_hurried(void **state)
{
	struct rig *rig = *state;
	struct events_ask *first = ask_after(rig, 0, WAIT_MS);
	struct events_ask *second = ask_after(rig, 0, WAIT_MS);
	take(rig, first);
	take(rig, second);
	atomic_store(&first->is_hurried, true);
	event_waits_turn(&rig->waits, rig->now_ms);
	expect_page(rig, first, 0, 0, false);
	assert_false(is_back(rig, NULL));
	atomic_store(&second->is_hurried, true);
	event_waits_turn(&rig->waits, rig->now_ms);
	expect_page(rig, second, 0, 0, false);
	/* Before it has come. */
	struct events_ask *third = ask_after(rig, 0, WAIT_MS);
	atomic_store(&third->is_hurried, true);
	take(rig, third);
	expect_page(rig, third, 0, 0, false);
}

static void test_the_end(void **state)
{
	struct rig *rig = *state;
	struct events_ask *before = ask_after(rig, 0, WAIT_MS);
	take(rig, before);
	rig->waits.is_over = true;
	event_waits_turn(&rig->waits, rig->now_ms);
	expect_page(rig, before, 0, 0, false);
	struct events_ask *after = ask_after(rig, 0, WAIT_MS);
	take(rig, after);
	expect_page(rig, after, 0, 0, false);
	/* It may not have been the end after all: a hand-over that was given up. */
	rig->waits.is_over = false;
	struct events_ask *again = ask_after(rig, 0, WAIT_MS);
	take(rig, again);
	assert_int_equal(rig->waits.count, 1);
	rig->now_ms += WAIT_MS;
	event_waits_turn(&rig->waits, rig->now_ms);
	expect_page(rig, again, 0, 0, false);
}

static void expect_gone(struct rig *rig, struct events_ask *ask)
{
	take(rig, ask);
	assert_true(is_back(rig, ask));
	assert_int_equal(ask->verdict, EVENTS_GONE);
	assert_null(ask->text);
	finish(ask);
}

static void test_what_is_gone(void **state)
{
	struct rig *rig = *state;
	/* More than there are, and another run's. */
	expect_gone(rig, ask_after(rig, 1, WAIT_MS));
	expect_gone(rig, ask_after(rig, UINT64_MAX - 1, WAIT_MS));
	struct events_ask *ask = ask_after(rig, 0, WAIT_MS);
	ask->incarnation.random++;
	expect_gone(rig, ask);
	ask = ask_after(rig, 0, WAIT_MS);
	ask->incarnation.wall_ms++;
	expect_gone(rig, ask);
	/* What was there once. */
	for (int i = 0; i < EVENTS_MAX + 5; i++) {
		add(rig);
	}
	expect_gone(rig, ask_after(rig, 4, WAIT_MS));
	ask = ask_after(rig, 5, WAIT_MS);
	take(rig, ask);
	expect_page(rig, ask, 10, 15, true);
}

static void test_without_memory(void **state)
{
	struct rig *rig = *state;
	add(rig);
	struct events_ask *ask = ask_after(rig, 0, WAIT_MS);
	has_no_memory = true;
	take(rig, ask);
	has_no_memory = false;
	assert_true(is_back(rig, ask));
	assert_int_equal(ask->verdict, EVENTS_PAGE);
	assert_null(ask->text);
	finish(ask);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_where_the_events_are),
		CASE(test_what_is_there_comes_at_once),
		CASE(test_who_does_not_wait),
		CASE(test_pages),
		CASE(test_the_largest_page),
		CASE(test_an_event_ends_all_waits),
		CASE(test_a_wait_ends),
		CASE(test_one_that_is_hurried),
		CASE(test_the_end),
		CASE(test_what_is_gone),
		CASE(test_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
