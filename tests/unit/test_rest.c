/* The last turns, of workers on one thread and a clock that moves when the test says so. */
#include "talk_rig.h"

#include "../../server/node/registrar_pack.h"
#include "../../server/node/rest.h"
#include "../../server/node/serving_last.h"
#include "../../server/session/late.h"

enum {
	LIMIT_MS = 500,
	ROUND_US = 1000, /* that a round takes */
};

/* --- in others' stead --------------------------------------------------------------------------
 */

static int late_takes; /* that are still to say MAILBOX_LATER */

enum mailbox_status __real_mailbox_take(struct mailbox *mailbox, struct mail **ret_mail);
enum mailbox_status __wrap_mailbox_take(struct mailbox *mailbox, struct mail **ret_mail);

enum mailbox_status __wrap_mailbox_take(struct mailbox *mailbox, struct mail **ret_mail)
{
	if (late_takes > 0) {
		late_takes--;
		return MAILBOX_LATER;
	}
	return __real_mailbox_take(mailbox, ret_mail);
}

/* What the registrar does, which `registrar_last_turn` stands for. */
static struct {
	uint32_t turns;
	uint32_t late_turns;
	uint32_t busy_turns;     /* that are still to come */
	struct mailbox *owes_to; /* where it gives `owes` when it is late; NULL: nothing */
	uint32_t *owes_answers;  /* that a session waits for, until it is late */
	struct mail *owes;
} registrar;

bool __wrap_registrar_last_turn(
	struct registrar *its, bool is_late, char ret_busy[REGISTRAR_BUSY_MAX]);

bool __wrap_registrar_last_turn(
	struct registrar *its, bool is_late, char ret_busy[REGISTRAR_BUSY_MAX])
{
	(void)its;
	registrar.turns++;
	registrar.late_turns += is_late;
	if (is_late && registrar.owes) {
		mailbox_post(registrar.owes_to, registrar.owes);
		registrar.owes = NULL;
	}
	if (registrar.busy_turns > 0) {
		registrar.busy_turns--;
		snprintf(ret_busy, REGISTRAR_BUSY_MAX, "answers of other nodes");
		return false;
	}
	return true;
}

/* --- the clock ---------------------------------------------------------------------------------
 */

struct watch {
	struct rig *rig;
	uint64_t us;
	uint32_t pauses;
};

static uint64_t now_us(void *context)
{
	struct watch *watch = context;
	watch->us += ROUND_US;
	return watch->us;
}

/* The workers' clocks go with it. */
static void pause_all(void *context)
{
	struct watch *watch = context;
	watch->pauses++;
	watch->us += ROUND_US;
	for (uint32_t i = 0; i < watch->rig->worker_count; i++) {
		struct loop *loop = &watch->rig->loops[i];
		loop_script(loop, loop->now_us + ROUND_US);
	}
}

static struct rest rest_of(struct rig *rig, struct watch *watch)
{
	struct rest rest = {
		.node = &rig->node,
		.now_us = now_us,
		.pause = pause_all,
		.context = watch,
	};
	*watch = (struct watch){.rig = rig};
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		rest.servings[i] = &rig->workers[i];
	}
	memset(&registrar, 0, sizeof(registrar));
	late_takes = 0;
	return rest;
}

static struct watch reach(struct rig *rig)
{
	struct watch watch;
	char busy[REST_BUSY_MAX];
	struct rest rest = rest_of(rig, &watch);
	assert_true(rest_reach(&rest, LIMIT_MS, busy));
	assert_string_equal(busy, "");
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		assert_null(serving_in_hand(&rig->workers[i]));
	}
	assert_int_equal(rig->node.fanout.backlog, 0);
	return watch;
}

/* Reads and nothing else: what was said is in hand then. */
static void read_all(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		rig_events(rig, i);
	}
}

/* --- what comes to its end ---------------------------------------------------------------------
 */

static void test_nothing_in_hand(void **state)
{
	struct rig *rig = *state;
	rig_login(rig, 0, "a");
	struct watch watch = reach(rig);
	assert_int_equal(watch.pauses, 0);
	assert_int_equal(watch.us, 3 * ROUND_US); /* the begin, and two rounds */
}

