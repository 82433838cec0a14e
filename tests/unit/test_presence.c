#include "../../server/session/presence.h"
#include "no_memory.h"
#include "talk_rig.h"

enum {
	MAIL_PRESENCE = 77,
	MAIL_ROOM,
	MAIL_BACK,
};

/* The registrar's place. */
static struct mailbox *mailbox;
static int setup(void **state)
{
	rig_setup(state);
	struct rig *rig = *state;
	assert_int_equal(mailbox_create(&mailbox), 0);
	rig->node.presence.mailbox = mailbox;
	rig->node.presence.kind = MAIL_PRESENCE;
	rig->node.presence.room_kind = MAIL_ROOM;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		rig->workers[i].sessions.presences.target = &rig->node.presence;
	}
	return 0;
}

/* Takes the next item, which is of that kind. */
static struct mail *take(uint32_t kind)
{
	struct mail *mail;
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_MAIL);
	assert_int_equal(mail->kind, kind);
	return mail;
}

static void expect_no_mail(void)
{
	struct mail *mail;
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
}

static int teardown(void **state)
{
	struct mail *mail;
	rig_teardown(state);
	while (mailbox_take(mailbox, &mail) == MAILBOX_MAIL) {
		if (mail->kind == MAIL_PRESENCE) {
			struct presence *first = presence_of(mail);
			presence_free(&first);
		} else {
			free(mail);
		}
	}
	mailbox_destroy(&mailbox);
	return 0;
}

static struct presence *take_presence(void)
{
	return presence_of(take(MAIL_PRESENCE));
}

/* Of the first of a chain, which is dropped. */
static uint64_t expect(struct presence **presence, enum presence_change change, const char *user,
	const char *device)
{
	struct presence *first = *presence;
	assert_non_null(first);
	assert_int_equal(first->change, change);
	assert_slice(presence_user(first), user);
	assert_slice(presence_device(first), device);
	const uint64_t epoch = first->epoch;
	assert_true(epoch > 0);
	*presence = first->next;
	free(first);
	return epoch;
}

/* --- logins ------------------------------------------------------------------------------------
 */

static void test_who_comes_and_goes_is_told(void **state)
{
	struct rig *rig = *state;
	struct client *alice = v1_ask(rig, 0, "alice", "phone");
	client_conn(rig, alice)->remote = (struct remote){.port = 7, .is_inet = true};
	rig_run(rig);
	struct presence *came = take_presence();
	assert_true(came->speaks_v1);
	assert_false(came->replaces);
	assert_true(came->remote.is_inet && came->remote.port == 7);
	assert_int_equal(came->handle, alice->handle);
	const uint64_t epoch = expect(&came, PRESENCE_CAME, "alice", "phone");
	assert_null(came);
	client_leave(alice);
	rig_run(rig);
	struct presence *gone = take_presence();
	assert_int_equal(gone->reason, CLOSE_REASON_PEER_EOF);
	assert_true(gone->remote.is_inet && gone->remote.port == 7);
	assert_int_equal(expect(&gone, PRESENCE_GONE, "alice", "phone"), epoch);
	assert_null(gone);
	expect_no_mail();
}

static void test_a_turn_is_one_item(void **state)
{
	struct rig *rig = *state;
	static const char *const users[] = {"a", "b", "c"};
	for (int i = 0; i < 3; i++) {
		char target[32];
		snprintf(target, sizeof(target), "/?user=%s", users[i]);
		client_request(rig_connect(rig, 0, 0, false), target);
	}
	rig_run(rig);
	struct presence *came = take_presence();
	uint32_t count = 0;
	for (const struct presence *at = came; at; at = at->next) {
		count++;
	}
	assert_int_equal(count, 3);
	expect_no_mail();
	presence_free(&came);
	assert_null(came);
}

/* What was refused was never here. */
static void test_a_refused_login_is_not_told(void **state)
{
	struct rig *rig = *state;
	client_request(rig_connect(rig, 0, 0, false), "/?user=");
	rig_run(rig);
	expect_no_mail();
}

