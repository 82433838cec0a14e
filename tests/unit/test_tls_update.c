/* KeyUpdates: the peer's, whole and in pieces, our answers, and our own at the end of a key. */
#include "tls_line_rig.h"

static const uint8_t update[] = {24, 0, 0, 1, 0};
static const uint8_t request[] = {24, 0, 0, 1, 1};

/* The peer says so and seals with its next key from then on. */
static void take_update(struct rig *rig, const uint8_t message[sizeof(update)])
{
	assert_int_equal(rig_take_content(rig, 22, message, sizeof(update)), TLS_EVENT_NOTHING);
	rig_end_update(&rig->theirs);
}

/* --- the peer's --------------------------------------------------------------------------------
 */

static void read_on(struct rig *rig)
{
	rig_expect_data(rig, "before", 6);
	for (int i = 0; i < 3; i++) {
		take_update(rig, update);
		assert_false(tls_line_owes(rig->line));
		rig_expect_data(rig, "after", 5);
	}
	rig_expect_sent(rig, "still", 5); /* with the first key */
}

static void test_reading_goes_on(void **state)
{
	rig_with_each(read_on);
}

/* The old key is of no more use. */
static void old_key(struct rig *rig)
{
	assert_int_equal(rig_take_content(rig, 22, update, sizeof(update)), TLS_EVENT_NOTHING);
	assert_broken(rig, rig_take_content(rig, 23, "late", 4), TLS_ALERT_BAD_RECORD_MAC);
}

static void test_old_key_is_gone(void **state)
{
	rig_with_each(old_key);
}

/* One answer, however often it was asked for. */
static void answer(struct rig *rig)
{
	take_update(rig, request);
	rig_expect_update(rig, 0);
	rig_expect_sent(rig, "new", 3);
	take_update(rig, request);
	take_update(rig, request);
	take_update(rig, update);
	rig_expect_update(rig, 0);
	rig_expect_sent(rig, "newer", 5);
	rig_expect_data(rig, "all right", 9);
}

static void test_request_is_answered(void **state)
{
	rig_with_each(answer);
}

/* --- in pieces ---------------------------------------------------------------------------------
 */

/* A bit for each byte but the last says whether a record ends behind it. */
static void in_pieces(struct rig *rig)
{
	for (unsigned cuts = 0; cuts < 1u << (sizeof(request) - 1); cuts++) {
		size_t begin = 0;
		for (size_t end = 1; end <= sizeof(request); end++) {
			if (end < sizeof(request) && !(cuts >> (end - 1) & 1)) {
				continue;
			}
			assert_false(tls_line_owes(rig->line));
			assert_int_equal(rig_take_content(rig, 22, request + begin, end - begin),
				TLS_EVENT_NOTHING);
			begin = end;
		}
		rig_end_update(&rig->theirs);
		rig_expect_update(rig, 0);
		rig_expect_data(rig, "whole", 5);
	}
}

static void test_pieces(void **state)
{
	rig_with_each(in_pieces);
}

/* Nothing comes in between, not even an end. RFC 8446 section 5.1. */
static void in_between(struct rig *rig)
{
	static const struct {
		uint8_t kind;
		const char *content;
		size_t len;
	} others[] = {{23, "data", 4}, {23, "", 0}, {21, "\1\0", 2}, {21, "\2\50", 2}, {22, "", 0},
		{20, "\1", 1}};
	for (size_t piece = 1; piece < sizeof(update); piece++) {
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			rig->line->update_len = 0;
			assert_int_equal(
				rig_take_content(rig, 22, update, piece), TLS_EVENT_NOTHING);
			assert_broken(rig,
				rig_take_content(
					rig, others[i].kind, others[i].content, others[i].len),
				TLS_ALERT_UNEXPECTED_MESSAGE);
		}
	}
}

static void test_nothing_in_between(void **state)
{
	rig_with_each(in_between);
}

/* A fault in a later piece gets the alert that it gets in the first. */
static void fault_in_pieces(struct rig *rig)
{
	static const struct {
		const char *rest;
		size_t len;
		enum tls_alert alert;
	} faults[] = {
		{"\2", 1, TLS_ALERT_ILLEGAL_PARAMETER},
		{"\0\0", 2, TLS_ALERT_UNEXPECTED_MESSAGE},
		{"\1\30\0\0\1\1", 6, TLS_ALERT_UNEXPECTED_MESSAGE},
	};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		rig->line->update_len = 0;
		assert_int_equal(rig_take_content(rig, 22, update, 4), TLS_EVENT_NOTHING);
		assert_broken(rig, rig_take_content(rig, 22, faults[i].rest, faults[i].len),
			faults[i].alert);
	}
	rig->line->update_len = 0;
	assert_int_equal(rig_take_content(rig, 22, update, 2), TLS_EVENT_NOTHING);
	assert_broken(rig, rig_take_content(rig, 22, "\1", 1), TLS_ALERT_DECODE_ERROR);
}

