#include "snapshot_rig.h"

enum {
	SLOW_BUFFER = 4096,
	LONG = 30000, /* bytes of a text that a slow one queues */
};

/* --- what does not move ------------------------------------------------------------------------
 */

static void test_a_giver_that_thaws_goes_on(void **state)
{
	struct snapshot_rig *rig = *state;
	struct client *a = rig_login(&rig->giver, 0, "a");
	struct client *b = rig_login_with(&rig->giver, 1, "b", SLOW_BUFFER);
	static char text[LONG + 1];
	static char expected[LONG + 32];
	memset(text, 'x', LONG);
	snprintf(expected, sizeof(expected), "%s -- FROM a", text);
	b->deaf = true;
	client_text(a, text);
	rig_run(&rig->giver);
	size_t held = rig_held(&rig->giver);
	assert_int_equal(snapshot_rig_move(rig), 0);
	expect_have_all(rig);
	snapshot_finish(&rig->snapshot);
	snapshot_rig_give_up(rig);
	assert_int_equal(rig_held(&rig->giver), held);
	b->deaf = false;
	client_text(a, "and on");
	rig_run(&rig->giver);
	expect_text(b, expected);
	expect_text(b, "and on -- FROM a");
}

static void test_a_taker_that_cannot(void **state)
{
	struct snapshot_rig *rig = *state;
	char why[HANDOVER_TEXT_MAX];
	struct client *a = rig_login(&rig->giver, 0, "a");
	struct client *b = rig_login(&rig->giver, 0, "b");
	/* It has him already, from elsewhere: which no taker can. */
	rig_login(&rig->taker, 0, "c");
	struct snapshot_parts giver = parts_of(&rig->giver);
	struct snapshot_parts taker = parts_of(&rig->taker);
	assert_int_equal(snapshot_begin(&giver, &rig->snapshot), 0);
	assert_int_equal(snapshot_taking_begin(&rig->taking, &taker), 0);
	snprintf(rig->taking.why, sizeof(rig->taking.why), "the disk is full");
	answer(rig, HANDOVER_NOT_NOW);
	assert_int_equal(snapshot_send_node(rig->snapshot, &rig->to_taker), 0);
	assert_int_equal(snapshot_send_more(rig->snapshot, &rig->to_taker), 1);
	assert_int_equal(snapshot_send_more(rig->snapshot, &rig->to_taker), -ECANCELED);
	struct unpack body = channel_body(&rig->to_taker);
	assert_int_equal(handover_text_unpack(&body, why), 0);
	assert_string_equal(why, "the disk is full");
	snapshot_taking_finish(&rig->taking);
	snapshot_finish(&rig->snapshot);
	client_text(a, "still");
	rig_run(&rig->giver);
	expect_text(b, "still -- FROM a");
}

/* A taker that was killed: also when it has said why, and nobody has read that yet. */
static void test_a_taker_that_is_gone(void **state)
{
	struct snapshot_rig *rig = *state;
	struct snapshot_parts giver = parts_of(&rig->giver);
	rig_login(&rig->giver, 0, "a");
	assert_int_equal(snapshot_begin(&giver, &rig->snapshot), 0);
	channel_finish(&rig->to_giver);
	assert_int_equal(snapshot_send_node(rig->snapshot, &rig->to_taker), -ECONNRESET);
}

static void test_why_is_heard_behind_the_end(void **state)
{
	struct snapshot_rig *rig = *state;
	struct snapshot_parts giver = parts_of(&rig->giver);
	assert_int_equal(snapshot_begin(&giver, &rig->snapshot), 0);
	answer(rig, HANDOVER_ACK);
	answer(rig, HANDOVER_NOT_NOW);
	channel_finish(&rig->to_giver);
	assert_int_equal(snapshot_send_node(rig->snapshot, &rig->to_taker), -ECANCELED);
	assert_int_equal(rig->to_taker.message.kind, HANDOVER_NOT_NOW);
}

/* --- what makes no sense -----------------------------------------------------------------------
 */

/* What the giver would send, one message at a time. */
struct script {
	struct snapshot_taking *taking;
	struct pack pack;
};

static int take(struct script *script, enum handover_message kind)
{
	struct unpack body = unpack_of(script->pack.bytes, script->pack.len);
	int err = snapshot_take_message(script->taking, kind, &body, NULL, 0);
	pack_finish(&script->pack);
	assert_true(!err || script->taking->why[0]);
	return err;
}

static void begin_script(struct snapshot_rig *rig, struct script *ret_script)
{
	struct snapshot_parts taker = parts_of(&rig->taker);
	assert_int_equal(snapshot_taking_begin(&rig->taking, &taker), 0);
	*ret_script = (struct script){.taking = &rig->taking, .pack = PACK_EMPTY};
}