static void test_a_newer_login_says_that_it_replaces(void **state)
{
	struct rig *rig = *state;
	for (uint32_t worker = 0; worker < 2; worker++) {
		struct client *old = rig_login(rig, 0, "a");
		struct presence *came = take_presence();
		const uint64_t epoch = expect(&came, PRESENCE_CAME, "a", "");
		struct client *fresh = rig_login(rig, worker, "a");
		came = take_presence();
		assert_true(came->replaces);
		assert_true(expect(&came, PRESENCE_CAME, "a", "") > epoch);
		assert_null(came);
		/* Of its end nothing is told. */
		rig_run(rig);
		expect_close(old, 4001, "kicked");
		expect_no_mail();
		client_leave(fresh);
		rig_run(rig);
		struct presence *gone = take_presence();
		expect(&gone, PRESENCE_GONE, "a", "");
	}
}

/* Who has to go for a device more has gone, of which nobody else would tell. */
static void test_another_device_is_displaced(void **state)
{
	struct rig *rig = *state;
	static const char *const devices[] = {"1", "2", "3", "4"};
	uint64_t first_epoch = 0;
	for (int i = 0; i < RIG_DEVICES; i++) {
		v1_login_device(rig, (uint32_t)i % 2, "a", devices[i]);
		struct presence *came = take_presence();
		uint64_t epoch = expect(&came, PRESENCE_CAME, "a", devices[i]);
		first_epoch = i == 0 ? epoch : first_epoch;
	}
	v1_login_device(rig, 1, "a", "5");
	struct presence *told = take_presence();
	assert_int_equal(told->reason, CLOSE_REASON_KICKED);
	assert_int_equal(expect(&told, PRESENCE_GONE, "a", "1"), first_epoch);
	assert_false(told->replaces);
	expect(&told, PRESENCE_CAME, "a", "5");
	assert_null(told);
	expect_no_mail();
}

/* As a node is told that does for a login elsewhere what the user table does for one here. */
static void test_a_kick_by_order(void **state)
{
	struct rig *rig = *state;
	struct mail *mail;
	struct client *alice = rig_login(rig, 1, "alice");
	struct presence *told = take_presence();
	const uint64_t epoch = expect(&told, PRESENCE_CAME, "alice", "");
	struct order order = {.back = mailbox,
		.back_kind = MAIL_BACK,
		.action = ORDER_KICK,
		.handle = alice->handle};
	orders_carry_out(&rig->workers[1].orders, &order);
	mail = take(MAIL_BACK);
	assert_ptr_equal(order_of(mail), &order);
	assert_int_equal(order.result, ORDER_DONE);
	assert_int_equal(stats_read(&rig->workers[1].stats.kicks), 1);
	rig_run(rig);
	expect_close(alice, 4001, "kicked");
	told = take_presence();
	assert_int_equal(told->reason, CLOSE_REASON_KICKED);
	assert_int_equal(expect(&told, PRESENCE_GONE, "alice", ""), epoch);
	/* There is nobody to be kicked any more. */
	orders_carry_out(&rig->workers[1].orders, &order);
	take(MAIL_BACK);
	assert_int_equal(order.result, ORDER_GONE);
	assert_int_equal(stats_read(&rig->workers[1].stats.kicks), 1);
}

/* The table tells the epochs that were told. */
static void test_the_table_knows_the_epoch(void **state)
{
	struct rig *rig = *state;
	struct user_device devices[USER_SESSIONS_MAX];
	v1_login_device(rig, 0, "a", "x");
	struct presence *told = take_presence();
	const uint64_t epoch = expect(&told, PRESENCE_CAME, "a", "x");
	v1_login_device(rig, 1, "a", "y");
	told = take_presence();
	const uint64_t later = expect(&told, PRESENCE_CAME, "a", "y");
	assert_int_equal(user_table_devices(rig->node.users, "a", 1, devices), 2);
	assert_int_equal(devices[0].epoch, epoch);
	assert_int_equal(devices[1].epoch, later);
}

