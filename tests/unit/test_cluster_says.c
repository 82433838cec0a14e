#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_rig.h"

enum {
	BODY_MAX = 600 * 1024, /* three messages */
};

/* --- says --- */

static void say(struct rig_node *node, const char *from, const char *to, const char *text,
	uint32_t id, uint32_t local, bool wants_answer)
{
	const struct elsewhere_said said = {
		.sender = 1000 + id,
		.id = id,
		.wants_answer = wants_answer,
		.from_device = rig_device_hash(node->rig, SLICE("")),
		.sent_ms = 1,
		.from = slice_of(from),
		.to = slice_of(to),
		.text = slice_of(text),
	};
	struct elsewhere_say *made;
	assert_int_equal(elsewhere_say_create(&node->elsewhere, &said, &made), 0);
	made->local_sessions = local;
	cluster_say(node->cluster, made);
}

static struct rig_answer answer_of(struct rig_node *node, uint32_t id)
{
	for (uint32_t i = 0; i < node->answer_count; i++) {
		if (node->answers[i].id == id) {
			return node->answers[i];
		}
	}
	fail_msg("%u is not answered", id);
	return node->answers[0];
}

static void assert_answer(struct rig_node *node, uint32_t id, uint8_t result, uint32_t count)
{
	const struct rig_answer answer = answer_of(node, id);
	assert_int_equal(answer.result, result);
	assert_int_equal(answer.count, count);
	assert_int_equal(answer.sender, 1000 + id);
}

static void test_what_is_said_elsewhere_is_done_when_it_is(void **state)
{
	struct rig *rig = rig_create(51, 3);
	rig->max_devices = 1;
	rig_meet(rig);
	rig_login(&rig->nodes[1], "bob", "");
	rig_run(rig, 50);
	say(&rig->nodes[0], "alice", "bob", "hi", 1, 0, true);
	assert_int_equal(rig->nodes[0].answer_count, 0); /* not before his node has said so */
	rig_run(rig, 50);
	assert_answer(&rig->nodes[0], 1, CLUSTER_DONE, 1);
	assert_int_equal(rig->nodes[1].says, 1);
	assert_int_equal(rig->nodes[2].says, 0);
	say(&rig->nodes[0], "alice", "nobody", "hi", 2, 0, true);
	assert_answer(&rig->nodes[0], 2, CLUSTER_NOBODY, 0); /* at once: it was "maybe" */
	say(&rig->nodes[0], "alice", "bob", "hi", 3, 2, true);
	rig_run(rig, 50);
	assert_answer(&rig->nodes[0], 3, CLUSTER_DONE, 3);
	say(&rig->nodes[0], "alice", "bob", "too much", 4, 0, true);
	rig_run(rig, 50);
	assert_answer(&rig->nodes[0], 4, CLUSTER_BUSY, 0);
	assert_int_equal(rig->nodes[0].answer_count, 4);
	assert_int_equal(rig->nodes[0].elsewhere.egress, 0); /* all given back */
	rig_destroy(rig);
}

static void test_who_has_gone_meanwhile_is_nobody(void **state)
{
	struct rig *rig = rig_create(52, 2);
	rig_meet(rig);
	struct rig_session *bob = rig_login(&rig->nodes[1], "bob", "");
	rig_run(rig, 50);
	rig_logout(bob);
	say(&rig->nodes[0], "alice", "bob", "hi", 1, 0, true);
	rig_run(rig, 50);
	assert_answer(&rig->nodes[0], 1, CLUSTER_NOBODY, 0);
	rig_destroy(rig);
}

static void test_without_an_answer_it_is_unknown_after_two_seconds(void **state)
{
	struct rig *rig = rig_create(53, 2);
	rig_meet(rig);
	rig_login(&rig->nodes[1], "bob", "");
	rig_run(rig, 50);
	rig->is_cut[1][0] = true; /* the answer is lost */
	const uint64_t begin_ms = rig_now_ms(rig);
	say(&rig->nodes[0], "alice", "bob", "hi", 1, 0, true);
	say(&rig->nodes[0], "alice", "bob", "hi", 2, 1, true);
	rig_run(rig, 1900);
	assert_int_equal(rig->nodes[0].answer_count, 0);
	rig_run(rig, 300);
	assert_answer(&rig->nodes[0], 1, CLUSTER_UNKNOWN, 0);
	assert_answer(&rig->nodes[0], 2, CLUSTER_DONE, 1); /* one here was reached */
	assert_in_range(answer_of(&rig->nodes[0], 1).at_ms - begin_ms, 2000, 2200);
	assert_int_equal(rig->nodes[1].says, 2);
	/* What comes later is nobody's. */
	rig->is_cut[1][0] = false;
	rig_run(rig, 1000);
	assert_int_equal(rig->nodes[0].answer_count, 2);
	rig_destroy(rig);
}

