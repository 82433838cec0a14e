#include "mesh_rig.h"

/* Two nodes would do: the third one is there for what must not come to it. */

static void add_backlog(struct mesh_node *node, size_t bytes)
{
	node->rig.node.fanout.backlog += bytes;
}

static void take_backlog(struct mesh_node *node, size_t bytes)
{
	node->rig.node.fanout.backlog -= bytes;
}

/* Says it on node 0; node 1 gets it, or holds it. */
static void say_there(
	struct mesh *mesh, struct client *client, const char *audience, const char *text)
{
	v1_say(client, 0, audience, text);
	mesh_run(mesh);
}

static void expect_gap(struct client *client, uint32_t batches)
{
	struct gap_packet gap;
	struct packet packet = expect_packet(client, PACKET_GAP);
	assert_int_equal(gap_packet_decode(packet.payload, packet.payload_len, &gap), 0);
	assert_int_equal(gap.batches, batches);
}

/* --- holding back ------------------------------------------------------------------------------
 */

static void test_held_while_it_is_too_much(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[1];
	const size_t over = node->rig.node.fanout.backlog_limit + 1;
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 1, "b", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, b, 0, "room", 2);
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_EASY);
	add_backlog(node, over);
	say_there(mesh, a, "", "1");
	say_there(mesh, a, "#room", "2");
	say_there(mesh, a, "", "3");
	expect_nothing(b);
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_TIGHT);
	assert_true(ingress_look(node->ingress).held > 0);
	assert_true(rig_held_as(&node->rig, BUDGET_BATCHES) > 0);
	assert_in_range(mesh_turn(node), 1, 100);
	/* It has to come down to half of the mark. */
	take_backlog(node, over / 4);
	mesh_run(mesh);
	expect_nothing(b);
	take_backlog(node, over - over / 4);
	mesh_run(mesh);
	expect_text(b, "1 -- FROM a");
	v1_expect_message(b, "a", "#room", "2");
	expect_text(b, "3 -- FROM a");
	assert_int_equal(ingress_look(node->ingress).held, 0);
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_EASY);
	assert_int_equal(mesh_turn(node), -1);
	mesh_destroy(mesh);
	(void)state;
}

/* Beyond its limit whole batches are dropped, counted, and told to those who can understand it. */
static void test_so_much_is_held(void **state)
{
	static char text[2001];
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[1];
	const size_t over = node->rig.node.fanout.backlog_limit + 1;
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 1, "b", "");
	struct client *classic = mesh_login_classic(mesh, 1, 0, "classic");
	uint32_t said = 0;
	memset(text, 'x', sizeof(text) - 1);
	add_backlog(node, over);
	while (ingress_look(node->ingress).lost < 3) {
		assert_true(said < 2000);
		client_text(a, text);
		mesh_run(mesh);
		said++;
	}
	assert_in_range(ingress_look(node->ingress).held, 1 << 19, 1 << 20);
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_FULL);
	expect_nothing(b);
	take_backlog(node, over);
	mesh_run(mesh);
	for (uint32_t i = 0; i < said - 3; i++) {
		struct seen_frame frame;
		assert_true(client_frame(b, &frame));
		assert_int_equal(frame.opcode, FRAME_TEXT);
		assert_true(client_frame(classic, &frame));
	}
	expect_gap(b, 3);
	expect_nothing(b);
	expect_nothing(classic);
	mesh_destroy(mesh);
	(void)state;
}

static void test_held_while_memory_is_short(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[1];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	const size_t limit = node->rig.node.budget.limit;
	node->rig.node.budget.limit = rig_held(&node->rig) + 1;
	say_there(mesh, a, "", "1");
	expect_nothing(b);
	node->rig.node.budget.limit = 1;
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_FULL);
	node->rig.node.budget.limit = limit;
	mesh_run(mesh);
	expect_text(b, "1 -- FROM a");
	mesh_destroy(mesh);
	(void)state;
}

