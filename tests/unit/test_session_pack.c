#include "../../server/session/session_pack.h"

#include "../../server/conn/conn_extra.h"
#include "../../server/fanout/memberships.h"
#include "../../server/session/echo.h"
#include "../../server/session/identity/rights.h"
#include "../../server/session/session_token.h"
#include "talk_rig.h"

enum {
	GIVER_WORKERS = 2,
	TAKER_WORKERS = 2,
	MAIL_PRESENCE = 77,
};

/* Two processes in one: their threads are this one. */
struct pair {
	struct rig giver;
	struct rig taker;
};

static int setup(void **state)
{
	struct pair *pair = malloc(sizeof(*pair));
	assert_non_null(pair);
	rig_init(&pair->giver, GIVER_WORKERS);
	user_table_thread_end(); /* once is enough */
	rig_init(&pair->taker, TAKER_WORKERS);
	*state = pair;
	return 0;
}

/* Checks in both that every account is back at zero. */
static int teardown(void **state)
{
	struct pair *pair = *state;
	rig_finish(&pair->taker);
	user_table_thread_begin();
	rig_finish(&pair->giver);
	free(pair);
	return 0;
}

/* --- moving ------------------------------------------------------------------------------------
 */

static struct sessions *sessions_of(struct rig *rig, uint32_t worker)
{
	return &rig->workers[worker].sessions;
}

static void pack_of(struct pair *pair, struct client *client, struct pack *pack)
{
	session_pack(
		sessions_of(&pair->giver, client->worker), client_conn(&pair->giver, client), pack);
	assert_false(pack->failed);
}

/* A connection that is live, as conn_adopt makes it. */
static struct client *adopt(struct pair *pair, uint32_t worker)
{
	struct client *client = rig_connect(&pair->taker, worker, 0, false);
	client_conn(&pair->taker, client)->state = CONN_LIVE;
	return client;
}

static int unpack_len(struct pair *pair, struct client *client, const struct pack *pack, size_t len)
{
	struct unpack unpack = unpack_of(pack->bytes, len);
	int err = session_unpack(sessions_of(&pair->taker, client->worker),
		client_conn(&pair->taker, client), &unpack);
	assert_true(err || unpack_is_over(&unpack));
	return err;
}

/* The session is with the taker, and with the giver too. */
static struct client *copy(struct pair *pair, struct client *client, uint32_t worker)
{
	struct pack pack = PACK_EMPTY;
	struct client *moved = adopt(pair, worker);
	pack_of(pair, client, &pack);
	assert_int_equal(unpack_len(pair, moved, &pack, pack.len), 0);
	pack_finish(&pack);
	return moved;
}

/* And then with the taker alone. */
static void release(struct pair *pair, struct client *client)
{
	session_abandon(
		sessions_of(&pair->giver, client->worker), client_conn(&pair->giver, client));
}

static struct client *move(struct pair *pair, struct client *client, uint32_t worker)
{
	struct client *moved = copy(pair, client, worker);
	release(pair, client);
	return moved;
}

/* --- who they are ------------------------------------------------------------------------------
 */

static void test_users_go_on_talking(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(&pair->giver, 0, "a");
	struct client *b = rig_login(&pair->giver, 1, "b");
	a = move(pair, a, 1);
	b = move(pair, b, 0);
	rig_run(&pair->taker);
	/* No greeting, nothing of who came. */
	expect_nothing(a);
	expect_nothing(b);
	client_text(a, "hello");
	rig_run(&pair->taker);
	expect_text(b, "hello -- FROM a");
	expect_nothing(a);
	client_leave(a);
	rig_run(&pair->taker);
	assert_int_equal(user_table_count(pair->taker.node.users), 1);
}

static void test_a_newer_login_replaces_it(void **state)
{
	struct pair *pair = *state;
	struct client *a = move(pair, v1_login_device(&pair->giver, 0, "a", "phone"), 0);
	struct conn *conn = client_conn(&pair->taker, a);
	assert_true(conn->flags & CONN_V1);
	struct client *other = v1_login_device(&pair->taker, 1, "a", "desk");
	expect_nothing(a);
	struct client *newer = v1_login_device(&pair->taker, 1, "a", "phone");
	expect_close(a, 4001, "kicked");
	expect_nothing(other);
	expect_nothing(newer);
}

