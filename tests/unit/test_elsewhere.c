#include "mesh_rig.h"

/* --- who elsewhere wants it --------------------------------------------------------------------
 */

static bool has_mail(struct mesh_node *node)
{
	struct mail *mail;
	if (mailbox_take(node->elsewhere.mailbox, &mail) != MAILBOX_MAIL) {
		return false;
	}
	fail_msg("node %d has mail of kind %u", node->id, mail->kind);
	return true;
}

/* What nobody elsewhere wants does not leave the workers. */
static void test_nobody_elsewhere(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 0, 1, "b", "");
	mesh_join(mesh, 0, a, JOIN_TELL_MEMBERS, "room", 1);
	mesh_join(mesh, 0, b, 0, "room", 2);
	v1_expect_members(a, "room", 2, MEMBERS_CAME, "b");
	client_text(a, "all");
	v1_say(a, 1, "@b", "b");
	v1_say(a, 2, "#room", "room");
	rig_run(&node->rig);
	assert_false(has_mail(node));
	assert_int_equal(node->elsewhere.egress, 0);
	expect_text(b, "all -- FROM a");
	v1_expect_message(b, "a", "@b", "b");
	v1_expect_message(b, "a", "#room", "room");
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	mesh_destroy(mesh);
	(void)state;
}

static void test_to_everybody(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *here = mesh_login(mesh, 0, 1, "here", "");
	struct client *there = mesh_login(mesh, 1, 1, "there", "");
	struct client *classic = mesh_login_classic(mesh, 2, 0, "classic");
	struct client *a2 = mesh_login(mesh, 1, 0, "a", "phone");
	client_text(a, "one");
	client_packet(a, PACKET_TEXT, "two", 3);
	v1_say(a, 3, "", "three");
	mesh_run(mesh);
	/* Three, and of them two on other nodes, as far as that is known: who else of hers is
	 * there is not. */
	v1_expect_answer(a, 3, PACKET_DONE, 4);
	struct client *others[] = {here, there, classic};
	for (int i = 0; i < 3; i++) {
		expect_text(others[i], "one -- FROM a");
		struct packet packet = expect_packet(others[i], PACKET_TEXT);
		assert_int_equal(packet.payload_len, strlen("two -- FROM a"));
		expect_text(others[i], "three -- FROM a");
		expect_nothing(others[i]);
	}
	expect_nothing(a);
	expect_nothing(a2);
	/* Once for all nodes; and what came from there is not sent once more. */
	assert_int_equal(mesh->nodes[0].sends_to_all, 1);
	assert_int_equal(mesh->nodes[0].sends_to_node, 0);
	assert_int_equal(mesh->nodes[1].sends_to_all, 0);
	assert_int_equal(mesh->nodes[2].sends_to_all, 0);
	mesh_destroy(mesh);
	(void)state;
}