/* While some receiver lags, so much passes in a tick: it is not cut off for what comes from
 * elsewhere, and talk passes. */
static void test_a_lagging_receiver(void **state)
{
	static char text[16001];
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[1];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *deaf = rig_login_with(&node->rig, 0, "deaf", 4096);
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	struct seen_frame frame;
	uint32_t seen = 0;
	uint32_t said = 0;
	memset(text, 'x', sizeof(text) - 1);
	rig_conns(&node->rig, 0)->outbox->queue_limit = 100000;
	deaf->deaf = true;
	while (ingress_look(node->ingress).held == 0) {
		assert_true(said < 100);
		client_text(a, text);
		mesh_run(mesh);
		said++;
	}
	assert_int_equal(rig_conns(&node->rig, 0)->outbox->lagging_count, 1);
	assert_int_equal(ingress_pressure(node->ingress), ELSEWHERE_TIGHT);
	for (int i = 0; i < 20; i++) {
		client_text(a, text);
		mesh_run(mesh);
		said++;
	}
	while (client_frame(b, &frame)) {
		seen++;
	}
	assert_true(seen < said);
	rig_pass(&node->rig, 1);
	mesh_run(mesh);
	uint32_t more = 0;
	while (client_frame(b, &frame)) {
		more++;
	}
	assert_in_range(more, 131072 / 16100, 131072 / 16000 + 1);
	/* In the end it is given up on, or has read: then all is. */
	deaf->deaf = false;
	mesh_run(mesh);
	rig_pass(&node->rig, 1);
	mesh_run(mesh);
	while (client_frame(b, &frame)) {
		more++;
	}
	assert_int_equal(seen + more, said);
	assert_int_equal(rig_ends(&node->rig, CLOSE_REASON_SLOW_READER), 0);
	assert_int_equal(ingress_look(node->ingress).lost, 0);
	mesh_destroy(mesh);
	(void)state;
}

/* --- to a user ---------------------------------------------------------------------------------
 */

/* What is said to one user passes what is held of others, and never what the same one has said. */
static void test_talk_passes(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[1];
	const size_t over = node->rig.node.fanout.backlog_limit + 1;
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *quiet = mesh_login(mesh, 0, 0, "quiet", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	add_backlog(node, over);
	say_there(mesh, a, "", "held");
	v1_say(quiet, 1, "@b", "passes");
	v1_say(a, 2, "@b", "cannot");
	mesh_run(mesh);
	v1_expect_message(b, "quiet", "@b", "passes");
	expect_nothing(b);
	assert_int_equal(mesh->asks[0].sessions, 1);
	assert_int_equal(mesh->asks[0].busy, 0);
	assert_int_equal(mesh->asks[1].sessions, 0);
	assert_int_equal(mesh->asks[1].busy, 1);
	take_backlog(node, over);
	mesh_run(mesh);
	expect_text(b, "held -- FROM a");
	v1_say(a, 3, "@b", "now");
	mesh_run(mesh);
	v1_expect_message(b, "a", "@b", "now");
	assert_int_equal(mesh->asks[2].sessions, 1);
	/* Nothing passes when it is far too much. */
	add_backlog(node, 2 * over);
	v1_say(quiet, 4, "@b", "no");
	mesh_run(mesh);
	expect_nothing(b);
	assert_int_equal(mesh->asks[3].busy, 1);
	take_backlog(node, 2 * over);
	mesh_destroy(mesh);
	(void)state;
}

/* --- what was lost -----------------------------------------------------------------------------
 */

static void test_a_gap_is_told(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct mesh_node *node = &mesh->nodes[1];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	struct client *c = mesh_login(mesh, 1, 1, "c", "");
	struct client *classic = mesh_login_classic(mesh, 1, 1, "classic");
	ingress_gap(node->ingress, 2);
	ingress_gap(node->ingress, 3);
	mesh_run(mesh);
	expect_gap(b, 5);
	expect_gap(c, 5);
	expect_nothing(classic);
	expect_nothing(a);
	ingress_gap(node->ingress, UINT32_MAX - 1);
	ingress_gap(node->ingress, 7);
	mesh_run(mesh);
	expect_gap(b, UINT32_MAX);
	expect_gap(c, UINT32_MAX);
	/* In one batch with much else. */
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, c, 0, "room", 2);
	for (int i = 0; i < 40; i++) {
		v1_say(a, 0, i % 2 ? "" : "#room", "x");
	}
	rig_run(&mesh->nodes[0].rig);
	mesh_mail(&mesh->nodes[0]);
	while (mesh_deliver(mesh, 0, 1)) {
	}
	ingress_gap(node->ingress, 1);
	mesh_run(mesh);
	for (int i = 0; i < 20; i++) {
		v1_expect_message(c, "a", "#room", "x");
		expect_text(c, "x -- FROM a");
		expect_text(b, "x -- FROM a");
		expect_text(classic, "x -- FROM a");
	}
	expect_gap(b, 1);
	expect_gap(c, 1);
	expect_nothing(classic);
	mesh_destroy(mesh);
	(void)state;
}