static void test_only_what_there_is_now_is_counted(void **state)
{
	struct pair *pair = *state;
	struct client *a = v1_login(&pair->giver, 0, "a");
	v1_join(&pair->giver, a, "lobby", 1);
	a = move(pair, a, 1);
	const struct stats *stats = &pair->taker.workers[1].stats;
	assert_int_equal(stats->sessions, 1);
	assert_int_equal(stats->memberships, 1);
	assert_int_equal(stats->room_users.sum, 1);
	assert_int_equal(stats->logins, 0);
	assert_int_equal(stats->answers, 0);
	assert_int_equal(pair->taker.node.fanout.gauges[1].receivers, 1);
	assert_int_equal(pair->taker.node.fanout.gauges[0].receivers, 0);
	assert_int_equal(user_table_count(pair->taker.node.users), 1);
	assert_int_equal(rooms_count(pair->taker.node.fanout.rooms), 1);
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static void test_rooms_are_as_they_were(void **state)
{
	struct pair *pair = *state;
	struct client *told = v1_login(&pair->giver, 0, "told");
	struct client *other = v1_login(&pair->giver, 1, "other");
	v1_join_as(&pair->giver, told, JOIN_TELL_MEMBERS, "lobby", 1);
	v1_join(&pair->giver, other, "lobby", 2);
	v1_expect_members(told, "lobby", 2, MEMBERS_CAME, "other");
	v1_join(&pair->giver, told, "attic", 1);
	told = move(pair, told, 0);
	other = move(pair, other, 0);
	rig_run(&pair->taker);
	expect_nothing(told);
	expect_nothing(other);
	v1_say(other, 3, "#lobby", "hello");
	rig_run(&pair->taker);
	v1_expect_answer(other, 3, PACKET_DONE, 1);
	v1_expect_message(told, "other", "#lobby", "hello");
	/* Whoever has asked for it hears of a third, and nobody else. */
	struct client *third = v1_login(&pair->taker, 1, "third");
	v1_join(&pair->taker, third, "lobby", 3);
	v1_expect_members(told, "lobby", 3, MEMBERS_CAME, "third");
	v1_ask_to_leave(told, 4, "attic");
	v1_ask_to_leave(other, 5, "attic");
	rig_run(&pair->taker);
	v1_expect_answer(told, 4, PACKET_DONE, 0);
	v1_expect_answer(other, 5, PACKET_NOT_A_MEMBER, 0);
	expect_nothing(told);
	expect_nothing(third);
}

/* What was told last is known: a look that finds the same number tells nobody. */
static void test_a_number_is_not_told_twice(void **state)
{
	struct pair *pair = *state;
	struct client *told = v1_login(&pair->giver, 0, "told");
	struct client *other = v1_login(&pair->giver, 1, "other");
	v1_join_as(&pair->giver, told, JOIN_TELL_MEMBERS, "lobby", 1);
	v1_join(&pair->giver, other, "lobby", 2);
	told = move(pair, told, 0);
	move(pair, other, 1);
	struct room *room = memberships_room(client_conn(&pair->taker, told), 0);
	assert_int_equal(room_told_number(room), 2);
	assert_int_equal(room_told(room), 1);
	struct say *say = &sessions_of(&pair->taker, 0)->say;
	telling_check(&say->telling, room, fanout_now_tick(say->fanout));
	assert_false(telling_has_due(&say->telling));
}

static void test_a_limit_does_not_put_out_who_is_in(void **state)
{
	struct pair *pair = *state;
	struct client *a = v1_login(&pair->giver, 0, "a");
	v1_join(&pair->giver, a, "lobby", 1);
	v1_join(&pair->giver, a, "attic", 1);
	rooms_set_limit(pair->taker.node.fanout.rooms, 0);
	pair->taker.workers[0].sessions.rooms_max = 1;
	a = move(pair, a, 0);
	assert_int_equal(memberships_count(client_conn(&pair->taker, a)), 2);
	v1_ask_to_join(a, 1, 0, "cellar");
	rig_run(&pair->taker);
	v1_expect_answer(a, 1, PACKET_TOO_MANY_ROOMS, 0);
}

/* --- rights ------------------------------------------------------------------------------------
 */

static void test_rights_stay(void **state)
{
	struct pair *pair = *state;
	struct client *a = v1_login(&pair->giver, 0, "a");
	struct conn *conn = client_conn(&pair->giver, a);
	json_t *tg = json_loads("{\"join\": [\"lobby\"], \"request\": true}", 0, NULL);
	assert_int_equal(conn_extra_make(conn), 0);
	assert_int_equal(rights_read(pair->giver.node.rights, tg, &conn->extra->rights), 0);
	json_decref(tg);
	a = move(pair, a, 1);
	const struct rights *rights = session_rights(client_conn(&pair->taker, a));
	assert_non_null(rights);
	assert_true(rights_may_join(rights, SLICE("lobby")));
	assert_false(rights_may_join(rights, SLICE("attic")));
	assert_true(rights_may_request(rights));
	assert_int_equal(rights_table_count(pair->giver.node.rights), 0);
	assert_int_equal(rights_table_count(pair->taker.node.rights), 1);
}

/* --- fewer devices -----------------------------------------------------------------------------
 */

/* A taker where a user may have one session. */
static int setup_one_device(void **state)
{
	setup(state);
	struct pair *pair = *state;
	struct node *node = &pair->taker.node;
	user_table_destroy(&node->users);
	assert_int_equal(user_table_create(16, 1, NULL, &node->users), 0);
	node->fanout.users = node->users;
	for (uint32_t i = 0; i < TAKER_WORKERS; i++) {
		pair->taker.workers[i].sessions.users = node->users;
		pair->taker.workers[i].orders.users = node->users;
	}
	return 0;
}

static void test_a_surplus_ends_as_a_kick_does(void **state)
{
	struct pair *pair = *state;
	struct mailbox *mailbox;
	struct mail *mail;
	assert_int_equal(mailbox_create(&mailbox), 0);
	pair->taker.node.presence.mailbox = mailbox;
	pair->taker.node.presence.kind = MAIL_PRESENCE;
	for (uint32_t i = 0; i < TAKER_WORKERS; i++) {
		sessions_of(&pair->taker, i)->presences.target = &pair->taker.node.presence;
	}
	struct client *phone = v1_login_device(&pair->giver, 0, "a", "phone");
	struct client *desk = v1_login_device(&pair->giver, 1, "a", "desk");
	v1_join(&pair->giver, phone, "lobby", 1);
	phone = move(pair, phone, 1);
	desk = move(pair, desk, 0);
	/* Nothing is sent before its time. */
	expect_nothing(phone);
	rig_run(&pair->taker);
	expect_close(phone, 4001, "kicked");
	expect_nothing(desk);
	assert_int_equal(rig_ends(&pair->taker, CLOSE_REASON_KICKED), 1);
	assert_int_equal(rooms_count(pair->taker.node.fanout.rooms), 0);
	/* Of the two who came nothing is told, of the one that goes it is. */
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_MAIL);
	struct presence *presence = presence_of(mail);
	assert_int_equal(presence->change, PRESENCE_GONE);
	assert_int_equal(presence->reason, CLOSE_REASON_KICKED);
	assert_slice(presence_device(presence), "phone");
	assert_null(presence->next);
	presence_free(&presence);
	assert_int_equal(mailbox_take(mailbox, &mail), MAILBOX_EMPTY);
	for (uint32_t i = 0; i < TAKER_WORKERS; i++) {
		sessions_of(&pair->taker, i)->presences.target = NULL;
	}
	mailbox_destroy(&mailbox);
}