static void test_what_was_said_reaches_all(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "from a");
	client_text(b, "from b");
	read_all(rig);
	expect_nothing(a);
	expect_nothing(b);
	reach(rig);
	expect_text(a, "from b -- FROM b");
	expect_text(b, "from a -- FROM a");
	expect_nothing(a);
	expect_nothing(b);
}

static void test_nobody_is_read_from(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "later");
	reach(rig);
	expect_nothing(b);
	rig_run(rig);
	expect_text(b, "later -- FROM a");
}

/* Events that a wait has told of, and that were not followed, are as they were. */
static void test_events_stay(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "later");
	rig->workers[0].event_at = 0;
	rig->workers[0].event_count = rig_wait(rig, 0);
	assert_true(serving_has_events(&rig->workers[0]));
	reach(rig);
	assert_true(serving_has_events(&rig->workers[0]));
	expect_nothing(b);
	rig_run(rig);
	expect_text(b, "later -- FROM a");
}

/* A kick goes to a worker by mail; its session ends, of which the other worker's room is told. */
static void test_one_thing_makes_another(void **state)
{
	struct rig *rig = *state;
	struct client *old = v1_login_device(rig, 0, "a", "phone");
	struct client *new = v1_ask(rig, 1, "a", "phone");
	read_all(rig);
	reach(rig);
	v1_expect_greeting(new, "a", "phone");
	expect_close(old, 4001, "");
	assert_int_equal(user_table_count(rig->node.users), 1);
}

static void test_rooms_are_told_their_numbers_at_once(void **state)
{
	struct rig *rig = *state;
	struct client *watcher = v1_login(rig, 0, "watcher");
	v1_join_as(rig, watcher, JOIN_TELL_MEMBERS, "r", 1);
	struct client *comer = v1_login(rig, 1, "comer");
	v1_ask_to_join(comer, 1, 0, "r");
	read_all(rig);
	reach(rig);
	assert_false(telling_has_due(&rig->workers[0].sessions.say.telling));
	assert_false(telling_has_due(&rig->workers[1].sessions.say.telling));
	expect_packet(comer, PACKET_ANSWER);
	expect_packet(watcher, PACKET_MEMBERS);
}

/* --- what it waits for -------------------------------------------------------------------------
 */

static void test_mail_that_is_half_posted(void **state)
{
	struct rig *rig = *state;
	struct watch watch;
	char busy[REST_BUSY_MAX];
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "hello");
	read_all(rig);
	struct rest rest = rest_of(rig, &watch);
	late_takes = 9;
	assert_true(rest_reach(&rest, LIMIT_MS, busy));
	assert_int_equal(late_takes, 0);
	expect_text(b, "hello -- FROM a");
}

static void test_the_registrar_has_its_turns(void **state)
{
	struct rig *rig = *state;
	struct watch watch;
	char busy[REST_BUSY_MAX];
	struct rest rest = rest_of(rig, &watch);
	rest.registrar = (struct registrar *)&registrar;
	registrar.busy_turns = 5;
	assert_true(rest_reach(&rest, LIMIT_MS, busy));
	assert_int_equal(registrar.turns, 5 + 2);
	assert_int_equal(registrar.late_turns, 0);
	assert_int_equal(watch.pauses, 5);
}

/* An answer that does not come is given up by the registrar once it is late, and not before. */
static void test_answers_are_given_up(void **state)
{
	struct rig *rig = *state;
	struct watch watch;
	char busy[REST_BUSY_MAX];
	struct client *a = v1_login(rig, 1, "a");
	struct unanswered *unanswered = &rig->workers[1].sessions.unanswered;
	assert_int_equal(unanswered_take(unanswered, a->handle, UNANSWERED_ID), 0);
	struct rest rest = rest_of(rig, &watch);
	struct late *late = late_said(a->handle, 7, PACKET_UNKNOWN, 0);
	late->mail.kind = SERVING_MAIL_LATE;
	rest.registrar = (struct registrar *)&registrar;
	registrar.owes_to = rig->node.fanout.mailboxes[1];
	registrar.owes = &late->mail;
	assert_true(rest_reach(&rest, LIMIT_MS, busy));
	assert_true(watch.us >= REST_ANSWER_MS * 1000);
	assert_true(watch.us < (LIMIT_MS - 100) * 1000);
	assert_true(registrar.late_turns > 0);
	assert_true(registrar.turns > registrar.late_turns);
	assert_int_equal(unanswered->count, 0);
	expect_packet(a, PACKET_ANSWER);
}

