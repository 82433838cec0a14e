/* A node of several goes on in another process: what the others see of it, and it of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/cluster/cluster_pack.h"
#include "cluster_rig.h"

enum {
	NODES = 3,
	ALL = 1 << 30, /* that is under way */
	ROOM = 77,
};

/* --- the hand-over -----------------------------------------------------------------------------
 */

/* The giver takes so many of each source's messages that are under way. All of them stay there, for
 * the taker hears them too. */
static void let_take(struct rig_node *node, uint32_t takes)
{
	for (uint32_t i = 0; i < node->rig->node_count; i++) {
		const struct rig_parcel *parcel = node->first[i];
		for (uint32_t n = 0; parcel && n < takes; n++) {
			cluster_on_message(
				node->cluster, parcel->is_to_all, parcel->data, parcel->len);
			parcel = parcel->next;
		}
	}
}

static struct cluster *make_taker(struct rig_node *node)
{
	struct rig *rig = node->rig;
	const struct cluster_setup setup = {
		.id = node->id,
		.address = "http://127.0.0.1:8000/",
		.version = "1.2.4",
		.incarnation = node->incarnation,
		.key = &rig->key,
		.link = &node->link,
		.epochs = &node->epochs,
		.fanout = &node->fanout,
		.ops = &rig_ops,
		.context = node,
		.max_devices = rig->max_devices,
		.message_max = 65536,
		.seed = rig_random(rig, UINT64_MAX),
		.now_us = rig->now_us,
		.wall_ms = rig_wall_ms(node),
	};
	struct cluster *taker;
	assert_int_equal(cluster_create(&setup, &taker), 0);
	return taker;
}

static void pack_giver(struct rig_node *node, uint32_t takes, struct pack *pack)
{
	let_take(node, takes);
	rig_tell_sessions(node);
	cluster_give_up(node->cluster);
	cluster_turn(node->cluster, node->rig->now_us, rig_wall_ms(node));
	*pack = PACK_EMPTY;
	cluster_pack(node->cluster, pack);
	assert_false(pack->failed);
}

static void hand_over(struct rig_node *node, uint32_t takes)
{
	struct pack pack;
	pack_giver(node, takes, &pack);
	cluster_destroy(&node->cluster);
	node->cluster = make_taker(node);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(cluster_unpack(node->cluster, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	node->turn_due_us = 0;
	pack_finish(&pack);
}

/* --- talk --------------------------------------------------------------------------------------
 */

static void say_to_all(struct rig_node *node)
{
	assert_int_equal(cluster_send_all(node->cluster, (const uint8_t *)"x", 1), 0);
}

static void say_to_node(struct rig_node *node, const struct rig_node *to)
{
	assert_int_equal(
		cluster_send_node(node->cluster, rig_peer(node, to)->node, (const uint8_t *)"y", 1),
		0);
}

/* Each to all, and to each. Every node gets so many. */
static uint32_t talk(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		say_to_all(&rig->nodes[i]);
		for (uint32_t j = 0; j < rig->node_count; j++) {
			if (i != j) {
				say_to_node(&rig->nodes[i], &rig->nodes[j]);
			}
		}
	}
	return 2 * (rig->node_count - 1);
}

static void expect_batches(const struct rig *rig, uint32_t count)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		assert_int_equal(rig->nodes[i].batches, count);
	}
}

static struct rig *start(uint64_t seed)
{
	char name[8];
	struct rig *rig = rig_create(seed, NODES);
	rig_meet(rig);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		rig_login(&rig->nodes[i % NODES], name, i % 2 ? "phone" : "");
	}
	for (uint32_t i = 0; i < NODES; i++) {
		cluster_on_room(rig->nodes[i].cluster, ROOM, 1 + i, i == 0);
	}
	rig_run(rig, 3000);
	assert_true(rig_is_equal(rig));
	return rig;
}

