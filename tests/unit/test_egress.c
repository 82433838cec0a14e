#include "mesh_rig.h"

/* --- messages are cut --------------------------------------------------------------------------
 */

/* One batch after the other, none beyond what the link takes; nobody misses any. */
static void test_cut_at_what_fits(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	char text[101] = "";
	memset(text, 'x', sizeof(text) - 1);
	node->payload_max = 1000;
	for (int i = 0; i < 30; i++) {
		client_text(a, text);
	}
	rig_run(&node->rig);
	mesh_mail(node);
	assert_in_range(node->sends_to_all, 4, 10);
	for (const struct mesh_message *its = node->pipes[1].first; its; its = its->next) {
		assert_in_range(its->len, 100, 1000);
	}
	mesh_run(mesh);
	for (int i = 0; i < 30; i++) {
		struct seen_frame frame;
		assert_true(client_frame(b, &frame));
		assert_int_equal(frame.len, 100 + strlen(" -- FROM a"));
	}
	assert_int_equal(egress_look(node->egress).messages, 30);
	assert_int_equal(egress_look(node->egress).sends, node->sends_to_all);
	mesh_destroy(mesh);
	(void)state;
}

/* One that is larger than a batch goes alone; what the link cannot take at all is lost, counted,
 * and nothing else with it. */
static void test_a_large_one(void **state)
{
	static char text[60001];
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 1, 0, "b", "");
	memset(text, 'x', sizeof(text) - 1);
	client_text(a, text);
	mesh_run(mesh);
	struct seen_frame frame;
	assert_true(client_frame(b, &frame));
	assert_int_equal(frame.len, 60000 + strlen(" -- FROM a"));
	node->payload_max = 60000;
	client_text(a, "before");
	client_text(a, text);
	client_text(a, "behind");
	mesh_run(mesh);
	assert_int_equal(node->elsewhere.egress_lost, 1);
	expect_text(b, "before -- FROM a");
	expect_text(b, "behind -- FROM a");
	expect_nothing(b);
	mesh_destroy(mesh);
	(void)state;
}

/* --- order -------------------------------------------------------------------------------------
 */

static size_t messages_to(const struct mesh_node *node, uint16_t to)
{
	size_t count = 0;
	for (const struct mesh_message *its = node->pipes[to].first; its; its = its->next) {
		count++;
	}
	return count;
}

/* A turn's worth is as few messages as order allows. */
static void test_as_few_as_order_allows(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *b = mesh_login(mesh, 0, 0, "b", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 0, b, 0, "room", 2);
	mesh_join(mesh, 1, there, 0, "room", 3);
	for (int i = 0; i < 10; i++) {
		client_text(a, "all");
	}
	for (int i = 0; i < 10; i++) {
		v1_say(b, 0, "#room", "room");
	}
	rig_run(&node->rig);
	mesh_mail(node);
	/* Neither stands in the other's way. */
	assert_int_equal(messages_to(node, 1), 2);
	assert_int_equal(messages_to(node, 2), 1);
	mesh_run(mesh);
	/* What is said to a room goes before what the same user says to all then. */
	v1_say(a, 0, "#room", "1");
	client_text(a, "2");
	v1_say(a, 0, "#room", "3");
	rig_run(&node->rig);
	mesh_mail(node);
	assert_int_equal(messages_to(node, 1), 3);
	for (int i = 0; i < 20; i++) {
		struct seen_frame frame;
		assert_true(client_frame(there, &frame));
	}
	mesh_run(mesh);
	v1_expect_message(there, "a", "#room", "1");
	expect_text(there, "2 -- FROM a");
	v1_expect_message(there, "a", "#room", "3");
	mesh_destroy(mesh);
	(void)state;
}

/* --- the link ----------------------------------------------------------------------------------
 */

static void test_nothing_can_be_sent(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *here = mesh_login(mesh, 0, 0, "here", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, there, 0, "room", 2);
	node->is_cut = true;
	client_text(a, "lost");
	v1_say(a, 0, "#room", "lost");
	mesh_run(mesh);
	expect_text(here, "lost -- FROM a");
	expect_nothing(there);
	assert_int_equal(egress_look(node->egress).lost, 2);
	assert_int_equal(egress_look(node->egress).sends, 0);
	assert_int_equal(node->elsewhere.egress, 0);
	node->is_cut = false;
	client_text(a, "again");
	mesh_run(mesh);
	expect_text(there, "again -- FROM a");
	expect_nothing(there);
	mesh_destroy(mesh);
	(void)state;
}

/* A node goes with something on its way to it, and its number is another one's. */
static void test_a_node_goes(void **state)
{
	struct mesh *mesh = mesh_create(1);
	struct mesh_node *node = &mesh->nodes[0];
	struct client *a = mesh_login(mesh, 0, 0, "a", "");
	struct client *there = mesh_login(mesh, 1, 0, "there", "");
	struct mail *mail;
	mesh_join(mesh, 0, a, 0, "room", 1);
	mesh_join(mesh, 1, there, 0, "room", 2);
	for (int i = 0; i < 3; i++) {
		v1_say(a, 0, "#room", "too late");
		rig_run(&node->rig);
		assert_int_equal(mailbox_take(node->elsewhere.mailbox, &mail), MAILBOX_MAIL);
		egress_put(node->egress, mail);
		egress_drop_node(node->egress, node->numbers[1]);
	}
	egress_flush(node->egress);
	assert_int_equal(node->sends_to_node, 0);
	v1_say(a, 0, "#room", "in time");
	mesh_run(mesh);
	v1_expect_message(there, "a", "#room", "in time");
	assert_int_equal(node->sends_to_node, 1);
	mesh_destroy(mesh);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_at_what_fits),
		cmocka_unit_test(test_a_large_one),
		cmocka_unit_test(test_as_few_as_order_allows),
		cmocka_unit_test(test_nothing_can_be_sent),
		cmocka_unit_test(test_a_node_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