static void test_who_cannot_be_asked_is_unreachable(void **state)
{
	struct rig *rig = rig_create(54, 3);
	rig_meet(rig);
	rig_login(&rig->nodes[1], "bob", "");
	rig_run(rig, 50);
	rig->is_cut[1][0] = true;
	rig_run(rig, 7000);
	say(&rig->nodes[0], "alice", "bob", "hi", 1, 0, true); /* his node is suspect */
	assert_answer(&rig->nodes[0], 1, CLUSTER_UNREACHABLE, 0);
	assert_int_equal(rig->nodes[1].says, 0);
	rig->is_cut[1][0] = false;
	rig_run(rig, 3000);
	rig_set_link(&rig->nodes[0], false);
	rig_run(rig, 3000);
	say(&rig->nodes[0], "alice", "bob", "hi", 2, 0, true); /* the own link is down */
	assert_answer(&rig->nodes[0], 2, CLUSTER_UNREACHABLE, 0);
	say(&rig->nodes[0], "alice", "bob", "hi", 3, 1, true);
	assert_answer(&rig->nodes[0], 3, CLUSTER_DONE, 1);
	say(&rig->nodes[0], "bob", "alice", "hi", 4, 1, false);
	assert_int_equal(rig->nodes[0].answer_count, 3); /* only shown: no answer */
	rig_destroy(rig);
}

static void test_a_user_in_two_places(void **state)
{
	struct rig *rig = rig_create(55, 4);
	for (int i = 0; i < 4; i++) {
		rig_kill(&rig->nodes[i]);
	}
	rig->max_devices = 4;
	for (int i = 0; i < 4; i++) {
		rig_start(&rig->nodes[i]);
	}
	rig_meet(rig);
	rig_login(&rig->nodes[1], "bob", "a");
	rig_login(&rig->nodes[2], "bob", "b");
	rig_login(&rig->nodes[2], "bob", "c");
	rig_login(&rig->nodes[3], "alice", "x"); /* the sender's other one */
	rig_run(rig, 50);
	say(&rig->nodes[0], "alice", "bob", "hi", 1, 0, true);
	rig_run(rig, 50);
	assert_answer(&rig->nodes[0], 1, CLUSTER_DONE, 3);
	assert_int_equal(rig->nodes[3].says, 1); /* she is shown it there */
	rig->is_cut[0][2] = true;
	say(&rig->nodes[0], "alice", "bob", "hi", 2, 0, true);
	rig_run(rig, 2200);
	assert_answer(&rig->nodes[0], 2, CLUSTER_DONE, 1); /* some were reached */
	say(&rig->nodes[0], "alice", "bob", "hi", 3, 1, false);
	rig_run(rig, 50);
	assert_int_equal(rig->nodes[3].says, 3);
	assert_int_equal(rig->nodes[1].says, 2);
	rig_destroy(rig);
}

static void test_results_of_several(void **state)
{
	static const uint8_t order[] = {
		CLUSTER_DONE, CLUSTER_UNKNOWN, CLUSTER_UNREACHABLE, CLUSTER_BUSY, CLUSTER_NOBODY};
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < 5; j++) {
			assert_int_equal(says_merge(order[i], order[j]), order[i < j ? i : j]);
		}
	}
}

/* --- asks of the API --- */

struct asked {
	struct cluster_call call; /* first */
	uint32_t answered;
	uint32_t done;
	uint8_t results[8];
	char nodes[8][16];
	uint32_t counts[8];
	size_t body_len;
	bool is_body_right;
	const uint8_t *body;
};