static void test_what_there_is_no_memory_for_is_lost(void **state)
{
	struct rig *rig = *state;
	struct sessions *sessions = &rig->workers[0].sessions;
	struct client *alice = rig_login(rig, 0, "alice");
	struct presence *told = take_presence();
	expect(&told, PRESENCE_CAME, "alice", "");
	const struct conn *conn = client_conn(rig, alice);
	has_no_memory = true;
	presence_came(&sessions->presences, conn->user, 1, &conn->remote, false);
	struct presence *gone = presence_leaving(
		&sessions->presences, conn->user, &conn->remote, CLOSE_REASON_PEER_EOF);
	has_no_memory = false;
	assert_null(gone);
	presence_left(&sessions->presences, gone, true);
	presence_post(&sessions->presences);
	expect_no_mail();
	assert_true(rig->node.presence.is_lost);
	assert_false(rig->node.presence.is_room_lost);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static void expect_room(struct rig *rig, const char *name)
{
	struct presence_of_room *changed = (struct presence_of_room *)take(MAIL_ROOM);
	const struct slice its = {changed->name, changed->name_len};
	assert_slice(its, name);
	assert_int_equal(changed->hash, rooms_hash(rig->node.fanout.rooms, its));
	struct room *room = rooms_find_begin(rig->node.fanout.rooms, its, changed->hash);
	if (room) {
		room_take_look(room);
	}
	rooms_find_end(rig->node.fanout.rooms);
	free(changed);
}

static void drop_presence(void)
{
	struct presence *told = take_presence();
	presence_free(&told);
}

static void test_rooms_that_change_are_told(void **state)
{
	struct rig *rig = *state;
	rig->node.presence.wants_rooms = true;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	drop_presence();
	drop_presence();
	v1_join(rig, a, "r", 1);
	expect_room(rig, "r");
	expect_no_mail();
	/* Until somebody looks it is told once. */
	v1_join(rig, b, "r", 2);
	v1_ask_to_leave(b, 8, "r");
	rig_run(rig);
	v1_expect_answer(b, 8, PACKET_DONE, 1);
	expect_room(rig, "r");
	expect_no_mail();
	/* Who asks to be told who comes, or does so no more, is none more and none less. */
	v1_join_as(rig, a, 1, "r", 1);
	expect_room(rig, "r");
	v1_join_as(rig, a, 1, "r", 1);
	expect_no_mail();
	v1_join_as(rig, a, 0, "r", 1);
	expect_room(rig, "r");
	/* The last one takes it away. */
	v1_ask_to_leave(a, 9, "r");
	rig_run(rig);
	v1_expect_answer(a, 9, PACKET_DONE, 0);
	expect_room(rig, "r");
	expect_no_mail();
}

/* A second session of a user changes nothing. */
static void test_a_room_counts_users(void **state)
{
	struct rig *rig = *state;
	rig->node.presence.wants_rooms = true;
	struct client *first = v1_login_device(rig, 0, "a", "1");
	struct client *second = v1_login_device(rig, 1, "a", "2");
	drop_presence();
	drop_presence();
	v1_join(rig, first, "r", 1);
	expect_room(rig, "r");
	v1_join(rig, second, "r", 1);
	expect_no_mail();
	client_leave(second);
	rig_run(rig);
	drop_presence();
	expect_no_mail();
	client_leave(first);
	rig_run(rig);
	expect_room(rig, "r");
	drop_presence();
	expect_no_mail();
}

static void test_rooms_are_not_told_without_a_cluster(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	drop_presence();
	v1_join(rig, a, "r", 1);
	expect_no_mail();
}

static void test_a_room_that_is_lost(void **state)
{
	struct rig *rig = *state;
	rig->node.presence.wants_rooms = true;
	struct presences *presences = &rig->workers[0].sessions.presences;
	has_no_memory = true;
	presence_room(presences, slice_of("r"), 1, NULL);
	has_no_memory = false;
	expect_no_mail();
	assert_true(rig->node.presence.is_room_lost);
	assert_false(rig->node.presence.is_lost);
}

#define CASE(name) RIG_CASE_WITH(name, setup, teardown, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_who_comes_and_goes_is_told),
		CASE(test_a_turn_is_one_item),
		CASE(test_a_refused_login_is_not_told),
		CASE(test_a_newer_login_says_that_it_replaces),
		CASE(test_another_device_is_displaced),
		CASE(test_a_kick_by_order),
		CASE(test_the_table_knows_the_epoch),
		CASE(test_what_there_is_no_memory_for_is_lost),
		CASE(test_rooms_that_change_are_told),
		CASE(test_a_room_counts_users),
		CASE(test_rooms_are_not_told_without_a_cluster),
		CASE(test_a_room_that_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