/* Whatever is cut off, what stands before is taken in, and nothing else happens. */
static void test_malformed(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[1];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, b, JOIN_TELL_MEMBERS, "room", 2);
	client_text(a, "first");
	v1_ask_to_leave(a, 0, "room");
	rig_run(&mesh->nodes[0].rig);
	mesh_mail(&mesh->nodes[0]);
	uint8_t whole[1024];
	size_t len = 0;
	for (const struct mesh_message *its = mesh->nodes[0].pipes[1].first; its; its = its->next) {
		assert_true(len + its->len <= sizeof(whole));
		memcpy(whole + len, its->bytes, its->len);
		len += its->len;
	}
	for (size_t i = 0; i <= len; i++) {
		uint8_t *piece = split_copy(whole, i);
		const struct codec_message message = {.payload = fields_of(piece, i)};
		ingress_batch(node->ingress, node->numbers[0], &message);
		free(piece);
	}
	/* All but the empty one, that of the first message, and the whole one. */
	assert_int_equal(ingress_look(node->ingress).malformed, len - 2);
	mesh_turn(node);
	rig_run(&node->rig);
	struct seen_frame frame;
	uint32_t texts = 0;
	while (client_frame(b, &frame)) {
		texts += frame.opcode == FRAME_TEXT;
	}
	assert_in_range(texts, 2, len);
	mesh_destroy(mesh);
	(void)state;
}

/* --- who comes and goes ------------------------------------------------------------------------
 */

static void test_members_of_all_nodes(void **state)
{
	struct mesh *mesh = mesh_create(2);
	struct client *b = mesh_login(mesh, 1, 1, "b", "");
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *c = mesh_login(mesh, 2, 0, "c", "");
	mesh_join(mesh, 1, b, JOIN_TELL_MEMBERS, "room", 1);
	v1_ask_to_join(a, 1, 0, "room");
	mesh_run(mesh);
	v1_expect_answer(a, 1, PACKET_DONE, 2);
	/* Before the directory there knows of him. */
	v1_expect_members(b, "room", 2, MEMBERS_CAME, "a");
	mesh_sync(mesh);
	mesh_run(mesh);
	v1_ask_to_join(c, 2, 0, "room");
	mesh_run(mesh);
	v1_expect_answer(c, 2, PACKET_DONE, 3);
	v1_expect_members(b, "room", 3, MEMBERS_CAME, "c");
	mesh_sync(mesh);
	/* The last one of a node. */
	v1_ask_to_leave(a, 3, "room");
	mesh_run(mesh);
	v1_expect_answer(a, 3, PACKET_DONE, 2);
	v1_expect_members(b, "room", 2, MEMBERS_WENT, "a");
	mesh_sync(mesh);
	mesh_pass(mesh, 10);
	mesh_run(mesh);
	/* Two threads have told something: so the number is told once more. */
	v1_expect_members(b, "room", 2, MEMBERS_COUNTED, "");
	expect_nothing(b);
	/* And who does not want to know is told nothing. */
	expect_nothing(c);
	mesh_destroy(mesh);
	(void)state;
}