static void on_answered(struct cluster_call *call, struct slice node, uint8_t result,
	uint32_t count, struct slice body)
{
	struct asked *asked = (struct asked *)call;
	assert_int_equal(asked->done, 0);
	asked->results[asked->answered] = result;
	asked->counts[asked->answered] = count;
	memcpy(asked->nodes[asked->answered], node.data, node.len);
	asked->answered++;
	asked->body_len = body.len;
	asked->is_body_right =
		!asked->body || (body.len > 0 && memcmp(body.data, asked->body, body.len) == 0);
}

static void on_done(struct cluster_call *call)
{
	((struct asked *)call)->done++;
}

static struct asked fresh(void)
{
	return (struct asked){.call = {.answered = on_answered, .done = on_done}};
}

static void test_all_are_asked(void **state)
{
	struct asked asked = fresh();
	const struct cluster_target target = {.aim = CLUSTER_TO_ALL};
	struct rig *rig = rig_create(61, 4);
	rig_meet(rig);
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &target, 1, SLICE("what?"), 5000, &asked.call),
		0);
	assert_int_equal(asked.answered, 0);
	rig_run(rig, 100);
	assert_int_equal(asked.answered, 3);
	assert_int_equal(asked.done, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(asked.results[i], CLUSTER_DONE);
		assert_int_equal(asked.counts[i], 7);
	}
	assert_int_equal(asked.body_len, 5);
	rig_destroy(rig);
}

static void test_those_are_asked_whom_it_concerns(void **state)
{
	struct rig *rig = rig_create(62, 4);
	rig_meet(rig);
	rig_login(&rig->nodes[2], "bob", "");
	cluster_on_room(rig->nodes[3].cluster, 99, 2, false);
	rig_run(rig, 1100);
	const struct cluster_target targets[] = {
		{.aim = CLUSTER_TO_USER, .key = rig_hash_of(rig, SLICE("bob"))},
		{.aim = CLUSTER_TO_ROOM, .key = 99},
		{.aim = CLUSTER_TO_NODE, .id = SLICE("gw-2")},
	};
	static const char *const names[] = {"gw-3", "gw-4", "gw-2"};
	for (int i = 0; i < 3; i++) {
		struct asked asked = fresh();
		assert_int_equal(cluster_ask(rig->nodes[0].cluster, &targets[i], 1, SLICE(""), 5000,
					 &asked.call),
			0);
		rig_run(rig, 100);
		assert_int_equal(asked.answered, 1);
		assert_int_equal(asked.done, 1);
		assert_string_equal(asked.nodes[0], names[i]);
	}
	struct asked asked = fresh();
	const struct cluster_target stranger = {.aim = CLUSTER_TO_NODE, .id = SLICE("gw-9")};
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &stranger, 1, SLICE(""), 5000, &asked.call),
		-ENOENT);
	const struct cluster_target nobody = {.aim = CLUSTER_TO_USER, .key = 12345};
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &nobody, 1, SLICE(""), 5000, &asked.call), 0);
	assert_int_equal(asked.done, 0);
	rig_run(rig, 600);
	assert_int_equal(asked.done, 1);
	assert_int_equal(asked.answered, 0);
	rig_destroy(rig);
}

static void test_long_bodies_come_in_pieces(void **state)
{
	uint8_t *body = malloc(BODY_MAX);
	assert_non_null(body);
	for (uint32_t i = 0; i < BODY_MAX; i++) {
		body[i] = (uint8_t)(i * 2654435761u >> 24);
	}
	struct rig *rig = rig_create(63, 2);
	rig_meet(rig);
	const struct cluster_target target = {.aim = CLUSTER_TO_ALL};
	for (int i = 0; i < 2; i++) {
		struct asked asked = fresh();
		asked.body = body;
		assert_int_equal(
			cluster_ask(rig->nodes[0].cluster, &target, 1,
				(struct slice){(const char *)body, BODY_MAX}, 5000, &asked.call),
			0);
		rig_run(rig, 100);
		assert_int_equal(asked.done, 1);
		assert_int_equal(asked.body_len, BODY_MAX);
		assert_true(asked.is_body_right);
	}
	assert_true(rig->nodes[0].sent[CODEC_CALL] >= 6);
	free(body);
	rig_destroy(rig);
}