/* What a backend says goes to each node by its own way. */
static void test_announcements_stay(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *here = mesh_login(mesh, 0, 0, "here", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	mesh_join(mesh, 0, here, 0, "room", 1);
	mesh_join(mesh, 1, there, 0, "room", 2);
	uint64_t receivers;
	struct say_reached reached;
	struct serving *worker = &node->rig.workers[0];
	assert_int_equal(
		fanout_announce(worker->fanout, FRAME_TEXT, (const uint8_t *)"hear", 4, &receivers),
		0);
	assert_int_equal(receivers, 1);
	assert_int_equal(say_announce(&worker->sessions.say, SLICE("room"), SLICE(""),
				 SLICE("room"), &reached),
		0);
	assert_int_equal(reached.users, 1);
	mesh_run(mesh);
	expect_text(here, "hear");
	v1_expect_message(here, "", "#room", "room");
	expect_nothing(there);
	assert_int_equal(node->sends_to_all + node->sends_to_node, 0);
	mesh_destroy(mesh);
	(void)state;
}

static void test_to_a_room(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *a2 = mesh_login(mesh, 1, 0, "a", "phone");
	struct client *b = mesh_login(mesh, 1, 1, "b", "");
	struct client *out = mesh_login(mesh, 2, 0, "out", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, a2, 0, "room", 2);
	mesh_join(mesh, 1, b, 0, "room", 3);
	mesh_join(mesh, 2, out, 0, "other", 1);
	v1_say(a, 1, "#room", "hi");
	mesh_run(mesh);
	v1_expect_answer(a, 1, PACKET_DONE, 2);
	v1_expect_message(a2, "a", "#room", "hi");
	v1_expect_message(b, "a", "#room", "hi");
	expect_nothing(out);
	expect_nothing(a);
	assert_int_equal(mesh->nodes[0].sends_to_all, 0);
	assert_int_equal(mesh->nodes[0].sends_to_node, 1);
	/* A room of that name that nobody is in any more, though it is still known there. */
	v1_ask_to_leave(b, 0, "room");
	v1_ask_to_leave(a2, 0, "room");
	mesh_run(mesh);
	v1_say(a, 2, "#room", "hello?");
	mesh_run(mesh);
	v1_expect_answer(a, 2, PACKET_DONE, 2);
	expect_nothing(b);
	mesh_sync(mesh);
	v1_say(a, 3, "#room", "hello?");
	mesh_run(mesh);
	v1_expect_answer(a, 3, PACKET_NOBODY_THERE, 0);
	mesh_destroy(mesh);
	(void)state;
}

/* The successor of a session that said something does not hear it, on whatever node he is. */
static void test_not_to_the_same_device(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct client *a = mesh_login(mesh, 0, 0, "a", "phone");
	struct client *again = mesh_login(mesh, 1, 0, "a", "phone");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, again, 0, "room", 2);
	v1_say(a, 1, "#room", "hi");
	mesh_run(mesh);
	expect_nothing(again);
	mesh_destroy(mesh);
	(void)state;
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static void expect_ask(struct mesh *mesh, uint32_t number, uint32_t id, uint32_t sessions)
{
	assert_true(number < mesh->ask_count);
	assert_int_equal(mesh->asks[number].id, id);
	assert_int_equal(mesh->asks[number].waiting, 0);
	assert_int_equal(mesh->asks[number].sessions, sessions);
	assert_int_equal(mesh->asks[number].busy, 0);
}

static void test_to_a_user(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *a2 = mesh_login(mesh, 0, 1, "a", "phone");
	struct client *a3 = mesh_login(mesh, 2, 0, "a", "tablet");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	struct client *b2 = mesh_login(mesh, 1, 1, "b", "phone");
	struct client *out = mesh_login(mesh, 2, 1, "out", "");
	v1_say(a, 5, "@b", "hi");
	mesh_run(mesh);
	v1_expect_message(b, "a", "@b", "hi");
	v1_expect_message(b2, "a", "@b", "hi");
	/* Hers show it too, here and elsewhere. */
	v1_expect_message(a2, "a", "@b", "hi");
	v1_expect_message(a3, "a", "@b", "hi");
	expect_nothing(out);
	/* It is answered when that node has said so. */
	expect_nothing(a);
	expect_ask(mesh, 0, 5, 2);
	assert_true(mesh->asks[0].wants_answer);
	/* Some of his are here, and some elsewhere. */
	struct client *b3 = mesh_login(mesh, 0, 1, "b", "tablet");
	v1_say(a, 6, "@b", "ho");
	mesh_run(mesh);
	v1_expect_message(b3, "a", "@b", "ho");
	v1_expect_message(b, "a", "@b", "ho");
	expect_ask(mesh, 1, 6, 3);
	/* Who is here alone is answered for at once, though hers elsewhere show it. */
	v1_say(b3, 7, "@out", "go");
	v1_say(out, 8, "@out", "to himself");
	mesh_run(mesh);
	expect_ask(mesh, 2, 7, 1);
	v1_expect_answer(out, 8, PACKET_NOBODY_THERE, 0);
	struct client *c = mesh_login(mesh, 0, 0, "c", "");
	v1_say(a, 9, "@c", "see");
	mesh_run(mesh);
	v1_expect_answer(a, 9, PACKET_DONE, 1);
	v1_expect_message(c, "a", "@c", "see");
	v1_expect_message(a3, "a", "@b", "ho");
	v1_expect_message(a3, "a", "@c", "see");
	assert_false(mesh->asks[3].wants_answer);
	mesh_destroy(mesh);
	(void)state;
}

static void test_to_a_classic_user(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login_classic(mesh, 1, 0, "b");
	v1_say(a, 1, "@b", "hi");
	v1_say(a, 2, "@nobody", "hi");
	mesh_run(mesh);
	expect_text(b, "hi -- FROM a");
	expect_ask(mesh, 0, 1, 1);
	v1_expect_answer(a, 2, PACKET_NOBODY_THERE, 0);
	mesh_destroy(mesh);
	(void)state;
}

/* --- order -------------------------------------------------------------------------------------
 */

/* A classic text is a text, all else a 112; both begin with their number. */
static int next_number(struct client *client)
{
	struct seen_frame frame;
	struct packet packet;
	struct message_packet message;
	if (!client_frame(client, &frame)) {
		return -1;
	}
	if (frame.opcode == FRAME_TEXT) {
		return atoi((const char *)frame.data);
	}
	assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
	if (packet.command != PACKET_MESSAGE) {
		return next_number(client);
	}
	assert_int_equal(message_packet_decode(packet.payload, packet.payload_len, &message), 0);
	return atoi(message.text.data);
}

/* Whatever the audiences, and whether they share a turn, or a batch of the egress, or not. */
static void test_one_order_for_all_audiences(void **state)
{
	static const char *const audiences[] = {"", "#room", "@b", "", "", "@b", "#room", "#room",
		"", "#room", "@b", "@b", "#room", ""};
	enum {
		COUNT = sizeof(audiences) / sizeof(audiences[0]),
	};
	struct mesh *mesh = mesh_create(2);
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *other = mesh_login(mesh, 0, 1, "other", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 0, other, 0, "room", 2);
	mesh_join(mesh, 1, b, 0, "room", 3);
	for (int together = 0; together < 2; together++) {
		for (int i = 0; i < COUNT; i++) {
			char text[16];
			snprintf(text, sizeof(text), "%d ", i);
			v1_say(a, 0, audiences[i], text);
			v1_say(other, 0, audiences[(i + 1) % COUNT], "99 ");
			if (!together) {
				mesh_run(mesh);
			}
		}
		mesh_run(mesh);
		int expected = 0;
		int number;
		while ((number = next_number(b)) >= 0) {
			if (number != 99) {
				assert_int_equal(number, expected++);
			}
		}
		assert_int_equal(expected, COUNT);
	}
	mesh_destroy(mesh);
	(void)state;
}

/* --- limits ------------------------------------------------------------------------------------
 */

/* With too much on the way to the registrar, what is for others is lost and counted, and those who
 * are here have it all the same. What is answered is refused. */
static void test_so_much_is_on_its_way(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *here = mesh_login(mesh, 0, 1, "here", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	struct client *a2 = mesh_login(mesh, 1, 1, "a", "phone");
	node->elsewhere.egress_limit = 50;
	client_text(a, "lost");
	v1_say(a, 1, "@there", "hi");
	v1_say(a, 2, "@here", "hi");
	mesh_run(mesh);
	expect_text(here, "lost -- FROM a");
	v1_expect_answer(a, 1, PACKET_BUSY, 0);
	/* Hers elsewhere miss it; that is nothing to refuse it for. */
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	v1_expect_message(here, "a", "@here", "hi");
	expect_nothing(there);
	expect_nothing(a2);
	assert_int_equal(node->elsewhere.egress_lost, 2);
	assert_int_equal(node->elsewhere.egress, 0);
	node->elsewhere.egress_limit = 1 << 20;
	client_text(a, "again");
	mesh_run(mesh);
	expect_text(here, "again -- FROM a");
	expect_text(there, "again -- FROM a");
	mesh_destroy(mesh);
	(void)state;
}

/* What waits for the registrar is in no backlog: nobody is slowed down for it. */
static void test_outside_the_backlog(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *here = mesh_login(mesh, 0, 1, "here", "");
	mesh_login(mesh, 1, 0, "there", "");
	for (int i = 0; i < 100; i++) {
		client_text(a, "a word");
		rig_run(&node->rig);
	}
	assert_int_equal(node->rig.node.fanout.backlog, 0);
	assert_true(node->elsewhere.egress > 0);
	for (int i = 0; i < 100; i++) {
		expect_text(here, "a word -- FROM a");
	}
	mesh_mail(node);
	assert_int_equal(node->elsewhere.egress, 0);
	mesh_destroy(mesh);
	(void)state;
}

/* --- pressure ----------------------------------------------------------------------------------
 */

static void flood(struct mesh *mesh, uint16_t node, struct client *client, const char *audience)
{
	static char text[3001];
	static uint8_t payload[4096];
	memset(text, 'x', sizeof(text) - 1);
	const struct say_packet say = {.audience = slice_of(audience), .text = slice_of(text)};
	for (int i = 0; i < 40; i++) {
		client_packet(client, PACKET_SAY, payload,
			(uint32_t)(say_packet_write(payload, &say) - payload));
		rig_run(&mesh->nodes[node].rig);
		mesh_mail(&mesh->nodes[node]);
	}
}

static bool is_paused(struct mesh_node *node, const struct client *client)
{
	return client_conn(&node->rig, client)->flags & CONN_PAUSED;
}

static void set_pressure(struct mesh_node *node, uint8_t level)
{
	pressure_set_elsewhere(&node->rig.node.fanout, level);
	rig_run(&node->rig);
}

static void test_floods_wait_for_other_nodes(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *to_all = mesh_login(mesh, 0, 0, "to_all", "");
	struct client *to_room = mesh_login(mesh, 0, 0, "to_room", "");
	struct client *to_there = mesh_login(mesh, 0, 1, "to_there", "");
	struct client *to_here = mesh_login(mesh, 0, 0, "to_here", "");
	struct client *talker = mesh_login(mesh, 0, 0, "talker", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	mesh_join(mesh, 0, to_room, 0, "room", 1);
	mesh_join(mesh, 1, there, 0, "room", 2);
	mesh_join(mesh, 0, to_here, 0, "ours", 1);
	mesh_join(mesh, 0, talker, 0, "ours", 2);
	node->elsewhere.egress_limit = SIZE_MAX;
	/* Nobody lags, and others can take it. */
	flood(mesh, 0, to_all, "");
	flood(mesh, 0, to_room, "#room");
	flood(mesh, 0, to_there, "@there");
	flood(mesh, 0, to_here, "#ours");
	assert_false(is_paused(node, to_all));
	set_pressure(node, ELSEWHERE_FULL);
	flood(mesh, 0, to_all, "");
	flood(mesh, 0, to_room, "#room");
	flood(mesh, 0, to_there, "@there");
	flood(mesh, 0, to_here, "#ours");
	assert_true(is_paused(node, to_all));
	assert_true(is_paused(node, to_room));
	assert_true(is_paused(node, to_there));
	assert_false(is_paused(node, to_here));
	uint64_t before = stats_read(&node->rig.workers[0].stats.messages_in);
	client_text(talker, "talk passes");
	mesh_run(mesh);
	assert_int_equal(stats_read(&node->rig.workers[0].stats.messages_in), before + 1);
	/* Not in a new tick either. */
	rig_pass(&node->rig, 1);
	rig_run(&node->rig);
	assert_true(is_paused(node, to_all));
	/* A little in each. */
	set_pressure(node, ELSEWHERE_TIGHT);
	rig_pass(&node->rig, 1);
	before = stats_read(&node->rig.workers[0].stats.messages_in);
	rig_run(&node->rig);
	uint64_t passed = stats_read(&node->rig.workers[0].stats.messages_in) - before;
	assert_in_range(passed, 1, 20);
	assert_true(is_paused(node, to_all));
	/* And on. */
	set_pressure(node, ELSEWHERE_EASY);
	assert_false(is_paused(node, to_all));
	assert_false(is_paused(node, to_room));
	assert_false(is_paused(node, to_there));
	for (int i = 0; i < MESH_NODES; i++) {
		mesh->nodes[i].rig.node.fanout.backlog_limit = SIZE_MAX;
	}
	mesh_run(mesh);
	mesh_destroy(mesh);
	(void)state;
}

/* Who has fed other nodes and does so no more is let go on. */
static void test_a_flood_that_comes_home(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 0, 0, "b", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, there, 0, "room", 2);
	mesh_join(mesh, 0, a, 0, "ours", 1);
	mesh_join(mesh, 0, b, 0, "ours", 2);
	set_pressure(node, ELSEWHERE_TIGHT);
	flood(mesh, 0, a, "#room");
	assert_true(is_paused(node, a));
	for (int tick = 0; tick < 8; tick++) {
		rig_pass(&node->rig, 1);
		rig_run(&node->rig);
	}
	flood(mesh, 0, a, "#ours");
	for (int tick = 0; tick < 8; tick++) {
		rig_pass(&node->rig, 1);
		rig_run(&node->rig);
	}
	set_pressure(node, ELSEWHERE_FULL);
	flood(mesh, 0, a, "#ours");
	assert_false(is_paused(node, a));
	set_pressure(node, ELSEWHERE_EASY);
	mesh_run(mesh);
	mesh_destroy(mesh);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_elsewhere),
		cmocka_unit_test(test_to_everybody),
		cmocka_unit_test(test_announcements_stay),
		cmocka_unit_test(test_to_a_room),
		cmocka_unit_test(test_not_to_the_same_device),
		cmocka_unit_test(test_to_a_user),
		cmocka_unit_test(test_to_a_classic_user),
		cmocka_unit_test(test_one_order_for_all_audiences),
		cmocka_unit_test(test_so_much_is_on_its_way),
		cmocka_unit_test(test_outside_the_backlog),
		cmocka_unit_test(test_floods_wait_for_other_nodes),
		cmocka_unit_test(test_a_flood_that_comes_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