/* A number that was told too early is told once more. */
static void test_numbers_are_set_right(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	struct client *d = mesh_login(mesh, 1, 0, "d", "");
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	mesh_join(mesh, 1, b, JOIN_TELL_MEMBERS, "room", 1);
	v1_ask_to_join(a, 1, 0, "room");
	mesh_run(mesh);
	v1_expect_members(b, "room", 2, MEMBERS_CAME, "a");
	v1_ask_to_join(d, 1, 0, "room");
	mesh_run(mesh);
	v1_expect_members(b, "room", 2, MEMBERS_CAME, "d");
	mesh_sync(mesh);
	for (int tick = 0; tick < 10; tick++) {
		mesh_pass(mesh, 1);
		mesh_run(mesh);
	}
	v1_expect_members(b, "room", 3, MEMBERS_COUNTED, "");
	expect_nothing(b);
	/* A node goes, with all who were there. */
	struct mesh_node *node = &mesh->nodes[1];
	directory_drop_node(node->directory, node->numbers[0]);
	while (directory_step(node->directory, 1000)) {
	}
	ingress_recount(node->ingress);
	for (int tick = 0; tick < 10; tick++) {
		mesh_pass(mesh, 1);
		mesh_run(mesh);
	}
	v1_expect_members(b, "room", 2, MEMBERS_COUNTED, "");
	expect_nothing(b);
	/* Back again, for the teardown. */
	assert_int_equal(directory_take_node(node->directory, &node->numbers[0]), 0);
	mesh_sync(mesh);
	mesh_destroy(mesh);
	(void)state;
}

/* In a room of many the number is told alone. */
static void test_many_members(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[1];
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	mesh_join(mesh, 1, b, JOIN_TELL_MEMBERS, "room", 1);
	/* His own coming was told by another thread. */
	mesh_pass(mesh, 10);
	mesh_run(mesh);
	const uint64_t key = rooms_hash64(node->rig.node.fanout.rooms, SLICE("room"));
	for (int i = 0; i < MESH_NODES; i++) {
		if (i != 2) {
			assert_true(directory_put_room(mesh->nodes[i].directory,
					    mesh->nodes[i].numbers[2], key, 300, false) >= 0);
			ingress_room_changed(mesh->nodes[i].ingress, key);
		}
	}
	for (int tick = 0; tick < 10; tick++) {
		mesh_pass(mesh, 1);
		mesh_run(mesh);
	}
	v1_expect_members(b, "room", 301, MEMBERS_COUNTED, "");
	v1_ask_to_join(a, 1, 0, "room");
	mesh_run(mesh);
	v1_expect_answer(a, 1, PACKET_DONE, 302);
	assert_int_equal(mesh->nodes[0].sends_to_node, 0);
	mesh_tell_room(&mesh->nodes[0], "room");
	for (int tick = 0; tick < 10; tick++) {
		mesh_pass(mesh, 1);
		mesh_run(mesh);
	}
	v1_expect_members(b, "room", 302, MEMBERS_COUNTED, "");
	expect_nothing(b);
	mesh_destroy(mesh);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_while_it_is_too_much),
		cmocka_unit_test(test_so_much_is_held),
		cmocka_unit_test(test_held_while_memory_is_short),
		cmocka_unit_test(test_a_lagging_receiver),
		cmocka_unit_test(test_talk_passes),
		cmocka_unit_test(test_a_gap_is_told),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_members_of_all_nodes),
		cmocka_unit_test(test_numbers_are_set_right),
		cmocka_unit_test(test_many_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