/* --- the giver ---------------------------------------------------------------------------------
 */

static void test_the_giver_forgets_without_a_word(void **state)
{
	struct pair *pair = *state;
	struct node *node = &pair->giver.node;
	struct client *told = v1_login(&pair->giver, 0, "told");
	struct client *other = v1_login(&pair->giver, 0, "other");
	struct client *closing = v1_login(&pair->giver, 1, "closing");
	struct client *newer = v1_login(&pair->giver, 0, "closing");
	v1_join_as(&pair->giver, told, JOIN_TELL_MEMBERS, "lobby", 1);
	v1_join(&pair->giver, other, "lobby", 2);
	v1_expect_members(told, "lobby", 2, MEMBERS_CAME, "other");
	assert_int_equal(client_conn(&pair->giver, closing)->state, CONN_CLOSING);
	release(pair, newer);
	release(pair, other);
	release(pair, told);
	release(pair, told); /* twice is fine */
	assert_int_equal(user_table_count(node->users), 0);
	assert_int_equal(rooms_count(node->fanout.rooms), 0);
	assert_int_equal(node->fanout.gauges[0].receivers, 0);
	assert_int_equal(pair->giver.workers[0].stats.memberships, 0);
	rig_run(&pair->giver);
	expect_nothing(told);
	expect_nothing(other);
	/* Whoever is closing ends as ever. */
	expect_close(closing, 4001, "kicked");
	client_send(closing, FRAME_CLOSE, "\x0f\xa1", 2);
	rig_run(&pair->giver);
	assert_null(client_conn(&pair->giver, closing));
}