/* Nobody has seen anything. */
static void expect_calm(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		const struct rig_node *node = &rig->nodes[i];
		assert_int_equal(node->ups, NODES - 1);
		assert_int_equal(node->downs, 0);
		assert_int_equal(node->gaps, 0);
		assert_int_equal(node->resyncs, 0);
		assert_int_equal(node->kicks, 0);
		assert_int_equal(node->cluster->resync.count, 0);
		assert_int_equal(node->cluster->lost_gap, 0);
		assert_false(node->has_ended);
		for (uint32_t j = 0; j < node->cluster->peers.count; j++) {
			assert_int_equal(node->cluster->peers.sorted[j]->lost, 0);
		}
	}
	rig_check(rig);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_nobody_notices(void **state)
{
	struct rig *rig = start(1);
	struct rig_node *node = &rig->nodes[1];
	uint32_t batches = talk(rig);
	rig_run(rig, 20);
	for (uint32_t takes = 0; takes < 8; takes++) {
		batches += talk(rig);
		batches += talk(rig);
		hand_over(node, takes);
		rig_run(rig, 20);
		expect_batches(rig, batches);
	}
	/* It may take a while: others have talked meanwhile, and it could not answer. */
	node->is_stalled = true;
	say_to_all(&rig->nodes[0]);
	rig_run(rig, 800);
	hand_over(node, 2);
	node->is_stalled = false;
	rig_run(rig, 10000);
	assert_int_equal(node->batches, batches + 1);
	assert_true(rig_is_equal(rig));
	expect_calm(rig);
	rig_destroy(rig);
}

/* It is seen as the same run, of another program. */
static void test_how_others_see_it(void **state)
{
	struct cluster_figures figures;
	struct cluster_node seen[NODES];
	struct rig *rig = start(2);
	struct rig_node *node = &rig->nodes[1];
	hand_over(node, ALL);
	rig_run(rig, 100);
	assert_int_equal(cluster_look(rig->nodes[0].cluster, &figures, seen, NODES), NODES);
	for (int i = 0; i < NODES; i++) {
		if (strcmp(seen[i].id, node->id) == 0) {
			assert_string_equal(seen[i].version, "1.2.4");
			assert_int_equal(seen[i].state, CLUSTER_NODE_UP);
			assert_int_equal(seen[i].sessions, 20);
			assert_true(incarnation_is_same(&seen[i].incarnation, &node->incarnation));
		}
	}
	expect_calm(rig);
	rig_destroy(rig);
}

/* Before anybody has said anything to it. */
static void test_it_knows_at_once_who_is_where(void **state)
{
	struct cluster_place places[8];
	struct rig *rig = start(3);
	struct rig_node *node = &rig->nodes[1];
	const uint64_t root = directory_root(node->cluster->directory, DIRECTORY_SELF, 0);
	const uint64_t all_number = node->cluster->sender.all_number;
	hand_over(node, ALL);
	assert_true(directory_root(node->cluster->directory, DIRECTORY_SELF, 0) == root);
	assert_int_equal(node->elsewhere.nodes, 2);
	assert_int_equal(node->elsewhere.sessions, 40);
	assert_false(node->elsewhere.is_cut_off);
	for (uint32_t i = 0; i < rig->session_count; i++) {
		const struct cluster_session its = rig_session_of(rig, &rig->sessions[i]);
		const bool is_own = rig->sessions[i].node == node->number;
		const uint32_t hash = (uint32_t)(its.key >> 32);
		assert_int_equal(cluster_find(node->cluster, its.key, places, 8), is_own ? 0 : 1);
		assert_true(is_own ||
			    strcmp(places[0].node, rig->nodes[rig->sessions[i].node].id) == 0);
		assert_true(node->elsewhere.has_user(node->elsewhere.directory, hash) == !is_own);
	}
	assert_int_equal(cluster_room_members(node->cluster, ROOM), 1 + 3);
	assert_true(node->cluster->sender.all_number >= all_number);
	assert_true(rig_is_equal(rig));
	/* What happens meanwhile is told as ever. */
	struct rig_session *late = rig_login(node, "late", "");
	rig_run(rig, 50);
	const struct cluster_session its = rig_session_of(rig, late);
	assert_int_equal(cluster_find(rig->nodes[2].cluster, its.key, places, 8), 1);
	rig_run(rig, 5000);
	expect_calm(rig);
	rig_destroy(rig);
}