/* --- what does not come to rest ----------------------------------------------------------------
 */

static void test_who_is_busy_is_named(void **state)
{
	struct rig *rig = *state;
	struct watch watch;
	char busy[REST_BUSY_MAX];
	struct client *a = v1_login(rig, 1, "a");
	struct unanswered *unanswered = &rig->workers[1].sessions.unanswered;
	assert_int_equal(unanswered_take(unanswered, a->handle, UNANSWERED_REQUEST), 0);
	struct rest rest = rest_of(rig, &watch);
	assert_false(rest_reach(&rest, LIMIT_MS, busy));
	assert_non_null(strstr(busy, "worker-1: requests of users"));
	assert_true(watch.us >= LIMIT_MS * 1000);
	rest = rest_of(rig, &watch);
	unanswered_give_back(unanswered, a->handle, UNANSWERED_REQUEST);
	rest.registrar = (struct registrar *)&registrar;
	registrar.busy_turns = UINT32_MAX;
	assert_false(rest_reach(&rest, LIMIT_MS, busy));
	assert_string_equal(busy, "registrar: answers of other nodes");
	rest = rest_of(rig, &watch);
	late_takes = 1000000;
	assert_false(rest_reach(&rest, LIMIT_MS, busy));
	assert_non_null(strstr(busy, "one makes for another"));
	late_takes = 0;
	reach(rig);
}

/* --- time --------------------------------------------------------------------------------------
 */

/* While nobody reads nobody is too late, and who has said something by then is heard first. */
static void test_no_deadline_acts_before_all_is_read(void **state)
{
	struct rig *rig = *state;
	struct client *speaks = rig_login(rig, 0, "speaks");
	struct client *silent = rig_login(rig, 0, "silent");
	client_packet(speaks, PACKET_PING, NULL, 0);
	rig_pass(rig, loop_ticks(rig->config.read_deadline * 1000) + 3);
	reach(rig);
	expect_nothing(silent);
	serving_hold_deadlines(&rig->workers[0]);
	/* The first turn reads, and nothing more. */
	assert_true(rig_turn(rig, 0));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 0);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 1);
	assert_non_null(client_conn(rig, speaks));
	expect_close(silent, 3008, "i/o timeout");
}

/* A wait tells of so many at a time: deadlines wait for all of them. */
static void test_deadlines_wait_for_a_wait_that_was_not_full(void **state)
{
	struct rig *rig = *state;
	enum {
		SPEAKERS = 12
	};
	char name[8];
	struct client *speakers[SPEAKERS];
	for (int i = 0; i < SPEAKERS; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		speakers[i] = rig_login(rig, 0, name);
	}
	for (int i = 0; i < SPEAKERS; i++) {
		client_packet(speakers[i], PACKET_PING, NULL, 0);
	}
	rig_pass(rig, loop_ticks(rig->config.read_deadline * 1000) + 3);
	rig->loops[0].capacity = 4;
	/* Some of an earlier wait are left as well. */
	rig->workers[0].event_at = 0;
	rig->workers[0].event_count = rig_wait(rig, 0);
	assert_int_equal(rig->workers[0].event_count, 4);
	serving_hold_deadlines(&rig->workers[0]);
	rig_run(rig);
	assert_int_equal(rig->workers[0].holds_deadlines, 0);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 0);
	for (int i = 0; i < SPEAKERS; i++) {
		expect_frame(speakers[i], FRAME_BINARY, "\0\x65\0\0\0\0", 6);
	}
	rig->loops[0].capacity = 256;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_CASE(test_nothing_in_hand, 2),
		RIG_CASE(test_what_was_said_reaches_all, 2),
		RIG_CASE(test_nobody_is_read_from, 2),
		RIG_CASE(test_events_stay, 2),
		RIG_CASE(test_one_thing_makes_another, 2),
		RIG_CASE(test_rooms_are_told_their_numbers_at_once, 2),
		RIG_CASE(test_mail_that_is_half_posted, 2),
		RIG_CASE(test_the_registrar_has_its_turns, 2),
		RIG_CASE(test_answers_are_given_up, 2),
		RIG_CASE(test_who_is_busy_is_named, 2),
		RIG_CASE(test_no_deadline_acts_before_all_is_read, 1),
		RIG_CASE(test_deadlines_wait_for_a_wait_that_was_not_full, 1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
