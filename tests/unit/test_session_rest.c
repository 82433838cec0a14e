#include "../../server/session/session_rest.h"

#include "../../server/session/late.h"
#include "talk_rig.h"

enum {
	MAIL_PRESENCE = 77,
	CROWD = 210, /* users, of whom only their number is told */
	ROUNDS = 3,  /* of last turns, behind which there must be nothing */
};

static struct sessions *sessions_of(struct rig *rig, uint32_t worker)
{
	return &rig->workers[worker].sessions;
}

/* The last turns of all workers, and what is handed out by them. Returns whether nothing is left.
 */
static bool rest(struct rig *rig)
{
	bool is_over = false;
	for (int round = 0; round < ROUNDS; round++) {
		is_over = true;
		for (uint32_t i = 0; i < rig->worker_count; i++) {
			is_over &= !session_rest_step(sessions_of(rig, i));
		}
		rig_run(rig);
		for (uint32_t i = 0; i < rig->worker_count; i++) {
			is_over &= !session_rest_busy(sessions_of(rig, i));
		}
	}
	return is_over;
}

static void test_nothing_to_do(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	assert_null(session_rest_busy(sessions_of(rig, 0)));
	assert_false(session_rest_step(sessions_of(rig, 0)));
	assert_true(rest(rig));
	expect_nothing(a);
}

/* A room whose number was just told, and has become another one. */
static struct client *make_crowd(struct rig *rig)
{
	char name[16];
	struct client *told = v1_login(rig, 0, "told");
	v1_join_as(rig, told, JOIN_TELL_MEMBERS, "arena", 1);
	for (uint32_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		v1_join(rig, v1_login(rig, i % 2, name), "arena", 2 + i);
	}
	rig_run(rig);
	told->in_at = told->in_len;
	return told;
}

static void test_numbers_are_told_at_once(void **state)
{
	struct rig *rig = *state;
	struct client *told = make_crowd(rig);
	struct client *last = v1_login(rig, 1, "last");
	v1_join(rig, last, "arena", CROWD + 2);
	rig_run(rig);
	expect_nothing(told); /* it is to be told in a second */
	assert_true(
		session_rest_busy(sessions_of(rig, 0)) || session_rest_busy(sessions_of(rig, 1)));
	assert_true(rest(rig));
	v1_expect_members(told, "arena", CROWD + 2, MEMBERS_COUNTED, "");
	/* A second look may be due where two workers have told, and says the same. */
	client_pump(told);
	if (told->in_at < told->in_len) {
		v1_expect_members(told, "arena", CROWD + 2, MEMBERS_COUNTED, "");
	}
	expect_nothing(told);
	rig_pass(rig, 40);
	rig_run(rig);
	expect_nothing(told);
}

static void test_whoever_waits_for_others_is_busy(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct sessions *sessions = sessions_of(rig, 0);
	assert_int_equal(unanswered_take(&sessions->unanswered, a->handle, UNANSWERED_ID), 0);
	assert_non_null(session_rest_busy(sessions));
	assert_false(rest(rig));
	/* Its answer comes by mail, as ever. */
	struct late *late = late_said(a->handle, 5, PACKET_UNKNOWN, 0);
	late_post(&late, rig->node.fanout.mailboxes, SERVING_MAIL_LATE);
	assert_true(rest(rig));
	v1_expect_answer(a, 5, PACKET_UNKNOWN, 0);
}

static void test_who_came_is_told_first(void **state)
{
	struct rig *rig = *state;
	struct mailbox *mailbox;
	struct mail *mail;
	assert_int_equal(mailbox_create(&mailbox), 0);
	rig->node.presence.mailbox = mailbox;
	rig->node.presence.kind = MAIL_PRESENCE;
	sessions_of(rig, 0)->presences.target = &rig->node.presence;
	v1_ask(rig, 0, "a", "");
	rig_events(rig, 0);
	assert_non_null(session_rest_busy(sessions_of(rig, 0)));
	assert_true(rest(rig));
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_MAIL);
	struct presence *presence = presence_of(mail);
	assert_int_equal(presence->change, PRESENCE_CAME);
	presence_free(&presence);
	sessions_of(rig, 0)->presences.target = NULL;
	mailbox_destroy(&mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_CASE(test_nothing_to_do, 2),
		RIG_CASE(test_numbers_are_told_at_once, 2),
		RIG_CASE(test_whoever_waits_for_others_is_busy, 2),
		RIG_CASE(test_who_came_is_told_first, 1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