/* What was lost before is no more, and what is lost between is seen. */
static void test_a_gap_is_still_one(void **state)
{
	struct rig *rig = start(4);
	struct rig_node *node = &rig->nodes[1];
	talk(rig);
	hand_over(node, ALL);
	rig_drop_parcels(node); /* the giver has had them */
	talk(rig);
	rig_drop_parcels(node); /* nobody has */
	talk(rig);
	rig_run(rig, 20);
	assert_int_equal(node->gaps, 4);
	assert_int_equal(node->batches, 8);
	rig_destroy(rig);
}

/* Half of a long ask has come to the giver. */
static void test_pieces(void **state)
{
	enum {
		LONG = 700000
	};
	struct rig *rig = start(5);
	struct rig_node *node = &rig->nodes[1];
	char *body = malloc(LONG);
	assert_non_null(body);
	memset(body, 'b', LONG);
	struct peer *peer = rig_peer(&rig->nodes[0], node);
	uint32_t at = 0;
	uint32_t sent = 0;
	while (at < LONG) {
		struct codec_writer writer;
		sender_begin(&rig->nodes[0].cluster->sender, &writer, CODEC_CALL, NULL);
		assert_int_equal(
			codec_put_call(&writer, 4711, 1, (struct slice){body, LONG}, &at), 0);
		assert_int_equal(
			sender_to_node(&rig->nodes[0].cluster->sender, &peer->line, &writer), 0);
		sent++;
	}
	assert_true(sent > 2);
	const uint32_t answers = node->sent[CODEC_ANSWER];
	hand_over(node, 2);
	assert_int_equal(node->sent[CODEC_ANSWER], answers);
	rig_run(rig, 20);
	/* It comes back whole, in as many pieces. */
	assert_int_equal(node->sent[CODEC_ANSWER], answers + sent);
	expect_calm(rig);
	free(body);
	rig_destroy(rig);
}

/* What was said to a user elsewhere and is not answered by then may have arrived. */
static void test_who_waits_is_answered_as_unknown(void **state)
{
	struct rig *rig = start(6);
	struct rig_node *node = &rig->nodes[1];
	const struct elsewhere_said said = {
		.sender = 5,
		.id = 9,
		.wants_answer = true,
		.from = SLICE("u1"),
		.to = SLICE("u0"),
		.text = SLICE("hello"),
	};
	struct elsewhere_say *say;
	assert_int_equal(elsewhere_say_create(&node->elsewhere, &said, &say), 0);
	cluster_say(node->cluster, say);
	assert_true(cluster_is_asking(node->cluster));
	hand_over(node, ALL);
	assert_int_equal(node->answer_count, 1);
	assert_int_equal(node->answers[0].id, 9);
	assert_int_equal(node->answers[0].result, CLUSTER_UNKNOWN);
	/* The answer comes to the taker, which has not asked. */
	rig_run(rig, 5000);
	assert_int_equal(rig->nodes[0].says, 1);
	assert_int_equal(node->answer_count, 1);
	expect_calm(rig);
	rig_destroy(rig);
}

/* The taker hears what the giver said last: that is no other node of this name. */
static void test_the_own_words_are_no_quarrel(void **state)
{
	struct rig *rig = start(7);
	struct rig_node *node = &rig->nodes[1];
	uint8_t buffer[512];
	struct codec_writer writer;
	const struct codec_heartbeat beat = {.address = SLICE(""), .version = SLICE("")};
	codec_begin(&writer, buffer, sizeof(buffer), &node->cluster->sender.self, CODEC_HEARTBEAT);
	assert_int_equal(codec_put_heartbeat(&writer, &beat), 0);
	const struct codec_to to = codec_to_all(node->cluster->sender.all_number + 1);
	const size_t len = codec_seal(&writer, &to);
	cluster_on_message(node->cluster, true, buffer, len);
	hand_over(node, ALL);
	cluster_on_message(node->cluster, true, buffer, len);
	rig_run(rig, 3000);
	assert_int_equal(node->cluster->peers.count, 2);
	expect_calm(rig);
	rig_destroy(rig);
}