/* A session that others wait for is waited for no more. */
static void test_one_that_lags_is_forgotten(void **state)
{
	struct pair *pair = *state;
	char text[4096];
	struct client *slow = rig_connect(&pair->giver, 0, 4096, false);
	client_request(slow, "/?user=slow");
	struct client *talker = rig_login(&pair->giver, 1, "talker");
	memset(text, 'x', sizeof(text));
	slow->deaf = true;
	struct conn *conn = client_conn(&pair->giver, slow);
	for (int i = 0; !(conn->flags & CONN_LAGS); i++) {
		assert_in_range(i, 0, 1000);
		client_send(talker, FRAME_TEXT, text, sizeof(text));
		rig_run(&pair->giver);
	}
	assert_true(fanout_node_user_lags(&pair->giver.node.fanout, conn->user_hash));
	release(pair, slow);
	assert_false(fanout_node_user_lags(&pair->giver.node.fanout, conn->user_hash));
	release(pair, talker);
}

/* The giver goes on if nothing comes of it: nothing has changed there. */
static void test_writing_changes_nothing(void **state)
{
	struct pair *pair = *state;
	struct client *a = v1_login(&pair->giver, 0, "a");
	struct client *b = v1_login(&pair->giver, 1, "b");
	v1_join(&pair->giver, a, "lobby", 1);
	v1_join(&pair->giver, b, "lobby", 2);
	copy(pair, a, 0);
	copy(pair, b, 1);
	v1_say(a, 1, "#lobby", "still here");
	rig_run(&pair->giver);
	v1_expect_message(b, "a", "#lobby", "still here");
	v1_expect_answer(a, 1, PACKET_DONE, 1);
}

/* --- what makes no sense -----------------------------------------------------------------------
 */

static void expect_refused(
	struct pair *pair, struct client *client, const struct pack *pack, size_t len)
{
	const struct node *node = &pair->taker.node;
	const struct conn *conn = client_conn(&pair->taker, client);
	assert_int_equal(unpack_len(pair, client, pack, len), -EINVAL);
	assert_null(conn->user);
	assert_null(session_rights(conn));
	assert_int_equal(user_table_count(node->users), 0);
	assert_int_equal(rooms_count(node->fanout.rooms), 0);
	assert_int_equal(node->fanout.gauges[0].receivers, 0);
	assert_int_equal(pair->taker.workers[0].stats.sessions, 0);
}

static void test_half_a_session_is_none(void **state)
{
	struct pair *pair = *state;
	struct client *a = v1_login(&pair->giver, 0, "a");
	struct pack pack = PACK_EMPTY;
	v1_join(&pair->giver, a, "lobby", 1);
	v1_join(&pair->giver, a, "attic", 1);
	pack_of(pair, a, &pack);
	struct client *client = adopt(pair, 0);
	for (size_t len = 0; len < pack.len; len++) {
		expect_refused(pair, client, &pack, len);
	}
	/* The same room twice. */
	uint8_t *lobby = memmem(pack.bytes, pack.len, "lobby", 5);
	uint8_t *attic = memmem(pack.bytes, pack.len, "attic", 5);
	assert_non_null(lobby);
	assert_non_null(attic);
	memcpy(attic, lobby, 5);
	expect_refused(pair, client, &pack, pack.len);
	memcpy(attic, "a\nxxx", 5);
	expect_refused(pair, client, &pack, pack.len);
	memcpy(attic, "attic", 5);
	assert_int_equal(unpack_len(pair, client, &pack, pack.len), 0);
	pack_finish(&pack);
}

/* Who was live without a user can be no user's here. */
static void test_an_echo_is_no_session(void **state)
{
	struct pair *pair = *state;
	struct client *a = rig_login(&pair->giver, 0, "a");
	struct client *client = adopt(pair, 0);
	struct pack pack = PACK_EMPTY;
	pack_u8(&pack, false);
	expect_refused(pair, client, &pack, pack.len);
	pack_cut(&pack, 0);
	pack_of(pair, a, &pack);
	struct conns *conns = rig_conns(&pair->taker, 0);
	conns->ops = &echo_ops;
	expect_refused(pair, client, &pack, pack.len);
	pack_cut(&pack, 0);
	pack_u8(&pack, false);
	assert_int_equal(unpack_len(pair, client, &pack, pack.len), 0);
	pack_finish(&pack);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_users_go_on_talking),
		TEST(test_a_newer_login_replaces_it),
		TEST(test_only_what_there_is_now_is_counted),
		TEST(test_rooms_are_as_they_were),
		TEST(test_a_number_is_not_told_twice),
		TEST(test_a_limit_does_not_put_out_who_is_in),
		TEST(test_rights_stay),
		cmocka_unit_test_setup_teardown(
			test_a_surplus_ends_as_a_kick_does, setup_one_device, teardown),
		TEST(test_the_giver_forgets_without_a_word),
		TEST(test_one_that_lags_is_forgotten),
		TEST(test_writing_changes_nothing),
		TEST(test_half_a_session_is_none),
		TEST(test_an_echo_is_no_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