static void test_who_does_not_answer_is_named(void **state)
{
	struct rig *rig = rig_create(64, 4);
	rig_meet(rig);
	rig->is_cut[1][0] = true;
	rig_run(rig, 7000); /* suspect */
	rig->is_cut[2][0] = true;
	struct asked asked = fresh();
	struct asked forgotten = fresh();
	const struct cluster_target target = {.aim = CLUSTER_TO_ALL};
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &target, 1, SLICE("a"), 1000, &asked.call), 0);
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &target, 1, SLICE("a"), 1000, &forgotten.call),
		0);
	cluster_forget(rig->nodes[0].cluster, &forgotten.call);
	rig_run(rig, 900);
	assert_int_equal(asked.done, 0);
	rig_run(rig, 300);
	assert_int_equal(asked.done, 1);
	assert_int_equal(asked.answered, 3);
	for (int i = 0; i < 3; i++) {
		const uint8_t expected = strcmp(asked.nodes[i], "gw-2") == 0   ? CLUSTER_UNREACHABLE
					 : strcmp(asked.nodes[i], "gw-3") == 0 ? CLUSTER_UNKNOWN
									       : CLUSTER_DONE;
		assert_int_equal(asked.results[i], expected);
	}
	assert_int_equal(forgotten.answered, 0);
	assert_int_equal(forgotten.done, 0);
	cluster_forget(rig->nodes[0].cluster, &asked.call);
	assert_int_equal(rig->nodes[0].cluster->calls.under_way, 0);
	assert_int_equal(rig->nodes[0].cluster->asks.count, 0);
	rig_destroy(rig);
}

static void test_who_dies_leaves_it_unknown(void **state)
{
	struct rig *rig = rig_create(65, 3);
	rig_meet(rig);
	struct asked asked = fresh();
	const struct cluster_target target = {.aim = CLUSTER_TO_NODE, .id = SLICE("gw-2")};
	assert_int_equal(
		cluster_ask(rig->nodes[0].cluster, &target, 0, SLICE(""), 60000, &asked.call), 0);
	cluster_bye(rig->nodes[1].cluster);
	rig_run(rig, 300);
	assert_int_equal(asked.done, 1);
	assert_int_equal(asked.results[0], CLUSTER_UNKNOWN);
	assert_string_equal(asked.nodes[0], "gw-2");
	rig_destroy(rig);
}

static void test_not_more_than_so_many(void **state)
{
	struct rig *rig = rig_create(66, 2);
	rig_meet(rig);
	struct asked *asked = calloc(CLUSTER_CALLS_MAX + 1, sizeof(*asked));
	assert_non_null(asked);
	const struct cluster_target target = {.aim = CLUSTER_TO_ALL};
	for (int i = 0; i <= CLUSTER_CALLS_MAX; i++) {
		asked[i] = fresh();
		assert_int_equal(cluster_ask(rig->nodes[0].cluster, &target, 0, SLICE(""), 1000,
					 &asked[i].call),
			i < CLUSTER_CALLS_MAX ? 0 : -EBUSY);
	}
	rig_run(rig, 1200);
	for (int i = 0; i < CLUSTER_CALLS_MAX; i++) {
		assert_int_equal(asked[i].done, 1);
	}
	assert_int_equal(asked[CLUSTER_CALLS_MAX].done, 0);
	free(asked);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_said_elsewhere_is_done_when_it_is),
		cmocka_unit_test(test_who_has_gone_meanwhile_is_nobody),
		cmocka_unit_test(test_without_an_answer_it_is_unknown_after_two_seconds),
		cmocka_unit_test(test_who_cannot_be_asked_is_unreachable),
		cmocka_unit_test(test_a_user_in_two_places),
		cmocka_unit_test(test_results_of_several),
		cmocka_unit_test(test_all_are_asked),
		cmocka_unit_test(test_those_are_asked_whom_it_concerns),
		cmocka_unit_test(test_long_bodies_come_in_pieces),
		cmocka_unit_test(test_who_does_not_answer_is_named),
		cmocka_unit_test(test_who_dies_leaves_it_unknown),
		cmocka_unit_test(test_not_more_than_so_many),
	};
	user_table_thread_begin();
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	user_table_thread_end();
	return failed;
}