/* One that is down, or silent, is so for the taker too, and one that was there before is known. */
static void test_who_is_not_there(void **state)
{
	struct rig *rig = start(8);
	struct rig_node *node = &rig->nodes[1];
	rig_kill(&rig->nodes[2]);
	rig_run(rig, 7000);
	hand_over(node, ALL);
	assert_int_equal(rig_peer(node, &rig->nodes[2])->state, PEER_SUSPECT);
	rig_run(rig, 7000);
	assert_int_equal(node->downs, 0);
	rig_run(rig, 3000);
	assert_int_equal(node->downs, 1);
	hand_over(node, ALL);
	assert_int_equal(rig_peer(node, &rig->nodes[2])->state, PEER_DOWN);
	assert_int_equal(node->elsewhere.nodes, 1);
	rig_start(&rig->nodes[2]);
	rig_run(rig, 5000);
	assert_int_equal(node->ups, 3);
	assert_true(rig_is_equal(rig));
	rig_destroy(rig);
}

/* The link is down meanwhile: that is seen, and made good as ever. */
static void test_a_link_that_is_down(void **state)
{
	struct rig *rig = start(9);
	struct rig_node *node = &rig->nodes[1];
	rig_set_link(node, false);
	rig_run(rig, 3000);
	rig_login(node, "new", "");
	rig_login(&rig->nodes[0], "other", "");
	rig_run(rig, 100);
	hand_over(node, ALL);
	assert_true(node->elsewhere.is_cut_off);
	rig_run(rig, 500);
	rig_set_link(node, true);
	rig_run(rig, 1000);
	assert_true(rig_settle(rig, 5000));
	assert_int_equal(node->downs, 0);
	rig_check(rig);
	rig_destroy(rig);
}

/* Twenty in a row, each in the midst of logins, kicks and talk. */
static void test_one_after_the_other(void **state)
{
	char name[8];
	uint32_t batches = 0;
	struct rig *rig = start(10);
	for (int i = 0; i < 20; i++) {
		struct rig_node *node = &rig->nodes[rig_random(rig, NODES)];
		for (int j = 0; j < 10; j++) {
			snprintf(name, sizeof(name), "u%d", (int)rig_random(rig, 90));
			rig_login(&rig->nodes[rig_random(rig, NODES)], name, "");
			rig_run(rig, rig_random(rig, 2) * RIG_STEP_MS);
		}
		batches += talk(rig);
		hand_over(node, (uint32_t)rig_random(rig, 6));
		batches += talk(rig);
		rig_run(rig, rig_random(rig, 1500));
	}
	rig_run(rig, 5000);
	expect_batches(rig, batches);
	assert_true(rig_is_equal(rig));
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(rig->nodes[i].gaps, 0);
		assert_int_equal(rig->nodes[i].downs, 0);
		assert_int_equal(rig->nodes[i].resyncs, 0);
	}
	rig_check(rig);
	rig_destroy(rig);
}

/* Cut off anywhere, or with a byte changed: refused, or taken for something else that may be. */
static void test_bytes_that_make_no_sense(void **state)
{
	struct pack pack;
	struct rig *rig = start(11);
	struct rig_node *node = &rig->nodes[1];
	pack_giver(node, ALL, &pack);
	for (int i = 0; i < 600; i++) {
		const size_t at = rig_random(rig, pack.len);
		struct cluster *taker = make_taker(node);
		struct unpack cut = unpack_of(pack.bytes, at);
		assert_int_equal(cluster_unpack(taker, &cut), -EINVAL);
		cluster_destroy(&taker);
		taker = make_taker(node);
		pack.bytes[at] ^= (uint8_t)(1 + rig_random(rig, 255));
		struct unpack changed = unpack_of(pack.bytes, pack.len);
		const int err = cluster_unpack(taker, &changed);
		assert_true(err == 0 || err == -EINVAL || err == -ENOMEM);
		cluster_destroy(&taker);
	}
	cluster_publish_directory(node->cluster);
	pack_finish(&pack);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_notices),
		cmocka_unit_test(test_how_others_see_it),
		cmocka_unit_test(test_it_knows_at_once_who_is_where),
		cmocka_unit_test(test_a_gap_is_still_one),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_who_waits_is_answered_as_unknown),
		cmocka_unit_test(test_the_own_words_are_no_quarrel),
		cmocka_unit_test(test_who_is_not_there),
		cmocka_unit_test(test_a_link_that_is_down),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_bytes_that_make_no_sense),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