static void take_node(struct script *script, uint32_t lines)
{
	pack_u32(&script->pack, lines);
	pack_u32(&script->pack, 0);
	pack_u64(&script->pack, 77);
	snapshot_node_pack(&script->taking->parts, &script->pack);
	assert_int_equal(take(script, HANDOVER_NODE), 0);
	assert_int_equal(script->taking->rested_us, 77);
}

static void test_what_is_out_of_turn(void **state)
{
	static const enum handover_message kinds[] = {HANDOVER_HELLO, HANDOVER_READY, HANDOVER_ACK,
		HANDOVER_GO, HANDOVER_LINES, HANDOVER_BUFFERS, HANDOVER_END, HANDOVER_NODE};
	struct snapshot_rig *rig = *state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct script script;
		begin_script(rig, &script);
		assert_true(take(&script, kinds[i]) < 0);
		snapshot_taking_finish(&rig->taking);
	}
}

static void test_what_comes_behind_the_end(void **state)
{
	struct snapshot_rig *rig = *state;
	struct script script;
	begin_script(rig, &script);
	take_node(&script, 0);
	pack_u32(&script.pack, 0);
	pack_u32(&script.pack, 0);
	assert_int_equal(take(&script, HANDOVER_END), 0);
	assert_true(rig->taking.has_all);
	assert_int_equal(take(&script, HANDOVER_LINES), -EBADMSG);
	snapshot_taking_finish(&rig->taking);
}

static void expect_bad_end(struct snapshot_rig *rig, uint32_t lines, uint32_t buffers)
{
	struct script script;
	begin_script(rig, &script);
	take_node(&script, 0);
	pack_u32(&script.pack, lines);
	pack_u32(&script.pack, buffers);
	assert_int_equal(take(&script, HANDOVER_END), -EBADMSG);
	assert_false(rig->taking.has_all);
	snapshot_taking_finish(&rig->taking);
}

static void test_totals_are_held_against_what_has_come(void **state)
{
	struct snapshot_rig *rig = *state;
	struct script script;
	expect_bad_end(rig, 1, 0);
	expect_bad_end(rig, 0, 1);
	begin_script(rig, &script);
	take_node(&script, 2);
	pack_u32(&script.pack, 0);
	pack_u32(&script.pack, 0);
	assert_int_equal(take(&script, HANDOVER_END), -EBADMSG);
	assert_int_equal(snapshot_lost(&rig->taking), 2);
	snapshot_taking_finish(&rig->taking);
}

static void test_a_buffer_out_of_order(void **state)
{
	struct snapshot_rig *rig = *state;
	struct script script;
	begin_script(rig, &script);
	take_node(&script, 0);
	pack_u32(&script.pack, 1);
	pack_u8(&script.pack, BUDGET_BATCHES);
	pack_slice(&script.pack, SLICE("bytes"));
	assert_int_equal(take(&script, HANDOVER_BUFFERS), -EINVAL);
	pack_u32(&script.pack, 0);
	pack_u8(&script.pack, BUDGET_KINDS);
	pack_slice(&script.pack, SLICE("bytes"));
	assert_int_equal(take(&script, HANDOVER_BUFFERS), -EBADMSG);
	snapshot_taking_finish(&rig->taking);
}

static void test_a_line_without_a_descriptor(void **state)
{
	struct snapshot_rig *rig = *state;
	struct script script;
	begin_script(rig, &script);
	take_node(&script, 1);
	size_t record = pack_part_begin(&script.pack);
	pack_u16(&script.pack, 0);
	pack_part_end(&script.pack, record);
	assert_int_equal(take(&script, HANDOVER_LINES), -EBADMSG);
	snapshot_taking_finish(&rig->taking);
}

static void test_a_section_of_another_name(void **state)
{
	struct snapshot_rig *rig = *state;
	struct script script;
	begin_script(rig, &script);
	pack_u32(&script.pack, 0);
	pack_u32(&script.pack, 0);
	pack_u64(&script.pack, 0);
	snapshot_node_pack(&rig->taking.parts, &script.pack);
	script.pack.bytes[16 + 4]++; /* the first letter of the first name */
	assert_int_equal(take(&script, HANDOVER_NODE), -EINVAL);
	assert_non_null(strstr(rig->taking.why, "epochs"));
	snapshot_taking_finish(&rig->taking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SNAPSHOT_CASE(test_a_giver_that_thaws_goes_on),
		SNAPSHOT_CASE(test_a_taker_that_cannot),
		SNAPSHOT_CASE(test_a_taker_that_is_gone),
		SNAPSHOT_CASE(test_why_is_heard_behind_the_end),
		SNAPSHOT_CASE(test_what_is_out_of_turn),
		SNAPSHOT_CASE(test_what_comes_behind_the_end),
		SNAPSHOT_CASE(test_totals_are_held_against_what_has_come),
		SNAPSHOT_CASE(test_a_buffer_out_of_order),
		SNAPSHOT_CASE(test_a_line_without_a_descriptor),
		SNAPSHOT_CASE(test_a_section_of_another_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