static void test_faults_in_pieces(void **state)
{
	rig_with_each(fault_in_pieces);
}

/* --- the end of a key --------------------------------------------------------------------------
 */

/* Both ends as if so many records had been read. */
static void jump_reading(struct rig *rig, uint64_t seq)
{
	rig->line->read_seq = seq;
	rig->theirs.seq = seq;
}

static void jump_writing(struct rig *rig, uint64_t seq)
{
	rig->line->write_seq = seq;
	rig->ours.seq = seq;
}

/* 2^24 records, then another key of ours. */
static void rekey(struct rig *rig)
{
	jump_writing(rig, (1 << 24) - 2);
	rig_expect_sent(rig, "last but one", 12);
	assert_false(tls_line_owes(rig->line));
	rig_expect_sent(rig, "last", 4);
	rig_expect_update(rig, 0);
	rig_expect_sent(rig, "first", 5);
	assert_false(tls_line_owes(rig->line));
	rig_expect_data(rig, "yes", 3); /* with the peer's first */
}

static void test_our_key_is_replaced(void **state)
{
	rig_with_each(rekey);
}

/* 2^24 records, and the peer is asked for another key of its own, once. */
static void ask(struct rig *rig)
{
	jump_reading(rig, (1 << 24) - 2);
	rig_expect_data(rig, "last but one", 12);
	assert_false(tls_line_owes(rig->line));
	rig_expect_data(rig, "last", 4);
	rig_expect_update(rig, 1);
	rig_expect_data(rig, "what?", 5);
	assert_false(tls_line_owes(rig->line));
	take_update(rig, update);
	assert_false(tls_line_owes(rig->line));
	rig_expect_data(rig, "there", 5);
	jump_reading(rig, (1 << 24) - 1);
	rig_expect_data(rig, "again", 5);
	rig_expect_update(rig, 1);
}

static void test_peer_is_asked_once(void **state)
{
	rig_with_each(ask);
}

/* What came by itself is not asked for, but what the peer asks for is given. */
static void no_need_to_ask(struct rig *rig)
{
	jump_reading(rig, (1 << 24) - 1);
	rig_expect_data(rig, "last", 4);
	assert_true(tls_line_owes(rig->line));
	take_update(rig, update);
	assert_false(tls_line_owes(rig->line));
	jump_reading(rig, (1 << 24) - 1);
	rig_expect_data(rig, "last", 4);
	take_update(rig, request);
	rig_expect_update(rig, 0);
}

static void test_no_need_to_ask(void **state)
{
	rig_with_each(no_need_to_ask);
}

/* All 64 bits of a number count, and none comes again. RFC 8446 section 5.3. */
static void end_of_numbers(struct rig *rig)
{
	static const uint64_t numbers[] = {
		1ull << 32, (1ull << 32) - 1, 0x0123456789abcdef, UINT64_MAX - 2};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		jump_reading(rig, numbers[i]);
		jump_writing(rig, numbers[i]);
		rig_expect_data(rig, "far", 3);
		rig_expect_sent(rig, "far, too", 8);
	}
	assert_int_equal(rig->line->read_seq, UINT64_MAX - 1);
	rig_expect_data(rig, "the last", 8);
	assert_broken(rig, rig_take_content(rig, 23, "one more", 8), TLS_ALERT_UNEXPECTED_MESSAGE);
	/* The other direction has its KeyUpdate, long due. */
	rig_expect_update(rig, 0);
	rig_expect_sent(rig, "near", 4);
}

static void test_numbers_end(void **state)
{
	rig_with_each(end_of_numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_goes_on),
		cmocka_unit_test(test_old_key_is_gone),
		cmocka_unit_test(test_request_is_answered),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_nothing_in_between),
		cmocka_unit_test(test_faults_in_pieces),
		cmocka_unit_test(test_our_key_is_replaced),
		cmocka_unit_test(test_peer_is_asked_once),
		cmocka_unit_test(test_no_need_to_ask),
		cmocka_unit_test(test_numbers_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
